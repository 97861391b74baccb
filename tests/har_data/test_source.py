"""A published set is found by its names, and each of its files can be read by itself."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgeclust import Card, Channel, DataError
from edgeclust.dataset import Recording
from edgeclust.har_data import READERS
from edgeclust.har_data.members import Members
from edgeclust.har_data.source import Source

from layouts import unpacked, zipped

CARD = Card("toy", 10.0, (Channel("x", "g"),), window=2, stride=2)


def read_toy(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    for path in paths:
        values = members.read(path).split()
        repairs["words left out"] += values.count(b"?")
        numbers = np.array([[float(value) for value in values if value != b"?"]], np.float32)
        yield Recording(numbers, path[0], path)


TOY = Source(CARD, "a toy", "*/run?.txt", ("toy.zip", "toy+set.zip"), read_toy)
FILES: dict[str, str | bytes] = {"a/run1.txt": "1 2 ?", "b/run2.txt": "3 ? ? 4", "a/notes.txt": ""}


def test_repairs_of_all_files_are_said_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recordings = TOY.recordings(unpacked(FILES, tmp_path))
    assert [(r.subject, r.signal.tolist()) for r in recordings] == [
        ("a", [[1.0, 2.0]]),
        ("b", [[3.0, 4.0]]),
    ]
    assert caplog.messages == [f"{tmp_path}: repaired: 3 words left out"]


def test_files_are_read_one_at_a_time(tmp_path: Path) -> None:
    repairs: Counter[str] = Counter()
    with TOY.open(unpacked(FILES, tmp_path)) as members:
        assert TOY.paths(members) == ["a/run1.txt", "b/run2.txt"]
        recordings = TOY.read(members, TOY.paths(members), repairs)
        assert next(recordings).subject == "a"
        assert repairs == {"words left out": 1}
        (second,) = TOY.read(members, ["b/run2.txt"], repairs)
        assert second.subject == "b"


def test_what_is_here_is_told_by_names_alone(tmp_path: Path) -> None:
    assert not TOY.is_here(tmp_path)
    assert not TOY.is_here(tmp_path / "nowhere")
    (tmp_path / "toy+set.zip").write_bytes(b"whatever")
    assert TOY.is_here(tmp_path)
    assert TOY.is_here(tmp_path / "toy+set.zip")
    (tmp_path / "other.zip").write_bytes(zipped(FILES))
    assert not TOY.is_here(tmp_path / "other.zip")
    unpacked({f"data/toy/{name}": text for name, text in FILES.items()}, tmp_path)
    assert TOY.is_here(tmp_path / "data")


def test_copies_are_refused_unless_files_are_called_alike(tmp_path: Path) -> None:
    files = {f"{folder}/{name}": text for folder in "pq" for name, text in FILES.items()}
    root = unpacked(files, tmp_path)
    with pytest.raises(DataError, match=r"has a/run1.txt twice, as p/a/run1.txt and q/a"):
        TOY.recordings(root)
    alike = Source(CARD, "a toy", TOY.pattern, (), read_toy, same_names=True)
    assert len(alike.recordings(root)) == 4


def test_every_set_says_what_to_cite() -> None:
    for name, source in READERS.items():
        assert source.card.name == name
        assert source.what
        assert '", ' in source.citation  # a title and where it stands
