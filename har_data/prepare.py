"""Prepare recordings once, so that they open in milliseconds: in several processes, resuming."""

import hashlib
import json
import logging
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from os.path import commonpath
from pathlib import Path
from typing import Any

import pooch
from filelock import FileLock, Timeout

from edgeclust.card import Card
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.members import Members
from edgeclust.har_data.official import default_root
from edgeclust.har_data.prepared import (
    FORMAT,
    check_prepared,
    errors_say,
    is_whole,
    part_path,
    write_header,
    write_part,
)
from edgeclust.har_data.recordings_folder import (
    CARD_FILE,
    INDEX_FILE,
    read_folder_card,
    read_index,
    read_recording,
)
from edgeclust.har_data.source import Source, warn_of_repairs
from edgeclust.processes import obey_parent

logger = logging.getLogger(__name__)

FOLDER_VERSION = 1
"""Raised whenever what is read of recordings folders changes."""

PART_BYTES = 1 << 25
"""Bytes of files that are read before another part is begun: what is lost when one is cut off."""

MOST_PARTS = 200
"""A mapped part keeps a file descriptor, of which a process may often have no more than 1024."""

LOCK, DONE = "lock", "done.jsonl"

OnPart = Callable[[int, int], None]
"""Told the bytes of files that are read, and those there are, after each part."""

What = Source | Path
"""A published set, or a recordings folder."""


@dataclass(frozen=True)
class _Contents:
    """What there is to prepare: files that can be read each by itself.

    Parameters
    ----------
    card : Card
    where : str
        The folder or archive, for messages.
    key : str
        Of all that the recordings depend on: reader, card, names, sizes and times of the files.
    sizes : list of int
        Bytes of each file.
    read : callable
        From the positions of some files, and a count of repairs, to their recordings.
    """

    card: Card
    where: str
    key: str
    sizes: list[int]
    read: Callable[[slice, Counter[str]], Iterator[Recording]]

    def parts(self) -> list[slice]:
        """Return runs of files that make a part each, `MOST_PARTS` at most."""
        # Two neighbours hold more than `most` together, or they were one.
        most = max(PART_BYTES, 2 * sum(self.sizes) // MOST_PARTS)
        starts, size = [0], 0
        for position, bytes_ in enumerate(self.sizes):
            if size and size + bytes_ > most:
                starts.append(position)
                size = 0
            size += bytes_
        return [slice(*edges) for edges in zip(starts, [*starts[1:], len(self.sizes)], strict=True)]


def prepare(
    what: What,
    root: Path | None = None,
    *,
    jobs: int = 1,
    on_part: OnPart = lambda n_done, n_all: None,
) -> Path:
    """Write recordings as `edgeclust.har_data.prepared.open_prepared` opens them.

    They come into the user's cache, where `find_prepared` finds them as long as neither the files
    nor the reader change; what was prepared of the same files before is thrown away. Preparing
    that was stopped, killed or out of room goes on with the parts that are not finished.
    Prepared already, all bytes are read and compared with their checksums, and what is damaged is
    made anew.

    Parameters
    ----------
    what : Source or Path
        A published set, or a recordings folder.
    root : Path, optional
        Of the official files, as `edgeclust.har_data.members.find_members` takes it.
    jobs : int
        Processes that read. More than one are started anew, so a script needs its
        ``if __name__ == "__main__":``.
    on_part : callable
        Called when a part is finished.

    Returns
    -------
    folder : Path
        What was prepared.

    Raises
    ------
    DataError
        If the recordings cannot be read, or change meanwhile, or if there is no room.
    """
    place = _place(what, root)
    with _open_contents(what, root) as contents, _alone(place):
        whole = place / contents.key
        if whole.is_dir():
            try:
                check_prepared(whole)
                return whole
            except DataError as error:
                cause = error.__cause__
                if isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError):
                    raise  # not opened is not damaged: nothing is thrown away
                logger.warning("%s: was damaged and is made anew", whole)
                shutil.rmtree(whole)
        unfinished = place / f"{contents.key}.unfinished"
        with errors_say(place):
            unfinished.mkdir(exist_ok=True)
            for cut in unfinished.glob("*.bin.*"):
                cut.unlink()
        done = _read_done(unfinished, contents)
        on_part(_n_bytes(contents, done), sum(contents.sizes))
        for number, part in _write_parts(what, root, contents, unfinished, done, jobs):
            done[number] = part
            with errors_say(unfinished), (unfinished / DONE).open("ab") as journal:
                journal.write(_journal_line(number, part))
            on_part(_n_bytes(contents, done), sum(contents.sizes))
        if _find_key(what, root) != contents.key:
            raise DataError(f"{contents.where}: changed while it was read: prepare it again")
        parts = [part for _, part in sorted(done.items())]
        repairs = sum((Counter(part.pop("repairs")) for part in parts), Counter[str]())
        write_header(unfinished, contents.card, parts, repairs)
        (unfinished / DONE).unlink()
        unfinished.rename(whole)
        for other in place.iterdir():
            if other.is_dir() and other != whole:
                shutil.rmtree(other, ignore_errors=True)
        warn_of_repairs(contents.where, repairs)
        return whole


