"""Write a file whole or not at all."""

import errno
import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file by new content so that a reader sees the old or the new, never a part.

    Parameters
    ----------
    path : Path
        The file; its folder has to exist.
    content : bytes
        All of the new content.

    Raises
    ------
    OSError
        If the content cannot be written (a full disk, a read-only folder). The old file is
        untouched then and nothing else is left behind.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from edgeclust.files import write_atomically
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder) / "note.txt", b"done")
    ...     (Path(folder) / "note.txt").read_bytes()
    b'done'
    """
    import tempfile  # here, as a device that starts has nothing to write yet

    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """Return the process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
