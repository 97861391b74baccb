import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeclust import DataError, Recording
from edgeclust.har_data import open_dataset, read_recordings_folder, write_recordings_folder

from toy import TOY_CARD, toy_recordings

CARD = replace(TOY_CARD, window=4, stride=2)
ROWS = "time,ax,ay,az,label\n" + "".join(f"{n / 25},{n},0.5,1,walk\n" for n in range(6))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as a user writes it: two subjects, one recording each."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "dataset.json").write_text(json.dumps(CARD.to_json()))
    (folder / "recordings.csv").write_text("file,subject,session\na.csv,anna,1\nb.csv,ben,1\n")
    (folder / "a.csv").write_text(ROWS)
    (folder / "b.csv").write_text(ROWS)
    return folder


def test_what_is_written_reads_back_the_same(tmp_path: Path) -> None:
    recordings = toy_recordings(n_subjects=2, seconds=4)
    recordings[1].signal[1, 7] = np.nan
    write_recordings_folder(TOY_CARD, recordings, tmp_path / "toy")
    card, back = read_recordings_folder(tmp_path / "toy")
    assert card == TOY_CARD
    for recording, other in zip(recordings, back, strict=True):
        np.testing.assert_array_equal(recording.signal, other.signal)
        np.testing.assert_array_equal(recording.labels, other.labels)
        assert (recording.subject, recording.session) == (other.subject, other.session)
    assert os.listdir(tmp_path) == ["toy"]


def test_unlabelled_recordings_stay_unlabelled(tmp_path: Path) -> None:
    plain = Recording(np.ones((3, 8), np.float32), "1", "1")
    write_recordings_folder(CARD, [plain], tmp_path / "toy")
    assert read_recordings_folder(tmp_path / "toy")[1][0].labels is None


def test_a_folder_is_never_written_over(folder: Path) -> None:
    with pytest.raises(DataError, match=r"mine: exists and is not empty"):
        write_recordings_folder(CARD, [], folder)


def test_columns_are_found_by_name_and_others_ignored(folder: Path) -> None:
    (folder / "a.csv").write_text("note,az, ay ,ax\nx,3,2,1\n" * 1 + "y,6,,4\n")
    signal = read_recordings_folder(folder)[1][0].signal
    np.testing.assert_array_equal(signal, [[1, 4], [2, np.nan], [3, 6]])


