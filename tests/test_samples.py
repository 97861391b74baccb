import numpy as np
import pytest
from numpy.typing import NDArray

from edgeclust import DataError
from edgeclust.samples import read_labelled, read_samples


def read(text: str, *channels: str, chunk: int = 100) -> list[tuple[NDArray[np.float32], object]]:
    lines = text.splitlines(keepends=True)
    return list(read_samples(lines, channels, source="s.csv", chunk=chunk))


def test_columns_are_found_by_name_in_the_order_asked_for() -> None:
    ((samples, t),) = read("note,ay, ax ,time\nhello,1,2,0.5\n", "ax", "ay")
    np.testing.assert_array_equal(samples, [[2, 1]])
    np.testing.assert_array_equal(t, [0.5])
    assert samples.dtype == np.float32


def test_chunks_come_as_soon_as_they_are_full() -> None:
    def lines() -> object:
        yield "ax\n"
        yield "1\n"
        yield "2\n"
        raise AssertionError("read further than the chunk needs")

    samples, t = next(iter(read_samples(lines(), ["ax"], source="s.csv", chunk=2)))  # type: ignore[arg-type]
    np.testing.assert_array_equal(samples, [[1], [2]])
    assert t is None


def test_the_last_chunk_may_be_shorter() -> None:
    assert [len(samples) for samples, _ in read("ax\n1\n2\n3\n", "ax", chunk=2)] == [2, 1]


def test_missing_values_are_nan() -> None:
    ((samples, _),) = read("ax,ay\n,1\nnan,NaN\n3\n", "ax", "ay")
    np.testing.assert_array_equal(samples, [[np.nan, 1], [np.nan, np.nan], [3, np.nan]])


def test_a_blank_line_of_a_single_column_is_missing() -> None:
    ((samples, _),) = read("ax\n1\n\n3\n", "ax")
    np.testing.assert_array_equal(samples, [[1], [np.nan], [3]])


def test_byte_order_marks_crlf_and_blank_lines_do_no_harm() -> None:
    ((samples, _),) = read("\ufeffax,ay\r\n1,2\r\n\r\n3,4\r\n  \r\n", "ax", "ay")
    np.testing.assert_array_equal(samples, [[1, 2], [3, 4]])


def test_a_header_alone_has_no_samples() -> None:
    assert read("ax\n", "ax") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s.csv: is empty; a header line"),
        ("ax,ay, ay\n1,2,3\n", r"s.csv: names the column ay twice"),
        ("ax,az\n1,2\n", "s.csv: has no column ay; its columns are ax, az"),
        ("ax,ay\n1,2\n1_5,2\n", "s.csv, line 3: column ax holds '1_5', which is no number"),
        ("ax,ay\n1,2\n\n1,two\n", "s.csv, line 4: column ay holds 'two', which is no number"),
        ("time,ax,ay\n,1,2\n", "s.csv, line 2: column time holds '', seconds are expected"),
        ('ax,ay\n"' + "1\n" * 99_000, "s.csv, line 2: is no CSV: unexpected end of data"),
    ],
)
def test_bad_text_is_refused_by_line_and_column(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(text, "ax", "ay")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0.3,0.1,0.2,5", "line 4: has 4 columns, the header has 3"),
        ('0.3,"0.1,0.2', "line 4: is no CSV"),
        ("0.3,0.1,east", "line 4: column ay holds 'east', which is no number"),
    ],
)
def test_what_came_before_a_line_at_fault_is_out_first(line: str, message: str) -> None:
    text = ["time,ax,ay", "0.1,1,2", "0.2,3,4,", line, "0.4,5,6"]
    chunks = read_samples(text, ["ax", "ay"], source="walk.csv")
    samples, t = next(chunks)
    assert samples.tolist() == [[1, 2], [3, 4]]
    assert t is not None
    assert t.tolist() == [0.1, 0.2]
    with pytest.raises(DataError, match=message):
        next(chunks)


def test_a_run_of_one_label_comes_in_chunks_and_nan_is_no_label() -> None:
    text = ["ax,label", *["1,nan"] * 3, "2,NaN", "3,walk", "4,", "5, walk "]
    pieces = [
        (label, samples.ravel().tolist())
        for label, (samples, _) in read_labelled(text, ["ax"], source="x", chunk=3)
    ]
    expected = [("", [1, 1, 1]), ("", [2]), ("walk", [3]), ("", [4]), ("walk", [5])]
    assert pieces == expected
