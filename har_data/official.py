"""Find and read the files of a data set as its authors published them."""

import tarfile
import zlib
from pathlib import Path

import pooch

from edgeclust.errors import DataError


def default_root(name: str) -> Path:
    """Return the folder that ``edgeclust data fetch`` keeps the files of a data set in.

    Parameters
    ----------
    name : str
        Of the data set.
    """
    return Path(pooch.os_cache("edgeclust")) / name


def look_for(name: str, root: Path | None, *candidates: str) -> Path | None:
    """Return the first of some files that is there, or None.

    Parameters
    ----------
    name, root, candidates
        As of `find_file`.
    """
    folder = default_root(name) if root is None else root
    paths = [place / file for place in (folder, folder / name) for file in candidates]
    return next((path for path in paths if path.is_file()), None)


def find_file(name: str, root: Path | None, *candidates: str) -> Path:
    """Return the first of some files that is there.

    Parameters
    ----------
    name : str
        Of the data set.
    root : Path or None
        Folder to look in, and in its folder called as the data set; the one of ``edgeclust data
        fetch`` where there is none.
    candidates : str
        Paths in it.

    Raises
    ------
    DataError
        If none is there; the message says how to get it.
    """
    if path := look_for(name, root, *candidates):
        return path
    folder = default_root(name) if root is None else root
    raise DataError(
        f"{folder}: has no {' and no '.join(candidates)} of {name!r}: name the folder of the "
        f"official files with --root DIR, or: edgeclust data fetch {name} --root {folder}"
    )


def read_members(archive: Path, names: list[str]) -> dict[str, bytes]:
    """Read some files out of a ``.tar.gz``, wherever they lie in it, in one pass.

    Parameters
    ----------
    archive : Path
        The archive.
    names : list of str
        Names of the files, without folders.

    Raises
    ------
    DataError
        If the archive is damaged, cut, or lacks one of the files.
    """
    found = {}
    try:
        with tarfile.open(archive, "r|gz") as members:
            for member in members:
                name = Path(member.name).name
                if name in names and (file := members.extractfile(member)):
                    found[name] = file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{archive}: is damaged or cut: {error}") from error
    if missing := [name for name in names if name not in found]:
        raise DataError(f"{archive}: is not the official archive, it lacks {', '.join(missing)}")
    return found


def check_size(where: str, size: int, expected: int) -> None:
    """Refuse a file that is shorter or longer than it was published.

    Parameters
    ----------
    where : str
        The file, for the message.
    size, expected : int
        Bytes it has, and bytes it should have.

    Raises
    ------
    DataError
        If they differ.
    """
    if size != expected:
        raise DataError(
            f"{where}: has {size:,} bytes, the official file {expected:,}: it is "
            f"{'cut' if size < expected else 'another file'}"
        )