def test_a_byte_order_mark_and_crlf_do_no_harm(folder: Path) -> None:
    content = ("\ufeff" + ROWS.replace("\n", "\r\n")).encode()
    for name in ("a.csv", "b.csv"):
        (folder / name).write_bytes(content)
    for name in ("dataset.json", "recordings.csv"):
        (folder / name).write_text("\ufeff" + (folder / name).read_text())
    _, recordings = read_recordings_folder(folder)
    assert recordings[0].signal[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert recordings[0].labels is not None
    assert recordings[0].labels.tolist() == [1] * 6


def test_labels_may_be_missing_in_places(folder: Path) -> None:
    (folder / "a.csv").write_text("ax,ay,az,label\n1,1,1,run\n1,1,1,\n1,1,1,rest\n")
    labels = read_recordings_folder(folder)[1][0].labels
    assert labels is not None
    assert labels.tolist() == [2, -1, 0]


def test_it_opens_as_a_data_set(folder: Path) -> None:
    dataset = open_dataset(folder)
    assert len(dataset) == 4
    assert dataset.groups.tolist() == ["anna", "anna", "ben", "ben"]
    assert len(open_dataset(folder, window=6, stride=1)) == 2


def test_cells_of_white_space_are_missing(folder: Path) -> None:
    (folder / "a.csv").write_text("ax,ay,az,label\n1, ,3, walk\n 4,5 , 6 ,\n")
    recording = read_recordings_folder(folder)[1][0]
    np.testing.assert_array_equal(recording.signal, [[1, 4], [np.nan, 5], [3, 6]])
    assert recording.labels is not None
    assert recording.labels.tolist() == [1, -1]


def test_one_wrong_cell_in_a_long_recording_is_found(folder: Path) -> None:
    lines = ["ax,ay,az", *["0.1,0.2,0.3"] * 200_000, "1,2,x"]
    (folder / "a.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"a.csv, line 200002: column az holds 'x'"):
        read_recordings_folder(folder)


def test_commas_at_the_end_of_lines_shift_nothing(folder: Path) -> None:
    rows = ["time,ax,ay,az,label", "0,1,2,3,walk,", "0.04,4,5,6,run,,"]
    (folder / "a.csv").write_text("\n".join(rows))
    recording = read_recordings_folder(folder)[1][0]
    np.testing.assert_array_equal(recording.signal, [[1, 4], [2, 5], [3, 6]])
    assert recording.labels is not None
    assert recording.labels.tolist() == [1, 2]


def test_headers_and_labels_with_white_space_are_found(folder: Path) -> None:
    card = CARD.to_json() | {"classes": ["1", "2"]}
    (folder / "dataset.json").write_text(json.dumps(card))
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("ax ,ay, az,label \n1,2,3,2 \n\n4,5,6, 1\n")
    labels = read_recordings_folder(folder)[1][0].labels
    assert labels is not None
    assert labels.tolist() == [1, 0]


def test_blank_lines_keep_samples_and_labels_together(folder: Path) -> None:
    # White space is a text to pandas, so that the lines are read one by one.
    (folder / "a.csv").write_text("ax,ay,az,label\n10, ,3,run\n   \n\n4,5,6,walk\n")
    recording = read_recordings_folder(folder)[1][0]
    assert recording.signal[0].tolist() == [10, 4]
    assert recording.labels is not None
    assert recording.labels.tolist() == [2, 1]


def test_a_number_beyond_float32_is_infinity(folder: Path) -> None:
    (folder / "a.csv").write_text("ax,ay,az\n1e300,2,3\n")
    assert read_recordings_folder(folder)[1][0].signal[0, 0] == np.inf


def test_an_empty_folder_in_the_place_is_filled(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    write_recordings_folder(CARD, [], tmp_path / "here")
    assert sorted(os.listdir(tmp_path / "here")) == ["dataset.json", "recordings.csv"]


def test_a_line_cut_short_has_missing_values(folder: Path) -> None:
    (folder / "a.csv").write_text("ax,ay,az\n1,2,3\n4,5")
    signal = read_recordings_folder(folder)[1][0].signal
    np.testing.assert_array_equal(signal, [[1, 4], [2, 5], [3, np.nan]])


def test_numbers_that_pandas_does_not_take_but_python_does(folder: Path) -> None:
    (folder / "a.csv").write_text("ax,ay,az\ninfinity,\u0661\u0660,+1\n")
    signal = read_recordings_folder(folder)[1][0].signal
    np.testing.assert_array_equal(signal[:, 0], [np.inf, 10, 1])


@pytest.mark.parametrize(
    ("classes", "cells", "expected"),
    [
        (["01", "1"], ["01", "1", " 1", ""], [0, 1, 1, -1]),
        (["True", "true"], ["true", "True"], [1, 0]),
        (["1e3", "1000"], ["1000", "1e3"], [1, 0]),
        (["sit", "NaN"], ["NaN", "sit", "nan", ""], [1, 0, -1, -1]),
    ],
)
def test_labels_are_text_whatever_they_look_like(
    folder: Path, classes: list[str], cells: list[str], expected: list[int]
) -> None:
    (folder / "dataset.json").write_text(json.dumps(CARD.to_json() | {"classes": classes}))
    rows = "".join(f"1,2,3,{cell}\n" for cell in cells)
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text(f"ax,ay,az,label\n{rows}")
    labels = read_recordings_folder(folder)[1][0].labels
    assert labels is not None
    assert labels.tolist() == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_empty_cell_of_a_single_channel_is_missing(folder: Path, end: str) -> None:
    card = CARD.to_json() | {"channels": [{"name": "ax", "unit": "g"}]}
    (folder / "dataset.json").write_text(json.dumps(card))
    (folder / "b.csv").write_text("ax\n1\n")
    (folder / "a.csv").write_bytes(end.join(["ax", "1", "", "3", ""]).encode())
    np.testing.assert_array_equal(read_recordings_folder(folder)[1][0].signal, [[1, np.nan, 3]])
    (folder / "a.csv").write_bytes(end.join(["ax", "", "x", ""]).encode())
    with pytest.raises(DataError, match="line 3: column ax holds 'x'"):
        read_recordings_folder(folder)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@given(widths=st.lists(st.integers(0, 5), max_size=5), quoted=st.booleans())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_line_of_another_width_is_never_read(
    folder: Path, end: str, widths: list[int], quoted: bool
) -> None:
    cell = '"1"' if quoted else "1"
    widths = [3, *widths, 3]
    lines = ["ax,ay,az", *(",".join([cell] * width) for width in widths)]
    (folder / "a.csv").write_bytes((end.join(lines) + end).encode())
    wrong = [(line, width) for line, width in enumerate(widths, start=2) if width not in (0, 3)]
    if wrong:
        line, width = wrong[0]
        with pytest.raises(DataError, match=f"line {line}: has {width} columns, the header has 3"):
            read_recordings_folder(folder)
    else:
        assert read_recordings_folder(folder)[1][0].signal.shape == (3, widths.count(3))


@pytest.mark.parametrize("index", ["file,session\na.csv,1\n", "file,subject,session\na.csv,,1\n"])
def test_nobody_needs_to_be_named(folder: Path, index: str) -> None:
    (folder / "recordings.csv").write_text(index)
    assert read_recordings_folder(folder)[1][0].subject == ""


@pytest.mark.parametrize(
    ("rows", "first", "second"),
    [
        (["0;1,5;-2,25;1e0;walk", "0,04;2;1,5E-1;;"], [1.5, -2.25, 1], [2, 0.15, np.nan]),
        (["0;1.5;-2;1;walk", "0.04;2;0.5;3;run"], [1.5, -2, 1], [2, 0.5, 3]),
        (["0;1;2;3;walk", "0.04;4;5;6;run"], [1, 2, 3], [4, 5, 6]),
    ],
)
def test_semicolons_are_read_with_decimals_of_either_kind(
    folder: Path, rows: list[str], first: list[float], second: list[float]
) -> None:
    (folder / "recordings.csv").write_text("file;subject;session\na.csv;anna;1,5\n")
    lines = ["\ufefftime;ax;ay;az;label", *rows]
    (folder / "a.csv").write_bytes("\r\n".join(lines).encode())
    (recording,) = read_recordings_folder(folder)[1]
    assert recording.session == "1,5"
    np.testing.assert_array_equal(recording.signal, np.array([first, second], np.float32).T)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "ax,ay,az\n1,2,3\n1,2,x\n", "a.csv, line 3: column az holds 'x', which is no"),
        ("a.csv", "ax,ay,az\n1,2,3\n\n1,2,NA\n", "a.csv, line 4: column az holds 'NA'"),
        ("a.csv", "ax,ay\n1,2\n", "a.csv: has no column az; its columns are ax, ay"),
        ("a.csv", "time,ax,ay,az\nx,1,2,3\n", "a.csv, line 2: column time holds 'x'"),
        ("a.csv", "time,ax,ay,az\n0,1,2,3\n1,1,2,3\n", "a.csv: its time stamps show 1 Hz, 25 Hz"),
        ("a.csv", "", "a.csv: is empty"),
        (
            "a.csv",
            "ax,ay,az\n1,2,3\n1,2\n1,2,3\n",
            "a.csv, line 3: has 2 columns, the header has 3",
        ),
        (
            "a.csv",
            "ax,ay,az\n1,2,3\n4,5\n6,7,8,9\n",
            "a.csv, line 3: has 2 columns, the header has 3",
        ),
        ("a.csv", "ax,ay,az\n1,2,3\n1_5,2,3\n", "a.csv, line 3: column ax holds '1_5', which is"),
        (
            "a.csv",
            'ax,ay,az,note\n1,1,1,\n2,2,2,"so\n3,3,3,\n4,4,4,"end"\n5,5,5,\n',
            "a.csv, line 3: a quote is opened, and not closed in the line",
        ),
        ("a.csv", 'ax,ay,az,note\n1,1,1,"so\n"\n', "a.csv, line 2: a quote is opened, and not"),
        (
            "recordings.csv",
            'file,subject,session\na.csv,1,"a\nb.csv",1,1\n',
            "recordings.csv, line 2: a quote is opened, and not closed",
        ),
        ("a.csv", "ax,ay,az\n1,2,3\n\n1,2,3,4\n", "a.csv, line 4: has 4 columns, the header has 3"),
        ("a.csv", "ax,ay,az\n0,5,1,5,2,5\n", "line 2: has 6 .* for decimals, separate the columns"),
        ("a.csv", 'ax,ay,az\n1,2,"2,5"\n', "line 2: column az holds '2,5', .*; decimal commas are"),
        ("a.csv", "ax;ay;az\n1,5;2,5;3,5\n1,5;2.5;3\n", "line 3: column ay holds '2.5', .*commas"),
        ("a.csv", "ax;ay;az\n1.000,5;2,5;3,5\n", "line 2: column ax holds '1.000,5', which is"),
        ("a.csv", "ax,ay,az\n", "a.csv: has no samples; take its line out"),
        ("a.csv", "ax,ay,az,label\n1,2,3,fly\n", "a.csv, line 2: label 'fly' is not among"),
        ("a.csv", "ax,ay,az,label\n\n\n1,2,3,fly\n", r"a.csv, line 4: label 'fly'"),
        ("a.csv", "ax,ax ,ay,az\n1,2,3,4\n", r"a.csv: names the column ax twice"),
        ("a.csv", "time,ax,ay,az\n0,1,2,3\n,1,2,3\n", r"a.csv, line 3: column time is empty"),
        ("b.csv", None, "recordings.csv, line 3: the file .*b.csv is not there"),
        ("recordings.csv", None, "recordings.csv: is not there"),
        ("recordings.csv", "", r"recordings.csv: is empty"),
        (
            "recordings.csv",
            "file,subject,session\na.csv,1,walk, slow\n",
            "recordings.csv, line 2: has 4 columns, the header has 3; put a cell that holds , into",
        ),
        (
            "recordings.csv",
            "file,subject,Subject,session\na.csv,1,2,1\n",
            "recordings.csv: names the column subject twice",
        ),
        ("recordings.csv", "file,subject\na.csv,1\n", "recordings.csv: has no column session"),
        ("recordings.csv", "file,subject,session\n", "recordings.csv: lists no recording"),
        (
            "recordings.csv",
            "file,subject,session\ndataset.json,1,1\n",
            "read from .csv, .parquet, .npz files",
        ),
        ("recordings.csv", "file,subject,session\n../x.csv,1,1\n", r"line 2: '../x.csv' leads out"),
        ("recordings.csv", "file,subject,session\n/a.csv,1,1\n", r"'/a.csv' leads out of the"),
        (
            "recordings.csv",
            "file,subject,session\nC:\\a.csv,1,1\n",
            r"leads out of the folder; put",
        ),
        ("recordings.csv", "file,subject,session\nx\\..\\..\\a.csv,1,1\n", r"leads out of the"),
        (
            "recordings.csv",
            "file,subject,session\na.csv,1,1\n./a.csv,2,1\n",
            r"line 3: ./a.csv is the file of line 2 too; a recording may be listed once",
        ),
        (
            "recordings.csv",
            "file,subject,session\na.csv,1,1\nb.csv,,1\n",
            r"recordings.csv, line 3: has no subject, others have; name all of them or none",
        ),
        ("dataset.json", "{", "dataset.json: is no JSON"),
        ("dataset.json", "{}", "dataset.json: the key 'channels' is missing"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, name: str, text: str | None, message: str) -> None:
    path = folder / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_recordings_folder(folder)


def test_the_columns_of_the_index_may_be_in_capitals(folder: Path) -> None:
    (folder / "recordings.csv").write_text("File,SUBJECT,Session,Hand\na.csv,anna,1,left,,\n")
    (recording,) = read_recordings_folder(folder)[1]
    assert (recording.subject, recording.session) == ("anna", "1")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("file,session,person,hand", ["has no column subject, .* does not know person, hand"]),
        ("file,session,,", []),
        ("file,session,subject,hand", []),
    ],
)
def test_columns_that_are_not_known_are_named_where_there_is_no_subject(
    folder: Path, header: str, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "recordings.csv").write_text(f"{header}\na.csv,1,anna,left\n")
    read_recordings_folder(folder)
    assert len(caplog.messages) == len(said)
    assert all(re.search(*pair) for pair in zip(said, caplog.messages, strict=True))


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "b.csv").unlink()
    (folder / "b.csv").symlink_to(folder / "a.csv")
    with pytest.raises(DataError, match=r"line 3: b.csv is the file of line 2 too"):
        read_recordings_folder(folder)
    (folder / "a.csv").rename(folder.parent / "a.csv")
    (folder / "a.csv").symlink_to(folder.parent / "a.csv")
    with pytest.raises(DataError, match=r"line 2: 'a.csv' is a link out of the folder; put"):
        read_recordings_folder(folder)


