"""The errors a caller can mend: each message names the thing and the way out."""


class EdgeclustError(Exception):
    """Base of all errors below; the command line shows them as one line and exits with 1."""


class ConfigError(EdgeclustError, ValueError):
    """A setting is outside its range, or two settings do not go together."""


class DataError(EdgeclustError, ValueError):
    """Recordings or samples cannot be used as they are."""


class RunError(EdgeclustError):
    """A run folder is missing, incomplete or in the way."""


class ModelFileError(EdgeclustError):
    """A model file is damaged, is no model of this library, or does not fit the stream."""


class StateError(EdgeclustError):
    """What a device learnt cannot be read or saved, or belongs to another model or labeler."""


class MissingExtraError(EdgeclustError, ImportError):
    """A package of an optional extra is not installed."""
