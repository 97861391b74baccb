"""Prepared recordings are those of the source to the bit, or nothing at all."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgeclust import Card, Channel, DataError, Recording
from edgeclust.har_data import (
    open_dataset,
    open_recordings,
    prepare_data,
    read_recordings_folder,
    write_recordings_folder,
)
from edgeclust.har_data import prepare as preparing
from edgeclust.har_data import prepared as writing
from edgeclust.har_data.members import Members
from edgeclust.har_data.prepare import find_prepared, prepare
from edgeclust.har_data.prepared import (
    HEADER,
    check_prepared,
    open_prepared,
    part_path,
    write_prepared,
)
from edgeclust.har_data.recordings_folder import Entry, FolderCard, read_recording
from edgeclust.har_data.source import Source

from command import fails_with, run
from layouts import unpacked, zipped
from toy import TOY_CARD, toy_recordings

TOY_SET_CARD = Card("toy-set", 10.0, (Channel("x", "g"),), window=2, stride=2)


def read_toy(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    (offset,) = members.require("set/offset.txt")
    for path in paths:
        values = members.read(path).split()
        repairs["words left out"] += values.count(b"?")
        numbers = [float(value) + float(members.read(offset)) for value in values if value != b"?"]
        yield Recording(np.array([numbers], np.float32), "1", path)


TOY = Source(TOY_SET_CARD, "a toy", "set/run*.txt", ("toy.zip",), read_toy)
FILES: dict[str, str | bytes] = {
    "all/set/run1.txt": "1 2 ?",
    "all/set/run2.txt": "3 ? ? 4",
    "all/set/offset.txt": "0.5",
    "other.txt": "",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of our own, and parts of one file each."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(preparing, "PART_BYTES", 1)
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four recordings, of which one has holes and one no labels."""
    recordings = toy_recordings(n_subjects=4, seconds=4)
    recordings[1].signal[1, 7:9] = np.nan
    recordings[2] = replace(recordings[2], labels=None)
    write_recordings_folder(TOY_CARD, recordings, tmp_path / "mine")
    return tmp_path / "mine"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The recordings that are read, by their file."""
    names: list[str] = []

    def counting(entry: Entry, card: FolderCard) -> tuple[list[Recording], Counter[str]]:
        names.append(entry.path.name)
        return read_recording(entry, card)

    monkeypatch.setattr(preparing, "read_recording", counting)
    return names


def assert_same(recordings: list[Recording], others: list[Recording]) -> None:
    for one, other in zip(recordings, others, strict=True):
        assert one.signal.tobytes() == other.signal.tobytes()  # NaN for NaN
        assert one.signal.shape == other.signal.shape
        assert (one.labels is None) == (other.labels is None)
        if one.labels is not None and other.labels is not None:
            assert one.labels.tolist() == other.labels.tolist()
        assert (one.subject, one.session) == (other.subject, other.session)
        assert one.label_runs.tolist() == other.label_runs.tolist()
        assert one.holes.tolist() == other.holes.tolist()


def leftovers(cache: Path) -> list[str]:
    """What lies in the folders of prepared data, the lock left out."""
    return sorted(path.name for path in cache.glob("edgeclust/prepared/*/*") if path.is_dir())


def child(folder: Path, before: str = "") -> subprocess.Popen[str]:
    """Prepare a folder in a process of its own, parts of one file each."""
    script = (
        "import os, resource, signal, sys\nfrom pathlib import Path\n"
        "from edgeclust.har_data import prepare as p\n"
        f"p.PART_BYTES = 1\n{before}\n"
        "try:\n    print(p.prepare(Path(sys.argv[1])))\n"
        "except p.DataError as error:\n    sys.exit(str(error))\n"
    )
    return subprocess.Popen(
        [sys.executable, "-P", "-c", script, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@example([1] * 900, 1)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=900), st.integers(1, 20))
def test_however_many_files_there_are_they_make_few_parts(sizes: list[int], most: int) -> None:
    contents = preparing._Contents(TOY_CARD, "", "", sizes, lambda *_: iter(()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "PART_BYTES", most)
        parts = contents.parts()
    assert [n for part in parts for n in range(len(sizes))[part]] == [*range(len(sizes))]
    assert len(parts) <= preparing.MOST_PARTS
    if sum(sizes) * 2 < preparing.MOST_PARTS * most:
        assert all(sum(sizes[part]) <= max(most, *sizes, 0) for part in parts)


def test_a_part_that_the_system_does_not_open_is_named(folder: Path) -> None:
    whole = prepare(folder)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    n_open = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (n_open + 2, limits[1]))
    try:
        with pytest.raises(DataError, match=r"000\d.bin: cannot be opened: Too many open files"):
            open_prepared(whole)
        with pytest.raises(DataError, match=r"000\d.bin: cannot be opened: Too many open files"):
            prepare(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    check_prepared(whole)


@pytest.mark.parametrize("jobs", [1, 2])
def test_prepared_recordings_are_the_same_to_the_bit(folder: Path, jobs: int) -> None:
    card, recordings = read_recordings_folder(folder)
    opened_card, opened = open_prepared(prepare(folder, jobs=jobs))
    assert opened_card == card
    assert_same(opened, recordings)


def test_what_is_prepared_is_used_by_itself(folder: Path, reads: list[str]) -> None:
    plain = open_recordings(folder)
    prepare_data(folder)
    reads.clear()
    dataset = open_recordings(folder)
    assert not reads
    assert not dataset.recordings[0].signal.flags.owndata
    everything = np.arange(len(plain))
    np.testing.assert_array_equal(dataset.gather(everything), plain.gather(everything))
    np.testing.assert_array_equal(dataset.labels, plain.labels)
    assert dataset.n_skipped == plain.n_skipped > 0


def test_it_is_said_once_that_what_is_prepared_is_used_and_that_columns_are_unknown(
    folder: Path,
) -> None:
    index = folder / "recordings.csv"
    index.write_text(index.read_text().replace("subject", "who"))
    plain = run("data", "show", folder)
    prepared = run("data", "prepare", folder, "--jobs", 1)
    again = run("data", "show", folder)
    assert "used as prepared" not in plain.stderr + prepared.stderr
    assert again.stderr.count("used as prepared, from ") == 1
    assert (plain.stderr + prepared.stderr + again.stderr).count("does not know who") == 1


def test_what_is_prepared_cannot_be_written_to(folder: Path) -> None:
    _, recordings = open_prepared(prepare(folder))
    with pytest.raises(ValueError, match="read-only"):
        recordings[0].signal[0, 0] = 1
    assert recordings[0].labels is not None
    with pytest.raises(ValueError, match="read-only"):
        recordings[0].labels[0] = 1


def test_opening_reads_neither_signals_nor_labels(tmp_path: Path) -> None:
    # The bytes of both are wrong; only reading them would tell.
    write_prepared(TOY_CARD, [Recording(np.ones((3, 4096), np.float32), "1", "1")], tmp_path)
    with part_path(tmp_path, 0).open("r+b") as part:
        part.write(np.full(3 * 4096, np.nan, "<f4").tobytes())
    card, recordings = open_prepared(tmp_path)
    dataset = open_recordings("watch").__class__(card, recordings)
    assert dataset.n_skipped == 0
    assert len(dataset) == 162  # (4096 - 50) // 25 + 1


def test_recordings_without_samples_and_parts_without_recordings_come_back(tmp_path: Path) -> None:
    empty = Recording(np.empty((3, 0), np.float32), "1", "1", np.empty(0, np.int16))
    write_prepared(TOY_CARD, [empty], tmp_path)
    assert_same(open_prepared(tmp_path)[1], [empty])
    (tmp_path / "none").mkdir()
    write_prepared(TOY_CARD, [], tmp_path / "none")
    assert open_prepared(tmp_path / "none") == (TOY_CARD, [])


def test_a_killed_preparation_leaves_nothing_that_opens_and_goes_on(
    folder: Path, cache: Path, reads: list[str]
) -> None:
    killing = (
        "read = p.read_recording\n"
        "def once_more(entry, card):\n"
        "    if entry.path.name == '0002_3_1.csv':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return read(entry, card)\n"
        "p.read_recording = once_more"
    )
    process = child(folder, killing)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert find_prepared(folder) is None
    (unfinished,) = leftovers(cache)
    assert unfinished.endswith(".unfinished")
    whole = prepare(folder)
    assert reads == ["0002_3_1.csv", "0003_4_1.csv"]
    assert leftovers(cache) == [whole.name]
    assert sorted(os.listdir(whole)) == [*(f"{n:04d}.bin" for n in range(4)), HEADER]
    reads.clear()
    assert_same(open_prepared(whole)[1], read_recordings_folder(folder)[1])


def test_a_reader_that_raises_leaves_nothing_that_opens(folder: Path, reads: list[str]) -> None:
    content = (folder / "0003_4_1.csv").read_text()
    (folder / "0003_4_1.csv").write_text(content.replace("walk", "fly"))
    with pytest.raises(DataError, match=r"0003_4_1.csv, line \d+: label 'fly' is not among"):
        prepare(folder)
    assert find_prepared(folder) is None
    with pytest.raises(DataError, match="'fly' is not among"):
        open_dataset(folder)


def test_a_part_that_was_changed_meanwhile_is_read_again(
    folder: Path, cache: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(n_done: int, n_all: int) -> None:
        if n_done > 0.6 * n_all:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(folder, on_part=stop)
    assert reads == ["0000_1_1.csv", "0001_2_1.csv", "0002_3_1.csv"]
    (first,) = cache.glob("edgeclust/prepared/*/*.unfinished/0000.bin")
    first.write_bytes(bytes(first.stat().st_size))
    (journal,) = cache.glob("edgeclust/prepared/*/*.unfinished/done.jsonl")
    journal.write_text(journal.read_text()[:-5])  # as a crash may cut it
    reads.clear()
    whole = prepare(folder)
    assert reads == ["0000_1_1.csv", "0002_3_1.csv", "0003_4_1.csv"]
    check_prepared(whole)


def stop_before(n_parts: int) -> Callable[[int, int], None]:
    """Stop a preparation when it has told of some parts that it finished."""
    calls = iter(range(n_parts))

    def stop(n_done: int, n_all: int) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize(
    "line", [b"5", b"null", b"[0, {}]", b'["a", {}]', b"[0, 3]", b"{}", b"\xff", b" ", b"", b"["]
)
def test_a_damaged_journal_is_left_out(folder: Path, cache: Path, line: bytes) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare(folder, on_part=stop_before(2))
    (journal,) = cache.glob("edgeclust/prepared/*/*.unfinished/done.jsonl")
    journal.write_bytes(line + b"\n")
    assert_same(open_prepared(prepare(folder))[1], read_recordings_folder(folder)[1])


def test_a_cut_record_of_the_journal_does_not_take_the_next_with_it(
    folder: Path, cache: Path, reads: list[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        prepare(folder, on_part=stop_before(2))
    (journal,) = cache.glob("edgeclust/prepared/*/*.unfinished/done.jsonl")
    with journal.open("ab") as stream:
        stream.write(journal.read_bytes().strip()[:-9])
    with pytest.raises(KeyboardInterrupt):
        prepare(folder, on_part=stop_before(1))
    prepare(folder)
    assert reads == ["0000_1_1.csv", "0001_2_1.csv", "0002_3_1.csv", "0003_4_1.csv"]


def test_a_full_disk_is_said_with_the_way_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reads: list[str]
) -> None:
    def full(handle: int) -> None:
        if len(reads) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("edgeclust.har_data.prepared.os.fsync", full)
    with pytest.raises(
        DataError,
        match=r"cache/edgeclust/prepared/mine-.*: cannot be written: No space left on device; "
        r".* the same command goes on: make room on that disk, or .* XDG_CACHE_HOME",
    ):
        prepare(folder)
    assert find_prepared(folder) is None
    monkeypatch.undo()
    with monkeypatch.context() as again:
        again.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
        again.setattr(preparing, "PART_BYTES", 1)
        whole = prepare(folder)
    assert sorted(os.listdir(whole)) == [*(f"{n:04d}.bin" for n in range(4)), HEADER]


def test_a_limit_of_the_size_of_files_is_said_and_leaves_no_half_part(
    folder: Path, cache: Path
) -> None:
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))"
    _, error = (process := child(folder, limit)).communicate()
    assert process.returncode == 1
    assert "File too large; what is finished is kept there, and the same command goes on" in error
    assert len(error.splitlines()) == 1
    assert not list(cache.glob("edgeclust/prepared/*/*/*.bin*"))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_two_processes_at_once_end_well_and_one_whole_cache_stands(
    folder: Path, cache: Path
) -> None:
    both = [child(folder), child(folder)]
    results = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], results
    assert results[0][0] == results[1][0]
    whole = find_prepared(folder)
    assert whole is not None
    assert leftovers(cache) == [whole.name]
    assert_same(open_prepared(whole)[1], read_recordings_folder(folder)[1])


def test_a_flipped_byte_is_found_by_preparing_again_and_mended(
    folder: Path, reads: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    whole = prepare(folder)
    check_prepared(whole)
    prepare(folder)
    assert len(reads) == 4  # the second time nothing was read
    with part_path(whole, 2).open("r+b") as part:
        part.seek(5)
        part.write(b"\xff")
    with pytest.raises(
        DataError, match=r"0002.bin: its checksum is another: .* 'edgeclust data prepare'"
    ):
        check_prepared(whole)
    assert prepare(folder) == whole
    assert len(reads) == 8
    assert caplog.messages == [f"{whole}: was damaged and is made anew"]
    check_prepared(whole)


@pytest.mark.parametrize("name", ["0001.bin", HEADER])
@pytest.mark.parametrize("damage", ["cut", "gone", "longer", "flipped"])
def test_what_is_damaged_is_never_opened(folder: Path, name: str, damage: str) -> None:
    path = prepare(folder) / name
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[-10] ^= 1
    path.unlink()
    if damage != "gone":
        damaged = {"cut": content[:100], "longer": content + b"more", "flipped": content}
        path.write_bytes(damaged[damage])
    if (name, damage) == ("0001.bin", "flipped"):
        with pytest.raises(DataError, match=f"{name}: its checksum"):
            check_prepared(path.parent)
        return
    with pytest.raises(DataError, match=rf"{name}: .* 'edgeclust data prepare' makes it anew"):
        open_dataset(folder)
    open_prepared(prepare(folder))


def test_a_file_or_a_reader_that_changes_is_prepared_anew(
    folder: Path, cache: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare(folder)
    text = (folder / "0000_1_1.csv").read_text()
    (folder / "0000_1_1.csv").write_text(text.replace("walk", "run"))
    assert find_prepared(folder) is None
    assert_same(list(open_recordings(folder).recordings), read_recordings_folder(folder)[1])
    second = prepare(folder)
    assert second != first
    assert leftovers(cache) == [second.name]
    monkeypatch.setattr(preparing, "FOLDER_VERSION", 2)
    assert find_prepared(folder) is None
    assert prepare(folder) != second
    assert len(reads) == 12


def test_a_file_that_changes_while_it_is_read_is_not_taken(folder: Path) -> None:
    def touch(n_done: int, n_all: int) -> None:
        os.utime(folder / "0000_1_1.csv", (n_done, n_done))

    with pytest.raises(DataError, match="mine: changed while it was read: prepare it again"):
        prepare(folder, on_part=touch)
    assert find_prepared(folder) is None


def test_files_of_a_published_set_are_parts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = unpacked(FILES, tmp_path / "sets")
    seen: list[tuple[int, int]] = []
    whole = prepare(TOY, root, on_part=lambda *n: seen.append(n))
    assert seen == [(0, 12), (5, 12), (12, 12)]
    assert caplog.messages == [f"{root}: repaired: 3 words left out"]
    assert [r.signal.tolist() for r in open_prepared(whole)[1]] == [[[1.5, 2.5]], [[3.5, 4.5]]]
    assert find_prepared(TOY, root) == whole
    (root / "other.txt").write_text("it lies beside the set, not in it")
    assert find_prepared(TOY, root) == whole
    (root / "all/set/offset.txt").write_text("1")  # what readers look up beside counts
    assert find_prepared(TOY, root) is None
    assert find_prepared(replace(TOY, version=2), root) is None


def test_a_published_set_is_prepared_from_its_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "toy.zip"
    archive.write_bytes(zipped({"inner.zip": zipped(FILES)}))
    whole = prepare(TOY, archive)
    assert [r.session for r in open_prepared(whole)[1]] == ["all/set/run1.txt", "all/set/run2.txt"]
    with monkeypatch.context() as unopened:
        unopened.setattr("edgeclust.har_data.members._open_archive", None)
        assert find_prepared(TOY, archive) == whole
        assert find_prepared(TOY, tmp_path) is None  # another place
    archive.write_bytes(zipped(FILES))
    assert find_prepared(TOY, archive) is None
    archive.unlink()
    with pytest.raises(
        DataError,
        match=r"toy.zip: has neither set/run\*.txt nor toy.zip of 'toy-s.* used beside them alone",
    ):
        find_prepared(TOY, archive)


def rewritten(folder: Path, **changes: object) -> Path:
    """Change what a header says, its checksum as well."""
    text = (folder / HEADER).read_text().splitlines()[1]
    content = json.loads(text)
    content["parts"][0] |= changes
    parts = content.pop("parts")
    writing.write_header(folder, TOY_CARD, parts, {})
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {"recordings": [["1", "1", True, None, 100, 100, 1, 1000]]},
        {"recordings": [["1", "1", True, None, -100, -100, 1, 1]]},
        {"recordings": [["1", "1", True, None, 10**30, 0, 0, 0]]},
        {"recordings": [["1", "1"]]},
        {"recordings": [["1", "1", True, None, "../../x", 1, 1, 1]]},
        {"recordings": "../../etc/passwd"},
        {"size": "1"},
        {"path": "/etc/passwd", "recordings": [["1", "1", True, None, 300, 300, 3, 0]], "size": 10},
    ],
)
def test_a_header_is_not_trusted(tmp_path: Path, changes: dict[str, object]) -> None:
    write_prepared(TOY_CARD, toy_recordings(1, seconds=4), tmp_path)
    with pytest.raises(DataError, match=r"what was prepared is damaged"):
        open_prepared(rewritten(tmp_path, **changes))


def test_labels_that_the_card_does_not_know_are_not_prepared(tmp_path: Path) -> None:
    wrong = Recording(np.ones((3, 4), np.float32), "1", "1", np.array([0, 1, 2, 3]))
    with pytest.raises(DataError, match="should have labels from -1 to 2, got 0 to 3"):
        write_prepared(TOY_CARD, [wrong], tmp_path)
    assert not os.listdir(tmp_path)


def test_a_folder_is_prepared_by_command(folder: Path) -> None:
    result = run("data", "prepare", folder, "--jobs", 1)
    assert result.exit_code == 0, result.output
    whole = find_prepared(folder)
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"prepared and verified, in {whole}",
        f"next: edgeclust train {folder}",
    ]


def test_what_cannot_be_prepared_is_said(tmp_path: Path) -> None:
    assert "'digits' is used as it is" in fails_with(run("data", "prepare", "digits"))
    assert "no recordings folder" in fails_with(run("data", "prepare", tmp_path))
    assert "unknown data 'nothing'" in fails_with(run("data", "prepare", "nothing"))
    assert "--root" in fails_with(run("data", "prepare", "pamap2", "--root", tmp_path))
