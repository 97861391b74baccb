import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeclust import Card, Channel, DataError, Recording
from edgeclust.har_data import read_recordings_folder, write_recordings_folder

from toy import TOY_CARD, toy_recordings

KINDS = ["csv", "parquet", "npz"]
CARD = replace(TOY_CARD, window=4, stride=2)


def folder_of(folder: Path, file: str) -> Path:
    """A folder whose one recording is of a name; the test writes it."""
    folder.mkdir()
    (folder / "dataset.json").write_text(json.dumps(CARD.to_json()))
    (folder / "recordings.csv").write_text(f"file,subject,session\n{file},anna,1\n")
    return folder


@st.composite
def recordings_of_any_kind(draw: st.DrawFn) -> tuple[Card, list[Recording]]:
    n_channels, n_classes = draw(st.integers(1, 3)), draw(st.integers(0, 3))
    card = Card(
        "any",
        draw(st.sampled_from([0.5, 12.5, 33.3, 50.0, 102.4, 1000.0])),
        tuple(Channel(f"c {n}", "g") for n in range(n_channels)),
        window=2,
        stride=1,
        classes=tuple(f"class, {n}" for n in range(n_classes)),
    )
    named = draw(st.booleans())
    recordings = []
    for number in range(draw(st.integers(1, 3))):
        shape = (n_channels, draw(st.integers(1, 12)))
        labels = hnp.arrays(np.intp, shape[1], elements=st.integers(-1, n_classes - 1))
        recordings.append(
            Recording(
                draw(hnp.arrays(np.float32, shape, elements=st.floats(width=32))),
                f"p;{number}" if named else "",
                draw(st.sampled_from(["1", "a, b", 'the "first"'])),
                draw(st.none() | labels),
            )
        )
    return card, recordings


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(content=recordings_of_any_kind())
def test_every_kind_of_file_reads_back_to_the_bit(
    kind: str, content: tuple[Card, list[Recording]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    card, recordings = content
    folder = tmp_path_factory.mktemp("round") / "trip"
    write_recordings_folder(card, recordings, folder, kind)
    same_card, back = read_recordings_folder(folder)
    assert same_card == card
    assert len(back) == len(recordings)
    for mine, other in zip(recordings, back, strict=True):
        assert other.signal.dtype == np.float32
        missing = np.isnan(mine.signal)
        np.testing.assert_array_equal(np.isnan(other.signal), missing)
        bits, same_bits = (r.signal[~missing].view(np.int32) for r in (mine, other))
        np.testing.assert_array_equal(bits, same_bits)
        assert (mine.labels is None) == (other.labels is None)
        np.testing.assert_array_equal(mine.labels, other.labels)
        assert (mine.subject, mine.session) == (other.subject, other.session)


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"format should be csv, parquet, npz, got 'xlsx'"):
        write_recordings_folder(CARD, [], tmp_path / "x", "xlsx")


@pytest.mark.parametrize("change", [{"classes": (" walk",)}, {"channels": (Channel("time", "s"),)}])
def test_names_that_would_not_read_back_are_refused(tmp_path: Path, change: object) -> None:
    card = replace(CARD, **change)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="cannot be a column or a label: rename it"):
        write_recordings_folder(card, [], tmp_path / "x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"subject": ""}, "some recordings have a subject, others none: name all of them or none"),
        ({"subject": " 1"}, "' 1' cannot be a subject or a session in a CSV: rename it"),
        ({"session": "a\t"}, r"'a\\t' cannot be a subject or a session"),
        ({"session": "a\nb"}, r"'a\\nb' cannot be a subject or a session"),
        ({"signal": np.ones((3, 0), np.float32), "session": "b"}, "session 'b' has no samples"),
    ],
)
def test_recordings_that_would_not_read_back_are_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    recording = Recording(np.ones((3, 9), np.float32), "1", "a")
    with pytest.raises(DataError, match=message):
        write_recordings_folder(CARD, [recording, replace(recording, **change)], tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["a;b;c;d", "x,y", '"q"'])