def test_binary_rubbish_is_refused(folder: Path) -> None:
    (folder / "a.csv").write_bytes(bytes(range(128, 256)) * 9)
    with pytest.raises(DataError, match=r"a.csv: is no CSV in UTF-8"):
        read_recordings_folder(folder)


def test_an_empty_folder_is_no_recordings_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is no recordings folder, it has no dataset.json"):
        open_dataset(tmp_path)


def test_a_file_is_called_by_whose_it_is_on_any_system(tmp_path: Path) -> None:
    names = [
        ("anna", "a/../b: run 2"),
        ("anna", "A/../B: run 2"),
        ("Zoë", "*" * 300),
        ("nul", "x" * 300),
    ]
    recordings = [replace(toy_recordings(1, 1)[0], subject=s, session=n) for s, n in names]
    write_recordings_folder(TOY_CARD, recordings, tmp_path / "toy")
    assert sorted(path.name for path in (tmp_path / "toy").glob("0*")) == [
        "0000_anna_a_b_run_2.csv",
        "0001_anna_A_B_run_2.csv",
        "0002_Zo.csv",
        f"0003_nul_{'x' * 56}.csv",
    ]
    back = read_recordings_folder(tmp_path / "toy")[1]
    assert [(recording.subject, recording.session) for recording in back] == names


def test_time_is_written_without_rounding_noise(tmp_path: Path) -> None:
    write_recordings_folder(CARD, toy_recordings(1, 1), tmp_path / "toy")
    table = pd.read_csv(tmp_path / "toy" / "0000_1_1.csv")
    np.testing.assert_allclose(table["time"], np.arange(75) / 25, atol=1e-9)
