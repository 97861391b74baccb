import io
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgeclust.har_data import named_columns, recording_csv, text_tables
from edgeclust.har_data.members import Members
from edgeclust.har_data.named_columns import read_columns
from edgeclust.har_data.quick_csv import ANY, CODE, NAME, STAMP, WHOLE, read_quickly
from edgeclust.har_data.recording_csv import read_csv
from edgeclust.har_data.text_tables import read_numbers

RNG = np.random.default_rng(0)


def slowly(*args: object, **options: object) -> None:
    """Stand in for the quick reader where all is unusual."""


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        (WHOLE, "1.5"),
        (WHOLE, "1.0"),
        (WHOLE, "0x10"),
        (WHOLE, "1_0"),
        (WHOLE, "99999999999999999999"),
        (WHOLE, ""),
        (NAME, "1"),
        (NAME, "True"),
        (STAMP, ""),
        (STAMP, "1"),
        (STAMP, "2019-01-12 00:00:00Z"),
        (STAMP, "12.01.2019"),
    ],
)
def test_a_cell_that_is_other_than_expected_is_left_to_others(kind: str, cell: str) -> None:
    text = io.BytesIO(f"{cell}\t1\n".encode())
    assert read_quickly(text, [], {0: kind}, 2, "\t") is None


@pytest.mark.parametrize(
    "cell", ["nan(1)", "-nan", "NAN", "NA", "1_0", "0x1", "1d5", "1;5", "--1", "1\x002", " ", "x"]
)
def test_a_number_that_is_none_is_left_to_others(cell: str) -> None:
    text = f"1,2\nnan,\n3,{cell}\n".encode()
    assert read_quickly(io.BytesIO(text), [0, 1], {}, 2) is None
    assert read_quickly(io.BytesIO(text), [0], {}, 2) is not None


@pytest.mark.parametrize(
    "text", ["", "\n", "1,2\n3\n", "1,2\n3,4,\n", "1,2,\n3\n", "\n1,2\n", '1,"2\n', "1,\xe4\n"]
)
def test_a_line_that_is_other_than_expected_is_left_to_others(text: str) -> None:
    assert read_quickly(io.BytesIO(text.encode()), [0], {}, 2) is None


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", "\t", " "])
@pytest.mark.parametrize("n_columns", [2, 3])
@pytest.mark.parametrize("wanted", [[0], [0, 1]])
def test_only_lines_of_as_many_cells_are_read(
    n_columns: int, separator: str, end: str, wanted: list[int]
) -> None:
    for widths in itertools.product(range(1, n_columns + 3), repeat=4):
        lines = [separator.join("123456"[:width]) for width in widths]
        for last in ("", end):
            text = io.BytesIO((end.join(lines) + last).encode())
            found = read_quickly(text, wanted, {}, n_columns, separator)
            if {*widths} == {n_columns}:
                assert found is not None
                assert found[0].tolist() == [[1.0, 2.0][: len(wanted)]] * 4
            else:
                assert found is None


@pytest.mark.parametrize("n_columns", [2, 40])
def test_lines_too_long_and_too_short_do_not_make_up_for_one_another(n_columns: int) -> None:
    # Of 40 columns pandas hands over 16,384 lines at once, of 2 all: after those it looks anew.
    sound = ",".join("1" * n_columns) + "\n"
    long, short = sound.replace("\n", ",1\n"), sound[2:]
    for n_before in (0, 1, 16_383, 16_384, 16_385, 32_768):
        for odd in (long + short, short + long, long + sound + short, short + sound + long):
            text = sound * n_before + odd + sound * 20_000
            assert read_quickly(io.BytesIO(text.encode()), [0], {}, n_columns) is None


@pytest.mark.parametrize("separator", [",", "\t"])
@pytest.mark.parametrize("blank", ["", "  ", "\r"])
def test_blank_lines_are_left_out(separator: str, blank: str) -> None:
    text = f"1{separator}2\n{blank}\n3{separator}\n{blank}\n"
    found = read_quickly(io.BytesIO(text.encode()), [0, 1], {}, 2, separator)
    assert found is not None
    np.testing.assert_array_equal(found[0], [[1, 2], [3, np.nan]])