@pytest.mark.parametrize("kind", KINDS)
def test_channels_with_separators_read_back_or_are_refused(
    tmp_path: Path, kind: str, name: str
) -> None:
    card = replace(CARD, channels=(Channel(name, "g"), Channel("ay", "g")), classes=("NaN", "x"))
    signal = np.arange(8, dtype=np.float32).reshape(2, 4)
    recording = Recording(signal, "1", "a", np.array([0, 1, -1, 0]))
    if kind == "csv" and ";" in name:
        with pytest.raises(DataError, match="'a;b;c;d' of 'toy' cannot be a column of a CSV"):
            write_recordings_folder(card, [recording], tmp_path / "x", kind)
        return
    write_recordings_folder(card, [recording], tmp_path / "x", kind)
    (back,) = read_recordings_folder(tmp_path / "x")[1]
    np.testing.assert_array_equal(back.signal, signal)
    np.testing.assert_array_equal(back.labels, recording.labels)


def test_further_columns_are_written_and_left_alone(tmp_path: Path) -> None:
    recording = toy_recordings(1, 1)[0]
    worn = np.zeros(75, int)
    for kind in KINDS:
        more = [{"non_wear": worn}]
        write_recordings_folder(CARD, [recording], tmp_path / kind, kind, more)
        (back,) = read_recordings_folder(tmp_path / kind)[1]
        np.testing.assert_array_equal(back.signal, recording.signal)
    assert "non_wear" in pd.read_parquet(tmp_path / "parquet" / "0000_1_1.parquet")


def test_whole_numbers_with_a_scale_are_in_the_units_of_the_card(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "mine", "a.npz")
    raw = np.array([[1, 2, -4], [3, 4, 8]], np.int16)
    np.savez(folder / "a.npz", signal=raw, scale=np.array([1.0, 0.5, 0.25]))
    (recording,) = read_recordings_folder(folder)[1]
    np.testing.assert_array_equal(recording.signal, [[1, 3], [1, 2], [-1, 2]])
    assert recording.labels is None


def test_whole_numbers_times_a_whole_scale_do_not_wrap_around(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "mine", "a.npz")
    raw, scale = np.full((2, 3), 300, np.int16), np.full(3, 200, np.int16)
    np.savez(folder / "a.npz", signal=raw, scale=scale)
    (recording,) = read_recordings_folder(folder)[1]
    np.testing.assert_array_equal(recording.signal, np.full((3, 2), 60_000))


def test_parquet_has_labels_and_dates_of_its_own(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "mine", "a.parquet")
    start = pd.Timestamp("2025-03-30 01:59:59.92", tz="Europe/Berlin")  # clocks go forward at 2
    table = pd.DataFrame(np.ones((6, 3)), columns=CARD.channel_names)
    table["time"] = pd.date_range(start, periods=6, freq="40ms")
    table["label"] = pd.Categorical(["walk", None, "run", "run", "", "rest"])
    table.to_parquet(folder / "a.parquet")
    (recording,) = read_recordings_folder(folder)[1]
    assert recording.labels is not None
    assert recording.labels.tolist() == [1, -1, 2, 2, -1, 0]


@pytest.mark.parametrize("short", ["ay", "time"])
def test_parquet_columns_of_different_lengths_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: str
) -> None:
    write_recordings_folder(CARD, toy_recordings(1, 1)[:1], tmp_path / "mine", "parquet")
    read = pyarrow.parquet.ParquetFile.read

    def read_damaged(file: Any, columns: list[str], **options: Any) -> Any:
        table = read(file, columns=columns, **options)
        return table.slice(1) if short in columns else table

    monkeypatch.setattr(pyarrow.parquet.ParquetFile, "read", read_damaged)
    with pytest.raises(DataError, match=r"damaged or cut: columns of \d+ and of \d+ rows"):
        read_recordings_folder(tmp_path / "mine")


