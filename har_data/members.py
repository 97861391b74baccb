"""The files of a data set as it was published: in a folder, in its archive, or in one within it."""

import io
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from edgeclust.errors import DataError
from edgeclust.har_data.official import default_root

MOST_BYTES = 64 * 2**30
"""Bytes that the files of an archive may have together: no official set comes near."""

MOST_RATIO = 200
"""How many times its size a member may grow when it is unpacked; sensor text grows tenfold."""

ZIPS = (".zip", ".gt3x")


class Members:
    """Files by their path in a distribution, read one at a time and never unpacked to disk.

    Parameters
    ----------
    where : str
        The folder or archive, for the messages.
    names : list of str
        Paths with ``/`` between folders, sorted.
    open_file : callable
        From a path to a stream of its bytes.
    """

    def __init__(self, where: str, names: list[str], open_file: Callable[[str], IO[bytes]]) -> None:
        self.where = where
        self.names = sorted(names)
        self._open = open_file

    def matching(self, pattern: str) -> list[str]:
        """Return the paths that end in a pattern, sorted.

        Parameters
        ----------
        pattern : str
            As of a shell, for the last parts of a path: ``RawData/acc_exp*.txt``.
        """
        return [name for name in self.names if _ends_in(name, pattern)]

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file by its path.

        Parameters
        ----------
        name : str
            One of `names`.

        Raises
        ------
        DataError
            If the file is damaged or cut.
        """
        try:
            with self._open(name) as stream:
                yield stream
        except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error) as error:
            raise DataError(f"{self.where}: {name} is damaged or cut: {error}") from error

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        with self.open(name) as stream:
            return stream.read()

    def require(self, pattern: str) -> list[str]:
        """Return the paths that end in a pattern, at least one and each once.

        Raises
        ------
        DataError
            If there is none, or the data lie there twice: copies of one recording would stand on
            both sides of a split.
        """
        found = self.matching(pattern)
        if not found:
            raise DataError(f"{self.where}: is not the official data, it has no {pattern}")
        seen: dict[str, str] = {}
        for name in found:
            tail = "/".join(name.split("/")[-1 - pattern.count("/") :])
            if tail in seen:
                raise DataError(f"{self.where}: has {tail} twice, as {seen[tail]} and {name}")
            seen[tail] = name
        return found


@contextmanager
def find_members(
    name: str, root: Path | None, marker: str, archives: tuple[str, ...]
) -> Iterator[Members]:
    """Find the files of a data set, unpacked or in the archive that its authors offer.

    They can be read as long as the context lasts.

    Parameters
    ----------
    name : str
        Of the data set.
    root : Path or None
        The archive, or a folder to look in, and in its folder called as the data set: unpacked
        files at any depth, or one of the archives. The folder of ``edgeclust data fetch`` where
        there is none.
    marker : str
        What the paths of files that make out the data set end in, as `Members.matching` takes it.
    archives : tuple of str
        Names that the archive goes by.

    Raises
    ------
    DataError
        If neither is there, or the archive is damaged, holds other data, or is not safe to read.
    """
    place = _look(name, root, marker, archives)
    with ExitStack() as opened:
        if place.is_dir():
            paths = [path for path in place.rglob("*") if path.is_file()]
            names = [path.relative_to(place).as_posix() for path in paths]
            yield Members(str(place), _kept(names), partial(_open_in, place))
        else:
            yield _open_archive(place, marker, opened)


@contextmanager
def open_archive(path: Path, marker: str) -> Iterator[Members]:
    """Look into an archive; its files can be read as long as the context lasts.

    Parameters
    ----------
    path : Path
        A zip, or a tar where it does not end in ``.zip`` or ``.gt3x``.
    marker : str
        As of `find_members`.

    Raises
    ------
    DataError
        As `find_members`.
    """
    with ExitStack() as opened:
        yield _open_archive(path, marker, opened)


def find_archive(
    name: str, root: Path | None, marker: str, archives: tuple[str, ...]
) -> Path | None:
    """Return the archive that `find_members` would open, unopened; None where it is a folder.

    Parameters
    ----------
    name, root, marker, archives
        As of `find_members`.

    Raises
    ------
    DataError
        If neither is there.
    """
    place = _look(name, root, marker, archives)
    return None if place.is_dir() else place


def is_there(name: str, root: Path | None, marker: str, archives: tuple[str, ...]) -> bool:
    """Tell whether `find_members` has something to open, by names alone.

    Parameters
    ----------
    name, root, marker, archives
        As of `find_members`.
    """
    place = _find_place(name, root, marker, archives)
    return place is not None and (place.is_dir() or place.name in archives)


def _look(name: str, root: Path | None, marker: str, archives: tuple[str, ...]) -> Path:
    """Find the archive, or the folder of unpacked files, or say what is not there."""
    place = _find_place(name, root, marker, archives)
    if place is None:
        raise DataError(
            f"{root or default_root(name)}: has neither {marker} nor {' nor '.join(archives)} of "
            f"{name!r}: name the folder of the official files, or the archive, with --root"
        )
    return place


def _find_place(
    name: str, root: Path | None, marker: str, archives: tuple[str, ...]
) -> Path | None:
    """Find the archive, or the folder of unpacked files, by names alone; None where is neither."""
    folder = default_root(name) if root is None else root
    if folder.is_file():
        return folder
    for place in (folder, folder / name):
        if not place.is_dir():
            continue
        found = (path for path in place.rglob("*") if path.is_file())
        if any(_ends_in(path.relative_to(place).as_posix(), marker) for path in found):
            return place
        for archive in archives:
            if (place / archive).is_file():
                return place / archive
    return None


def _open_archive(path: Path, marker: str, opened: ExitStack) -> Members:
    """Open an archive, or the one within it that holds the data."""
    look = _in_zip if path.suffix.lower() in ZIPS else _in_tar
    try:
        found = look(opened.enter_context(path.open("rb")), str(path), marker, opened)
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error) as error:
        raise DataError(f"{path}: is no archive, or damaged or cut: {error}") from error
    if found is None:
        raise DataError(f"{path}: is not the official data, it has no {marker}")
    return found


def _in_zip(file: IO[bytes], where: str, marker: str, opened: ExitStack) -> Members | None:
    """Look into a zip; many of those of the UCI repository hold another that holds the data."""
    archive = opened.enter_context(zipfile.ZipFile(file))
    infos = [info for info in archive.infolist() if not info.is_dir()]
    _check_safe(where, [info.filename for info in infos], sum(info.file_size for info in infos))
    for info in infos:
        if info.file_size > max(MOST_RATIO * info.compress_size, 1 << 20):
            raise DataError(
                f"{where}: {info.filename} unpacks to {info.file_size:,} bytes from "
                f"{info.compress_size:,}, which no recording does: refused"
            )
    names = _kept([info.filename for info in infos])
    if any(_ends_in(name, marker) for name in names):
        return Members(where, names, archive.open)
    for name in names:
        if name.lower().endswith(".zip"):
            copy = opened.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
            with archive.open(name) as inner:
                shutil.copyfileobj(inner, copy)
            if found := _in_zip(copy, f"{where}/{name}", marker, opened):
                return found
    return None


def _in_tar(file: IO[bytes], where: str, marker: str, opened: ExitStack) -> Members | None:
    """Look into a tar, packed or not."""
    most = max(MOST_RATIO * file.seek(0, io.SEEK_END), 1 << 20)
    file.seek(0)
    archive = opened.enter_context(tarfile.open(fileobj=file))  # noqa: SIM115
    infos: dict[str, tarfile.TarInfo] = {}
    n_bytes = 0
    for info in archive:  # what it says of a file comes before the file is unpacked
        n_bytes += info.size
        if n_bytes > most:
            raise DataError(
                f"{where}: unpacks to {n_bytes:,} bytes and more up to {info.name}, over "
                f"{MOST_RATIO} times its own size, which no recording does: refused"
            )
        if info.isfile():
            infos[info.name] = info
    _check_safe(where, list(infos), n_bytes)
    names = _kept(list(infos))

    def open_file(name: str) -> IO[bytes]:
        stream = archive.extractfile(infos[name])
        assert stream is not None  # of a file there is one
        return stream

    return Members(where, names, open_file) if any(_ends_in(n, marker) for n in names) else None


def _open_in(folder: Path, name: str) -> IO[bytes]:
    """Open a file of a folder."""
    return (folder / name).open("rb")


def _check_safe(where: str, names: list[str], n_bytes: int) -> None:
    """Refuse paths that lead out of the archive, and more bytes than any data set has."""
    for name in names:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if ".." in parts or re.match(r"[/\\\\]|[A-Za-z]:", name):
            raise DataError(f"{where}: holds the path {name!r}, which leads out of it: refused")
    if n_bytes > MOST_BYTES:
        raise DataError(f"{where}: unpacks to {n_bytes:,} bytes, which no data set has: refused")


def _kept(names: list[str]) -> list[str]:
    """Leave out what file managers and editors put beside the data."""
    return [
        name
        for name in names
        if not name.startswith("__MACOSX/") and not PurePosixPath(name).name.startswith(".")
    ]


def _ends_in(name: str, pattern: str) -> bool:
    """Tell whether the last parts of a path match a pattern part by part."""
    wanted = pattern.split("/")
    parts = name.split("/")[-len(wanted) :]
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
