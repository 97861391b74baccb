"""Units of published data, brought to those that are used everywhere here: g and rad/s."""

STANDARD_GRAVITY = 9.80665
"""Metres per second squared in one g."""