def find_prepared(what: What, root: Path | None = None) -> Path | None:
    """Return the folder that `prepare` made of the files as they are now, if there is one.

    Parameters
    ----------
    what, root
        As of `prepare`.

    Raises
    ------
    DataError
        If there is something prepared, and the files are not there.
    """
    place = _place(what, root)
    if not place.is_dir():
        return None
    try:
        whole = place / _find_key(what, root)
    except DataError as error:
        if isinstance(what, Source) and not what.is_here(root):
            raise DataError(
                f"{error}; what is prepared of them, in {place}, is used beside them alone: "
                "nothing else tells whether they have changed"
            ) from error
        raise
    return whole if whole.is_dir() else None


def _find_key(what: What, root: Path | None) -> str:
    """Return the key of the files as they are now; an archive is not opened."""
    if isinstance(what, Source) and (archive := what.archive(root)):
        return _key(what.version, what.card, [_stamp(archive)])
    with _open_contents(what, root) as contents:
        return contents.key


def _place(what: What, root: Path | None) -> Path:
    """Return the folder of all that is prepared of one place."""
    if isinstance(what, Source):
        name, where = what.card.name, root or default_root(what.folder or what.card.name)
    else:
        name, where = what.resolve().name or "recordings", what
    digest = hashlib.sha256(f"{type(what)} {where.resolve()}".encode()).hexdigest()
    return Path(pooch.os_cache("edgeclust")) / "prepared" / f"{name}-{digest[:16]}"


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Keep other processes from preparing the same; the lock ends with the process, even killed."""
    with errors_say(place):
        place.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place / LOCK)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            logger.warning("%s: another process prepares these data: waiting for it", place)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _open_contents(what: What, root: Path | None) -> Iterator[_Contents]:
    """Find the files to prepare; they can be read as long as the context lasts."""
    if not isinstance(what, Source):
        yield _contents_of_folder(what)
        return
    archive = what.archive(root)
    stamp = archive and _stamp(archive)
    with what.open(root) as members:
        paths = what.paths(members)
        if stamp:  # what its files take there is not known to all kinds of archives
            files: list[Any] = [stamp]
            sizes = [max(1, stamp[1] // len(paths))] * len(paths)
        else:
            folder = Path(members.where)
            names = _files_of(what, members, paths)
            files = [*paths, *(_stamp(folder / name) for name in names)]
            sizes = [(folder / path).stat().st_size for path in paths]

        def read(part: slice, repairs: Counter[str]) -> Iterator[Recording]:
            return what.read(members, paths[part], repairs)

        key = _key(what.version, what.card, files)
        yield _Contents(what.card, members.where, key, sizes, read)


def _contents_of_folder(folder: Path) -> _Contents:
    """Find the files of a recordings folder."""
    folder_card, entries = read_folder_card(folder), read_index(folder)
    card = folder_card.card
    files = [folder / CARD_FILE, folder / INDEX_FILE, *(entry.path for entry in entries)]
    stamps = [_stamp(path) for path in files]

    def read(part: slice, repairs: Counter[str]) -> Iterator[Recording]:
        for entry in entries[part]:
            try:
                recordings, repaired = read_recording(entry, folder_card)
            except OSError as error:
                raise DataError(f"{entry.path}: cannot be read: {error}") from error
            repairs.update(repaired)
            yield from recordings

    sizes = [size for _, size, _ in stamps[2:]]
    return _Contents(card, str(folder), _key(FOLDER_VERSION, card, stamps), sizes, read)


def _files_of(source: Source, members: Members, paths: list[str]) -> list[str]:
    """Return the files of a folder that recordings may depend on."""
    depth = source.pattern.count("/") + 1
    above = commonpath(["/" + "/".join(path.split("/")[:-depth]) for path in paths]).rstrip("/")
    return [name for name in members.names if f"/{name}".startswith(f"{above}/")]


def _stamp(path: Path) -> tuple[str, int, int]:
    """Return what tells a file from what it may be later: path, bytes, and when it was written."""
    state = path.stat()
    return str(path.resolve()), state.st_size, state.st_mtime_ns


def _key(version: int, card: Card, files: list[Any]) -> str:
    """Return a name for all that prepared recordings depend on."""
    content = json.dumps([FORMAT, version, card.to_json(), files])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _n_bytes(contents: _Contents, done: dict[int, Any]) -> int:
    """Return the bytes of the files that are read."""
    parts = contents.parts()
    return sum(sum(contents.sizes[parts[number]]) for number in done)


def _journal_line(number: int, part: dict[str, Any]) -> bytes:
    """Return what a journal says of a part that is finished.

    A checksum stands before it. It begins on a line of its own, even behind one that was cut.
    """
    text = json.dumps([number, part]).encode()
    return b"\n%08x %b\n" % (zlib.crc32(text), text)


def _read_done(folder: Path, contents: _Contents) -> dict[int, dict[str, Any]]:
    """Return the parts that were finished before and are whole."""
    done: dict[int, dict[str, Any]] = {}
    try:
        lines = (folder / DONE).read_bytes().split(b"\n")
    except FileNotFoundError:
        return done
    n_parts = len(contents.parts())
    for line in lines:
        checksum, _, text = line.partition(b" ")
        if checksum != b"%08x" % zlib.crc32(text):  # cut when the process was killed, or damaged
            continue
        number, part = json.loads(text)
        if number < n_parts and is_whole(part_path(folder, number), part):
            done[number] = part
    return done


def _write_parts(
    what: What,
    root: Path | None,
    contents: _Contents,
    folder: Path,
    done: dict[int, Any],
    jobs: int,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Write the parts that are missing, and yield each with its number when it is finished."""
    missing = [(n, part) for n, part in enumerate(contents.parts()) if n not in done]
    if jobs < 2 or len(missing) < 2:
        for number, part in missing:
            yield number, _write(contents, folder, number, part)
        return
    executor = ProcessPoolExecutor(
        min(jobs, len(missing)),
        mp_context=get_context("spawn"),
        initializer=_start,
        initargs=(what, root),
    )
    try:
        futures = {executor.submit(_work, folder, n, part): n for n, part in missing}
        for future in as_completed(futures):
            yield futures[future], future.result()
    except BrokenProcessPool as error:
        raise DataError(
            f"{contents.where}: a process that read it has died, as where memory is short: the "
            "same command goes on, and takes less with --jobs 1"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _write(contents: _Contents, folder: Path, number: int, part: slice) -> dict[str, Any]:
    """Read some files and write them as a part."""
    repairs: Counter[str] = Counter()
    written = write_part(contents.card, contents.read(part, repairs), part_path(folder, number))
    return written | {"repairs": +repairs}


_opened: partial[dict[str, Any]]
"""Writes parts of what this process was started for."""


def _start(what: What, root: Path | None) -> None:
    """Open once what this process is to read."""
    global _opened
    obey_parent()
    # Never closed: the process ends instead.
    _opened = partial(_write, ExitStack().enter_context(_open_contents(what, root)))


def _work(folder: Path, number: int, part: slice) -> dict[str, Any]:
    """Write a part in a process of its own."""
    return _opened(folder, number, part)
