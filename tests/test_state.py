"""What a state outlasts: the last whole save is found, or one line says why not."""

import errno
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from edgeclust import StateError, state
from edgeclust.state import LOCK, SLOTS, Saved, StateStore, read_state, reset_state

MODEL = "ab" * 32
OTHER = "cd" * 32


def save(folder: Path, *payloads: bytes) -> None:
    """Save states one after another."""
    with StateStore(folder, MODEL) as store:
        for payload in payloads:
            store.save(payload)


def held(folder: Path) -> bytes | None:
    """Return what a folder holds, as a labeler that starts finds it."""
    with StateStore(folder, MODEL) as store:
        return store.payload


def test_what_was_saved_last_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    assert held(folder) is None
    for number in range(5):
        save(folder, b"state %d" % number)
        assert held(folder) == b"state %d" % number
    with StateStore(folder, MODEL) as store:
        assert store.generation == 5
    assert sorted(os.listdir(folder)) == sorted([LOCK, *SLOTS])


def test_the_slots_are_written_in_turn(tmp_path: Path) -> None:
    save(tmp_path, b"1", b"2", b"3")
    slots = [Saved.from_bytes((tmp_path / slot).read_bytes()) for slot in SLOTS]
    assert [(slot.generation, slot.payload) for slot in slots] == [(3, b"3"), (2, b"2")]
    save(tmp_path, b"4")
    assert Saved.from_bytes((tmp_path / SLOTS[1]).read_bytes()).generation == 4


def test_a_slot_is_what_the_documentation_says(tmp_path: Path) -> None:
    save(tmp_path, b"learnt")
    content = (tmp_path / SLOTS[0]).read_bytes()
    head = b"ECSTATE\0" + struct.pack("<4H", 1, 0, 1, 0) + b"\xab" * 32 + struct.pack("<QI", 1, 6)
    assert content[:-4] == head + b"learnt"
    assert content[-4:] == struct.pack("<I", zlib.crc32(head + b"learnt"))


def test_a_slot_cut_at_any_byte_is_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, b"older", bytes(range(100)))
    newest = (tmp_path / SLOTS[1]).read_bytes()
    for end in range(len(newest)):
        with pytest.raises(ValueError, match=r"too few|are expected"):
            Saved.from_bytes(newest[:end])
        (tmp_path / SLOTS[1]).write_bytes(newest[:end])
        assert held(tmp_path) == b"older"
    assert len(caplog.messages) == len(newest)
    assert (
        "state-b.bin: is damaged: it has 0 bytes, which is too few; going on from generation 1"
        in (caplog.messages[0])
    )
    (tmp_path / SLOTS[1]).write_bytes(newest + b"\0")
    assert held(tmp_path) == b"older"


def test_a_slot_with_any_bit_flipped_is_not_taken(tmp_path: Path) -> None:
    save(tmp_path, b"older", bytes(range(100)))
    newest = (tmp_path / SLOTS[1]).read_bytes()
    for index in range(len(newest)):
        for bit in range(8):
            flipped = bytearray(newest)
            flipped[index] ^= 1 << bit
            with pytest.raises(ValueError, match=r"does not start|are expected|checksum"):
                Saved.from_bytes(bytes(flipped))
        (tmp_path / SLOTS[1]).write_bytes(flipped)
        assert held(tmp_path) == b"older"


def test_where_both_slots_are_damaged_it_starts_as_exported_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, b"1", b"2")
    for slot in SLOTS:
        (tmp_path / slot).write_bytes(b"\xff" * 200)
    assert held(tmp_path) is None
    assert [message.split("; ")[1] for message in caplog.messages] == [
        "nothing is left of what was learnt, it starts as exported"
    ] * 2
    save(tmp_path, b"new")
    assert held(tmp_path) == b"new"


