"""What a device has learnt, kept in a folder so that no crash and no power cut can take it.

`StateStore` keeps bytes, whatever they say; docs/state-format.md has the layout byte by byte.
"""

import errno
import logging
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from edgeclust.errors import StateError
from edgeclust.files import write_atomically

logger = logging.getLogger(__name__)

VERSION = 1
"""Version of the payload; the frame around it is the same in all."""

SINCE = (0, 1, 0)
"""First release that reads this version."""

MIGRATIONS: dict[int, Callable[[bytes], bytes]] = {}
"""What turns the payload of an older version into that of the next."""

SLOTS = ("state-a.bin", "state-b.bin")
"""The files, written in turn."""

LOCK = "lock"
"""The file whose lock keeps a second labeler out; it stays, empty."""

MAGIC = b"ECSTATE\0"
_HEADER = struct.Struct("<8s4H32sQI")  # magic, version, since (3), model, generation, length
_CHECKSUM = struct.Struct("<I")

BESIDE = _HEADER.size + _CHECKSUM.size
"""Bytes of a slot beside what it keeps."""


@dataclass(frozen=True)
class Saved:
    """A state as it was saved.

    Parameters
    ----------
    version : int
        Of the payload.
    since : tuple of int
        First release that reads this version.
    model_id : str
        SHA-256 of the model file, in hexadecimal.
    generation : int
        How many times it was saved, at least 1: the greater is the newer.
    payload : bytes
        What was saved.
    """

    version: int
    since: tuple[int, ...]
    model_id: str
    generation: int
    payload: bytes

    def to_bytes(self) -> bytes:
        """Return the content of a slot."""
        header = _HEADER.pack(
            MAGIC,
            self.version,
            *self.since,
            bytes.fromhex(self.model_id),
            self.generation,
            len(self.payload),
        )
        content = header + self.payload
        return content + _CHECKSUM.pack(zlib.crc32(content))

    @classmethod
    def from_bytes(cls, content: bytes) -> "Saved":
        """Read the content of a slot.

        Raises
        ------
        ValueError
            If it is cut short, overlong, or any bit of it has changed.
        """
        if len(content) < BESIDE:
            raise ValueError(f"it has {len(content)} bytes, which is too few")
        magic, version, *since, model, generation, length = _HEADER.unpack_from(content)
        if magic != MAGIC:
            raise ValueError("it does not start as a state does")
        whole = BESIDE + length
        if len(content) != whole:
            raise ValueError(f"it has {len(content)} bytes, {whole} are expected")
        if _CHECKSUM.unpack(content[-_CHECKSUM.size :])[0] != zlib.crc32(content[:-4]):
            raise ValueError("its checksum does not fit")
        payload = content[_HEADER.size : -_CHECKSUM.size]
        return cls(version, tuple(since), model.hex(), generation, payload)


def read_state(folder: Path) -> Saved | None:
    """Return the newest whole state of a folder, brought to today's version.

    Nothing is written and no lock is taken: a labeler may be saving to the folder meanwhile.

    Parameters
    ----------
    folder : Path
        As given to `StateStore`; need not exist.

    Returns
    -------
    saved : Saved or None
        None where nothing was saved, or none of it is whole. A damaged slot is logged as a
        warning, once for each call.

    Raises
    ------
    StateError
        If a newer edgeclust wrote it, or a file cannot be read.
    """
    return _read_newest(folder)[0]