def test_columns_beside_those_that_are_wanted_may_hold_anything() -> None:
    text = b"1,x,2,nan(1)\n3,,4,\n5,1_0,6,2019\n"
    found = read_quickly(io.BytesIO(text), [2], {0: WHOLE}, 4)
    assert found is not None
    assert found[0].tolist() == [[2], [4], [6]]
    assert found[1][0].tolist() == [1, 3, 5]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ("1 2", pd.Series([1, 2])),
        ("1 2.5 nan", pd.Series([1, 2.5, np.nan])),
        ("nan", pd.Series([np.nan])),
        ("a 01 2019-01-12", pd.Series(["a", "01", "2019-01-12"], dtype="str")),
    ],
)
def test_a_column_of_anything_is_what_pandas_finds(
    cells: str, expected: "pd.Series[float]"
) -> None:
    text = "".join(f"{cell},1\n" for cell in cells.split())
    found = read_quickly(io.BytesIO(text.encode()), [1], {0: ANY}, 2)
    assert found is not None
    pd.testing.assert_series_equal(found[1][0], expected, check_names=False)


def test_missing_numbers_are_read_and_names_are_never_missing() -> None:
    table = io.BytesIO(b"1,a\n,nan\nnan,\nNaN,a\n")
    found = read_quickly(table, [0], {1: NAME}, 2)
    assert found is not None
    numbers, (names,) = found
    np.testing.assert_array_equal(numbers, [[1], [np.nan], [np.nan], [np.nan]])
    assert names.tolist() == ["a", "nan", "", "a"]


def test_labels_that_look_like_numbers_stay_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,label\n1,1\n2,01\n3,1.0\n4,\n5,nan\n6,walk\n7, 2\n")
    _, others, _ = read_csv(path, ["x"])
    assert others["label"].tolist() == ["1", "01", "1.0", "", "nan", "walk", " 2"]
    with path.open("rb") as stream:
        stream.readline()
        found = read_quickly(stream, [0], {1: CODE}, 2)
    assert found is not None
    assert found[1][0].tolist() == others["label"].tolist()


def test_infinities_are_numbers() -> None:
    table = io.BytesIO(b"inf,-inf\n1e39,\n-inf,2\n")
    found = read_quickly(table, [0, 1], {}, 2, dtype=np.float32)
    assert found is not None
    expected = [[np.inf, -np.inf], [np.inf, np.nan], [-np.inf, 2]]
    np.testing.assert_array_equal(found[0], np.array(expected, np.float32))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("first", [0, 1_700_000_000_000_000_000, "0.0"])
def test_quick_and_slow_agree_on_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, first: object
) -> None:
    values = RNG.normal(0, 3, (50, 2)).round(6)
    lines = [f"{first},{a},{b},{'rest' if a > 0 else ''},more" for a, b in values]
    lines[7:9] = [f"{first},,nan,walk,", ""]
    path = tmp_path / "a.csv"
    path.write_bytes(("\ufeff time ,x,y,label,other" + end + end.join(lines) + end).encode())
    samples, quick, _ = read_csv(path, ["y", "x"])
    monkeypatch.setattr(recording_csv, "read_quickly", slowly)
    expected, slow, _ = read_csv(path, ["y", "x"])
    assert quick["time"].dtype == slow["time"].dtype
    np.testing.assert_allclose(quick["time"], slow["time"], rtol=1e-15)
    np.testing.assert_array_equal(samples, expected)
    quick_labels, slow_labels = (t["label"].astype(object).fillna("") for t in (quick, slow))
    assert quick_labels.to_list() == slow_labels.to_list()


def test_quick_and_slow_agree_on_published_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["NaN", "1.5", "-2"], *RNG.normal(size=(9, 3)).round(5).tolist()]
    numbers = "\n".join(" ".join(map(str, row)) for row in rows)
    stamped = "t,x,who\n" + "".join(f"2019-01-12 00:00:00.{n}20,{n},u{n % 2}\n" for n in range(9))
    files = {"a.txt": numbers.encode(), "b.csv": stamped.encode()}
    members = Members("here", [*files], lambda name: io.BytesIO(files[name]))
    plain = read_numbers(members, "a.txt", 3)
    columns = read_columns(members, "b.csv", ["x"], ["who"], stamps=["t"])
    for module in (text_tables, named_columns):
        monkeypatch.setattr(module, "read_quickly", slowly)
    np.testing.assert_allclose(plain, read_numbers(members, "a.txt", 3), rtol=1e-15)
    slow = read_columns(members, "b.csv", ["x"], ["who"], stamps=["t"])
    assert columns["x"].equals(slow["x"])
    assert columns["who"].astype(str).equals(slow["who"].astype(str))
    assert columns["t"].astype("datetime64[ns]").equals(slow["t"].astype("datetime64[ns]"))