@pytest.mark.parametrize(
    "left", [None, b"", b"\0" * 70, b"ECSTATE", b"the older one"], ids=lambda left: repr(left)[:12]
)
def test_a_rename_that_is_not_atomic_loses_the_save_under_way_alone(
    tmp_path: Path, left: bytes | None
) -> None:
    """FAT renames in steps: what was cut short may be missing, empty, or of blocks not written."""
    save(tmp_path, b"1", b"2")
    for _ in range(3):  # each of the slots in its turn
        store = StateStore(tmp_path, MODEL)
        under_way = tmp_path / SLOTS[store._slot]
        (tmp_path / f".{under_way.name}.tmp").write_bytes(b"half of what was to be")
        if left is None:
            under_way.unlink(missing_ok=True)
        else:
            under_way.write_bytes(left)
        store.close()  # as the end of its process would
        with StateStore(tmp_path, MODEL) as store:
            assert store.payload == b"%d" % store.generation
            store.save(b"%d" % (store.generation + 1))
        assert sorted(os.listdir(tmp_path)) == sorted([LOCK, *SLOTS])


def test_a_clock_that_goes_backwards_changes_nothing(tmp_path: Path) -> None:
    save(tmp_path, b"1", b"2", b"3")
    os.utime(tmp_path / SLOTS[0], (0, 0))  # the newest
    os.utime(tmp_path / SLOTS[1], (4e9, 4e9))
    assert held(tmp_path) == b"3"


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, int], None]]:
    """Return what makes a function of `os` fail; whatever it is, the file system then works."""

    def refuse(name: str, number: int) -> None:
        def fail(*arguments: object, **more: object) -> NoReturn:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, name, fail)

    yield refuse
    monkeypatch.undo()


@pytest.mark.parametrize("call", ["fsync", "replace", "open"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_save_that_fails_keeps_the_last_and_the_next_succeeds(
    tmp_path: Path,
    refuse: Callable[[str, int], None],
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
) -> None:
    with StateStore(tmp_path, MODEL) as store:
        store.save(b"1")
        refuse(call, number)
        with pytest.raises(StateError) as caught:
            store.save(b"2")
        said = f"the state was not saved and generation 1 is kept: {os.strerror(number)}"
        assert str(caught.value) == f"{tmp_path}: {said}"
        monkeypatch.undo()
        assert (store.payload, store.generation) == (b"1", 1)
        saved = read_state(tmp_path)
        assert saved is not None
        assert saved.payload in (b"1", b"2")  # the rename may be done where only the folder failed
        store.save(b"3")
    assert held(tmp_path) == b"3"
    assert sorted(os.listdir(tmp_path)) == sorted([LOCK, *SLOTS])


def test_a_folder_that_cannot_be_flushed_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync

    def fsync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    save(tmp_path, b"1")
    assert held(tmp_path) == b"1"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if sys.platform == "win32" or os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root mounts a disk")
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_the_last_save_until_there_is_room(small_disk: Path) -> None:
    with StateStore(small_disk, MODEL) as store:
        store.save(b"1" * 8000)
        filler = small_disk / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(bytes(100_000))
        with pytest.raises(StateError, match=r"generation 1 is kept: No space left on device"):
            store.save(b"2" * 8000)
        filler.unlink()
        store.save(b"3" * 8000)
    assert held(small_disk) == b"3" * 8000


def test_a_read_only_disk_is_said_and_can_still_be_read(small_disk: Path) -> None:
    save(small_disk, b"1")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StateError, match=r"disk: cannot keep a state: Read-only file system"):
        StateStore(small_disk, MODEL)
    with pytest.raises(StateError, match=r"disk: cannot be reset: Read-only file system"):
        reset_state(small_disk)
    saved = read_state(small_disk)
    assert saved is not None
    assert saved.payload == b"1"


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root writes wherever it likes"
)
def test_a_folder_of_others_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o500)
    with pytest.raises(StateError, match=r"theirs: cannot keep a state: Permission denied"):
        StateStore(folder, MODEL)


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match=r"state: cannot keep a state: Not a directory"):
        StateStore(tmp_path / "state", MODEL)
    assert read_state(tmp_path / "state") is None


def test_a_slot_that_cannot_be_read_is_not_taken_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, b"1")

    def fail(path: Path) -> NoReturn:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(StateError, match=r"state-a.bin: cannot be read: Input/output error"):
        StateStore(tmp_path, MODEL)
    monkeypatch.undo()
    assert held(tmp_path) == b"1"  # the lock was let go