def _read_newest(folder: Path) -> tuple[Saved | None, int]:
    """Return the newest whole state, and the slot that the next one goes to."""
    found: dict[int, Saved] = {}
    damaged: list[str] = []
    for slot, name in enumerate(SLOTS):
        try:
            found[slot] = Saved.from_bytes((folder / name).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise StateError(f"{folder / name}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            damaged.append(f"{folder / name}: is damaged: {error}")
    newest = max(found, key=lambda slot: found[slot].generation, default=None)
    if newest is None:
        for said in damaged:
            logger.warning("%s; nothing is left of what was learnt, it starts as exported", said)
        return None, 0
    saved = found[newest]
    for said in damaged:
        logger.warning("%s; going on from generation %d", said, saved.generation)
    return _to_version(saved, folder), 1 - newest


def _to_version(saved: Saved, folder: Path) -> Saved:
    """Bring a state to today's version."""
    if saved.version > VERSION:
        release = ".".join(map(str, saved.since))
        raise StateError(
            f"{folder}: its state has version {saved.version}, this edgeclust reads up to "
            f"{VERSION}: install edgeclust {release} or later"
        )
    while saved.version < VERSION:
        if saved.version not in MIGRATIONS:
            raise StateError(f"{folder}: its state has version {saved.version}, which never was")
        payload = MIGRATIONS[saved.version](saved.payload)
        saved = replace(saved, version=saved.version + 1, since=SINCE, payload=payload)
    return saved


class StateStore:
    """Two files written in turn, of which the newest whole one counts.

    Each save goes to the slot that does not hold the newest state: to a temporary file, flushed to
    the disk, renamed, and the folder flushed. Whatever happens meanwhile, the other slot is whole.
    What is newer is told by a counter, never by a clock.

    Parameters
    ----------
    folder : Path or str
        Made if it is not there. No other store may be open on it, in any process; the lock goes
        when its process does.
    model_id : str
        SHA-256 of the model file in hexadecimal, 64 digits.

    Attributes
    ----------
    payload : bytes or None
        What was saved last; None if nothing was, or nothing of it is whole.
    generation : int
        How many times it was saved, by all processes so far.

    Raises
    ------
    StateError
        If the folder is in use, cannot be read or written, or holds the state of another model or
        of a newer edgeclust.

    Examples
    --------
    >>> import tempfile
    >>> from edgeclust.state import StateStore
    >>> folder = tempfile.TemporaryDirectory()
    >>> with StateStore(folder.name, model_id="00" * 32) as store:
    ...     store.save(b"learnt")
    >>> with StateStore(folder.name, model_id="00" * 32) as store:
    ...     store.payload, store.generation
    (b'learnt', 1)
    >>> folder.cleanup()
    """

    def __init__(self, folder: Path | str, model_id: str) -> None:
        self.folder = Path(folder)
        self.model_id = model_id
        with _said(self.folder, "cannot keep a state"):
            self._is_new = not self.folder.exists()
            if self._is_new:
                self.folder.mkdir(parents=True)
                _sync_folder(self.folder.parent)
            self._lock = _lock(self.folder)
        try:
            with _said(self.folder, "cannot keep a state"):
                _remove_leftovers(self.folder)
            saved, self._slot = _read_newest(self.folder)
            if saved is not None and saved.model_id != model_id:
                raise StateError(
                    f"{self.folder}: holds what the model {saved.model_id[:12]} has learnt, this "
                    f"model is {model_id[:12]} (sha256 of the file): open that one, give this one "
                    f"another folder, or forget: edgeclust state reset {self.folder}"
                )
        except BaseException:
            self._lock.close()
            raise
        self.payload = saved.payload if saved else None
        self.generation = saved.generation if saved else 0

    def save(self, payload: bytes) -> None:
        """Save a state; it is on the disk when this returns.

        Parameters
        ----------
        payload : bytes
            All there is to save.

        Raises
        ------
        StateError
            If it cannot be written. What was saved before is whole then, and the next save may
            well succeed.
        """
        if self._lock.closed:
            raise StateError(f"{self.folder}: is closed, nothing can be saved")
        new = Saved(VERSION, SINCE, self.model_id, self.generation + 1, payload)
        kept = f"generation {self.generation} is kept" if self.generation else "nothing is there"
        with _said(self.folder, f"the state was not saved and {kept}"):
            write_atomically(self.folder / SLOTS[self._slot], new.to_bytes())
            _sync_folder(self.folder)
        self.payload, self.generation, self._slot = payload, new.generation, 1 - self._slot

    def close(self) -> None:
        """Let others open the folder; nothing is saved. If it was made for nothing it goes."""
        if self._is_new and not self.generation and not self._lock.closed:
            with suppress(OSError):  # others put something there, or it is no longer ours to write
                (self.folder / LOCK).unlink()
                self.folder.rmdir()
        self._lock.close()

    def __enter__(self) -> "StateStore":
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close."""
        self.close()


def reset_state(folder: Path) -> None:
    """Forget what is saved in a folder, of any model and any version.

    Parameters
    ----------
    folder : Path
        As given to `StateStore`.

    Raises
    ------
    StateError
        If there is none, or the folder is in use or cannot be written.
    """
    with _said(folder, "cannot be reset"):
        if not any((folder / slot).exists() for slot in SLOTS):
            raise StateError(f"{folder}: holds no state")
    with _said(folder, "cannot be reset"), _lock(folder):
        _remove_leftovers(folder)
        found = []
        for path in map(folder.joinpath, SLOTS):
            try:
                found.append((Saved.from_bytes(path.read_bytes()).generation, path))
            except ValueError:
                found.append((0, path))
            except FileNotFoundError:
                continue
        for _, path in sorted(found):  # the newest last: cut short, it is not an older one's turn
            path.unlink()
            _sync_folder(folder)


@contextmanager
def _said(folder: Path, what: str) -> Iterator[None]:
    """Turn what the system refuses into one line."""
    try:
        yield
    except OSError as error:
        raise StateError(f"{folder}: {what}: {error.strerror}") from error


def _lock(folder: Path) -> IO[bytes]:
    """Take the lock of a folder, held until the file is closed or its process is gone."""
    file = (folder / LOCK).open("ab")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.fstat(file.fileno()).st_nlink:  # who had it just removed the new folder
                raise BlockingIOError(errno.EWOULDBLOCK, "just removed")
    except (BlockingIOError, PermissionError) as error:
        file.close()
        raise StateError(
            f"{folder}: is in use by another labeler: end or close that one, or give this one a "
            "folder of its own"
        ) from error
    except BaseException:
        file.close()
        raise
    return file


def _sync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it outlasts a power cut."""
    if os.name == "nt":  # Windows flushes no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some file systems cannot, and the slots bear it
            raise
    finally:
        os.close(descriptor)


def _remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that died while they saved."""
    for slot in SLOTS:
        for path in folder.glob(f".{slot}.*"):
            path.unlink()
