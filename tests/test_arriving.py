import csv
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeclust.arriving import LONGEST, ArrivingLines


class Pieces(io.BytesIO):
    """A pipe that gives some bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self._size = size

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(self._size)


@given(
    text=st.text("a\u00e9,\n\r", max_size=30),
    size=st.integers(1, 9),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_lines_are_those_of_a_file_however_they_arrive(text: str, size: int, mark: str) -> None:
    expected = [line.rstrip("\n") for line in io.StringIO(text, newline=None)]
    assert [*ArrivingLines(Pieces((mark + text).encode(), size))] == expected


def test_a_line_is_out_before_the_next_one_comes() -> None:
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as pipe, os.fdopen(write_end, "wb", buffering=0) as sensor:
        lines = ArrivingLines(pipe)
        sensor.write(b"1,2\n3,4\n5,")
        assert (next(lines), lines.dry) == ("1,2", False)
        assert (next(lines), lines.dry) == ("3,4", True)
        sensor.write(b"6\n")
        assert next(lines) == "5,6"


def test_a_file_that_grows_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "live.csv"
    path.write_text("1,2\n3,")
    with path.open("rb") as stream:
        lines = ArrivingLines(stream, follow=True)
        assert next(lines) == "1,2"
        path.write_text("1,2\n3,4\n")
        assert next(lines) == "3,4"


def test_a_file_that_is_cut_short_or_replaced_is_read_from_its_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, other = tmp_path / "live.csv", tmp_path / "next.csv"
    path.write_text("ax\n1.25\n2.5\n3.")
    with path.open("rb") as stream:
        lines = ArrivingLines(stream, follow=True)
        assert [next(lines) for _ in range(3)] == ["ax", "1.25", "2.5"]
        path.write_text("ax\n4\n")  # what was begun has no end
        assert (next(lines), caplog.messages) == (
            "4",
            [f"{path}: was cut short; reading on from its start"],
        )
        other.write_text("ax\n5\n6\n7.12345678\n")  # longer than what was read
        other.replace(path)
        assert [next(lines), next(lines)] == ["5", "6"]
        assert caplog.messages[1:] == [f"{path}: was replaced; reading on from its start"]
        other.write_text("8\n")  # no header
        other.replace(path)
        assert [next(lines), next(lines)] == ["7.12345678", "8"]


def test_what_never_ends_is_no_line() -> None:
    with pytest.raises(csv.Error, match="a line is longer than 1048576 characters"):
        next(ArrivingLines(io.BytesIO(b"1," * LONGEST)))