def test_a_second_labeler_is_refused(tmp_path: Path) -> None:
    in_use = "is in use by another labeler: end or close that one, or give this one a folder of"
    with StateStore(tmp_path, MODEL) as store:
        with pytest.raises(StateError, match=in_use):
            StateStore(tmp_path, MODEL)
        store.save(b"1")
        with pytest.raises(StateError, match=in_use):
            reset_state(tmp_path)
        code = f"from edgeclust.state import *; StateStore({str(tmp_path)!r}, {MODEL!r})"
        other = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
        assert other.returncode == 1
        assert in_use in other.stderr
        assert read_state(tmp_path) is not None  # looking is allowed
    assert held(tmp_path) == b"1"


def test_a_closed_store_saves_nothing(tmp_path: Path) -> None:
    store = StateStore(tmp_path, MODEL)
    store.close()
    with pytest.raises(StateError, match="is closed"):
        store.save(b"")


def test_the_state_of_another_model_is_refused(tmp_path: Path) -> None:
    save(tmp_path, b"1")
    with pytest.raises(StateError) as caught:
        StateStore(tmp_path, OTHER)
    assert str(caught.value) == (
        f"{tmp_path}: holds what the model abababababab has learnt, this model is cdcdcdcdcdcd "
        "(sha256 of the file): open that one, give this one another folder, or forget: "
        f"edgeclust state reset {tmp_path}"
    )
    assert held(tmp_path) == b"1"


def test_a_newer_version_is_refused_with_the_release_it_needs(tmp_path: Path) -> None:
    save(tmp_path, b"1")
    newer = Saved(2, (0, 3, 0), MODEL, generation=2, payload=b"newer").to_bytes()
    (tmp_path / SLOTS[1]).write_bytes(newer)
    needs = r"state has version 2, this edgeclust reads up to 1: install edgeclust 0\.3\.0 or later"
    for look in (held, read_state):
        with pytest.raises(StateError, match=needs):
            look(tmp_path)
    assert (tmp_path / SLOTS[1]).read_bytes() == newer


def test_an_older_version_migrates_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "VERSION", 3)
    monkeypatch.setattr(
        state, "MIGRATIONS", {1: lambda old: old + b", two", 2: lambda old: old + b", three"}
    )
    (tmp_path / SLOTS[0]).write_bytes(Saved(1, (0, 1, 0), MODEL, 7, b"one").to_bytes())
    with StateStore(tmp_path, MODEL) as store:
        assert (store.payload, store.generation) == (b"one, two, three", 7)
        store.save(b"new")
    saved = Saved.from_bytes((tmp_path / SLOTS[1]).read_bytes())
    assert (saved.version, saved.generation) == (3, 8)
    (tmp_path / SLOTS[0]).write_bytes(Saved(0, (0, 0, 0), MODEL, 9, b"none").to_bytes())
    with pytest.raises(StateError, match="its state has version 0, which never was"):
        StateStore(tmp_path, MODEL)


def test_a_reset_forgets_whatever_is_there(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="holds no state"):
        reset_state(tmp_path)
    assert os.listdir(tmp_path) == []
    save(tmp_path, b"1", b"2")
    (tmp_path / SLOTS[0]).write_bytes(b"damaged")
    reset_state(tmp_path)
    assert os.listdir(tmp_path) == [LOCK]
    assert held(tmp_path) is None


def test_a_reset_cut_short_brings_no_older_state_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, b"1", b"2")
    unlinked = []
    monkeypatch.setattr(Path, "unlink", lambda path: unlinked.append(path.name))
    reset_state(tmp_path)
    assert unlinked == [*SLOTS]  # the older first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, to start quickly")
def test_processes_killed_amid_their_saves_lose_nothing_else() -> None:
    n_kills = os.environ.get("EDGECLUST_KILLS", "100")
    script = Path(__file__).parent / "kill_saves.py"
    command = [sys.executable, "-P", str(script), n_kills, "0"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"{n_kills} kills")


def test_a_folder_made_for_nothing_goes_and_another_one_s_stays(tmp_path: Path) -> None:
    for folder in (tmp_path / "new", tmp_path / "used"):
        StateStore(folder, "00" * 32).close()
        assert not folder.exists()
    with StateStore(tmp_path / "used", "00" * 32) as store:
        store.save(b"learnt")
    StateStore(tmp_path / "used", "00" * 32).close()
    (tmp_path / "new").mkdir()
    StateStore(tmp_path / "new", "00" * 32).close()
    assert (tmp_path / "new").is_dir()
    assert read_state(tmp_path / "used") is not None