ONES = np.ones((4, 3), np.float32)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": ONES}, r"a.npz: has no array signal of shape \(n_samples, n_channels\)"),
        ({"signal": ONES.astype(object)}, "a.npz: is no NPZ of plain arrays.*Object arrays"),
        ({"signal": ONES[:, :2]}, r"signal is float32 of shape \(4, 2\).* 3\) are expected"),
        ({"signal": ONES.astype(str)}, r"signal is <U32 of shape \(4, 3\), numbers"),
        ({"signal": ONES[:0]}, "a.npz: has no samples; take its line out of recordings.csv"),
        ({"signal": ONES, "scale": np.ones(2)}, r"scale is .* of shape \(2,\), 3 numbers are"),
        ({"signal": ONES, "time": np.arange(3)}, r"time is of shape \(3,\), but .* 4 samples"),
        ({"signal": ONES, "label": np.zeros((4, 1))}, r"label is of shape \(4, 1\)"),
        (
            {"signal": ONES, "label": np.array([0, -1, 7, 3])},
            "a.npz, sample 3: label 7, counted from 0 and -1 for none, is not among .* rest, walk",
        ),
        ({"signal": ONES, "label": np.array([0, -2, 0, 0])}, "a.npz, sample 2: label -2"),
        ({"signal": ONES, "label": np.ones(4)}, "a.npz, sample 1: label 1.0"),
        ({"signal": ONES, "time": np.array([0, 1, np.nan, 2])}, "sample 3: column time is empty"),
    ],
)
def test_what_is_wrong_in_an_npz_is_named(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    folder = folder_of(tmp_path / "mine", "a.npz")
    np.savez(folder / "a.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        read_recordings_folder(folder)


@pytest.mark.parametrize("kind", ["parquet", "npz"])
@pytest.mark.parametrize("kept", [0, 10, 0.5, -1])
def test_a_file_that_is_cut_is_refused(tmp_path: Path, kind: str, kept: float) -> None:
    folder = tmp_path / "mine"
    write_recordings_folder(CARD, toy_recordings(1, 1), folder, kind)
    path = folder / f"0000_1_1.{kind}"
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept == 0.5 else int(kept)])
    with pytest.raises(DataError, match=rf"0000_1_1.{kind}: is no .*damaged"):
        read_recordings_folder(folder)


def test_a_single_array_is_no_npz(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "mine", "a.npz")
    with (folder / "a.npz").open("wb") as stream:
        np.save(stream, ONES)
    with pytest.raises(DataError, match=r"a.npz: is no NPZ"):
        read_recordings_folder(folder)


def npz_with(path: Path, header: bytes, body: bytes) -> None:
    """An NPZ whose one array says of itself what a header says."""
    npy = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("signal.npy", npy)


def test_a_header_that_promises_too_much_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "mine", "a.npz")
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 3), }\n"
    npz_with(folder / "a.npz", header, b"\0" * 48)
    with pytest.raises(DataError, match=r"a.npz: is no NPZ of plain arrays, or is damaged"):
        read_recordings_folder(folder)


def test_an_array_that_would_grow_beyond_measure_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeclust.har_data.recording_files.LARGE", 2**20)
    folder = folder_of(tmp_path / "mine", "a.npz")
    np.savez_compressed(folder / "a.npz", signal=np.zeros((10**5, 3), np.float32))
    with pytest.raises(DataError, match=r"signal.npy would grow from \d+ to 1200128 bytes"):
        read_recordings_folder(folder)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("az", ["1", "x", "2", "3"], "a.parquet: column az holds large_string, not numbers"),
        ("label", ["walk", "", "fly", "run"], "a.parquet, sample 3: label 'fly' is not among"),
        ("time", ["2025-01-01T00:00:00Z", "soon", "", ""], "a.parquet, sample 2: column time .*so"),
    ],
)
def test_what_is_wrong_in_a_parquet_file_is_named(
    tmp_path: Path, column: str, values: list[str], message: str
) -> None:
    folder = folder_of(tmp_path / "mine", "a.parquet")
    table = pd.DataFrame(ONES, columns=CARD.channel_names).assign(**{column: values})
    table.to_parquet(folder / "a.parquet")
    with pytest.raises(DataError, match=message):
        read_recordings_folder(folder)


def test_a_parquet_file_without_a_channel_is_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "mine", "a.parquet")
    pd.DataFrame(ONES[:, :2], columns=["ax", "ay"]).to_parquet(folder / "a.parquet")
    with pytest.raises(DataError, match=r"a.parquet: has no column az; its columns are ax, ay"):
        read_recordings_folder(folder)
