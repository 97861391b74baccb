"""Say which extra to install when a package that an optional floor needs is missing."""

from importlib.util import find_spec

from edgeclust.errors import MissingExtraError


def require_extra(extra: str, package: str, modules: tuple[str, ...]) -> None:
    """Check that the modules of an extra can be imported, without importing them.

    Parameters
    ----------
    extra : str
        Name of the extra in this distribution, as in ``pip install 'edgeclust[train]'``.
    package : str
        What needs it, named in the message.
    modules : tuple of str
        Top-level modules that have to be there.

    Raises
    ------
    MissingExtraError
        If one is not; the message names all that are missing and the command that installs them.

    Examples
    --------
    >>> from edgeclust.extras import require_extra
    >>> require_extra("train", "edgeclust.train", ("json",))
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{package} needs {', '.join(missing)}: pip install 'edgeclust[{extra}]'"
        )
