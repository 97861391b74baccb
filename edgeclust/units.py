"""Units of acceleration and of angular rate: how much one is of another."""

import math

STANDARD_GRAVITY = 9.80665
"""Metres per second squared in one g."""

IN_G = {
    "g": 1.0,
    "mg": 1e-3,
    "m/s2": 1 / STANDARD_GRAVITY,
    "m/s^2": 1 / STANDARD_GRAVITY,
    "m/s²": 1 / STANDARD_GRAVITY,
}
"""How much of g the units of acceleration are."""

IN_RAD_S = {
    "rad/s": 1.0,
    "deg/s": math.pi / 180,
    "dps": math.pi / 180,
    "°/s": math.pi / 180,
}
"""How much of rad/s the units of angular rate are."""


def unit_factor(unit: str, wanted: str) -> float | None:
    """Return what values are multiplied by to be in another unit.

    Parameters
    ----------
    unit, wanted : str
        As cards name them.

    Returns
    -------
    factor : float or None
        1 for a unit and itself, whatever it is; None where one is not known to be the other.

    Examples
    --------
    >>> from edgeclust.units import unit_factor
    >>> unit_factor("g", "m/s2"), unit_factor("lux", "lux"), unit_factor("g", "rad/s")
    (9.80665, 1.0, None)
    """
    if unit == wanted:
        return 1.0
    for known in (IN_G, IN_RAD_S):
        if unit in known and wanted in known:
            return known[unit] / known[wanted]
    return None
