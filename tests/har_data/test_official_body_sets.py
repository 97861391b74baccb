"""Sets of body-worn units are read as published: fixtures in their layout, quirks among them.

Where a value stands for itself, a cell holds the number of its column, counted from 1 as the
readmes do.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from edgeclust import DataError, WindowedDataset
from edgeclust.har_data import open_dataset

from layouts import lines, read, unpacked, zipped

G = 9.80665


def column_numbers(n_rows: int, n_columns: int) -> NDArray[Any]:
    """Return cells that hold the number of their column, to be overwritten where it matters."""
    return np.tile(np.arange(1, n_columns + 1).astype(object), (n_rows, 1))


def pamap2_files(table: NDArray[Any], **others: str) -> dict[str, str | bytes]:
    files = {f"{part}/subject101.dat": lines(table) for part in ("Protocol", "Optional")}
    return {f"PAMAP2_Dataset/{name}": data for name, data in (files | others).items()}


def pamap2_table() -> NDArray[Any]:
    table = column_numbers(600, 54)
    table[:, 0] = [f"{8.38 + row / 100:.2f}" for row in range(600)]
    table[:, 1] = np.repeat([0, 24], [20, 580])
    table[:, 2] = "NaN"  # the heart rate comes nine times a second
    return table


def mhealth_table() -> NDArray[Any]:
    table = column_numbers(130, 24)
    table[:, 23] = np.repeat([0, 12], [1, 129])
    return table


def opportunity_table() -> NDArray[Any]:
    table = column_numbers(60, 250)
    table[:, 243] = np.repeat([0, 1, 2, 4, 5, 3], 10)
    return table


def mat(**variables: object) -> bytes:
    content = io.BytesIO()
    savemat(content, variables)
    return content.getvalue()


def usc_had_trial(key: str, activity: object, readings: object) -> bytes:
    return mat(subject="13", trial="2", sensor_readings=readings, **{key: activity})


def unimib_files(data: object, labels: object) -> dict[str, str | bytes]:
    return {
        "UniMiB-SHAR/data/acc_data.mat": mat(acc_data=data),
        "UniMiB-SHAR/data/acc_labels.mat": mat(acc_labels=labels),
    }


def test_pamap2_takes_the_accelerometer_of_16_g_and_speaks_of_g(tmp_path: Path) -> None:
    card, (optional, protocol) = read("pamap2", unpacked(pamap2_files(pamap2_table()), tmp_path))
    expected = [
        *(5 / G, 6 / G, 7 / G, 11, 12, 13, 14, 15, 16),
        *(22 / G, 23 / G, 24 / G, 28, 29, 30, 31, 32, 33),
        *(39 / G, 40 / G, 41 / G, 45, 46, 47, 48, 49, 50),
    ]
    np.testing.assert_allclose(protocol.signal[:, 7], expected, rtol=1e-6)
    assert [str(card.channels[i]) for i in (0, 3, 6, 26)] == [
        "hand_acc_x (g)",
        "hand_gyro_x (rad/s)",
        "hand_mag_x (uT)",
        "ankle_mag_z (uT)",
    ]
    assert (protocol.subject, protocol.session) == ("101", "Protocol subject101")
    assert optional.session == "Optional subject101"
    assert protocol.labels is not None
    assert set(protocol.labels[:20].tolist()) == {-1}
    assert card.classes[protocol.labels[20]] == "rope jumping"


def test_pamap2_bridges_holes_of_up_to_a_fifth_of_a_second(tmp_path: Path) -> None:
    table = pamap2_table()
    table[:, 4] = np.arange(600)  # the hand's x, in m/s2
    table[100:120, 3:20] = "NaN"
    table[200:221, 3:20] = "NaN"
    table[:3, 37:] = "NaN"  # the stream begins without the ankle
    _, (recording, _) = read("pamap2", unpacked(pamap2_files(table), tmp_path))
    np.testing.assert_allclose(recording.signal[0, 90:130] * G, np.arange(90, 130), rtol=1e-6)
    assert np.flatnonzero(np.isnan(recording.signal[0])).tolist() == [*range(200, 221)]
    assert np.flatnonzero(np.isnan(recording.signal[26])).tolist() == [0, 1, 2]


def test_pamap2_is_read_from_the_archive_within_the_archive(tmp_path: Path) -> None:
    inner = zipped(pamap2_files(pamap2_table(), **{"readme.pdf": "%PDF"}))
    name = "pamap2+physical+activity+monitoring.zip"
    (tmp_path / name).write_bytes(zipped({"PAMAP2_Dataset.zip": inner}))
    dataset = open_dataset("pamap2", root=tmp_path)
    assert isinstance(dataset, WindowedDataset)
    assert len(dataset) == 2


def test_pamap2_of_an_unknown_activity_is_refused(tmp_path: Path) -> None:
    table = pamap2_table()
    table[30, 1] = 8
    with pytest.raises(
        DataError, match=r"subject101.dat, record 31: unknown label 8: known are 1, 2"
    ):
        read("pamap2", unpacked(pamap2_files(table), tmp_path))


def test_mhealth_leaves_the_gyroscopes_as_they_are(tmp_path: Path) -> None:
    text = lines(mhealth_table(), "\t")
    files = {f"MHEALTHDATASET/mHealth_subject{subject}.log": text for subject in (2, 10)}
    (tmp_path / "mhealth+dataset.zip").write_bytes(zipped(files))
    card, recordings = read("mhealth", tmp_path)
    assert [(r.subject, r.session) for r in recordings] == [
        ("10", "mHealth_subject10"),
        ("2", "mHealth_subject2"),
    ]
    expected = [
        *(1 / G, 2 / G, 3 / G, 4, 5),
        *(6 / G, 7 / G, 8 / G, 9, 10, 11, 12, 13, 14),
        *(15 / G, 16 / G, 17 / G, 18, 19, 20, 21, 22, 23),
    ]
    np.testing.assert_allclose(recordings[0].signal[:, 9], expected, rtol=1e-6)
    assert [str(card.channels[i]) for i in (0, 3, 5, 8, 22)] == [
        "chest_acc_x (g)",
        "chest_ecg_1 (mV)",
        "left_ankle_acc_x (g)",
        "left_ankle_gyro_x (1)",
        "right_arm_mag_z (1)",
    ]
    labels = recordings[0].labels
    assert labels is not None
    assert [*labels[:2].tolist(), card.classes[labels[1]]] == [-1, 11, "jump front and back"]


def test_opportunity_takes_five_units_and_the_track_of_locomotion(tmp_path: Path) -> None:
    table = opportunity_table()
    table[20:50, 37:50] = "NaN"
    names = ("S1-ADL1.dat", "S4-Drill.dat", "column_names.txt")
    folder = "OpportunityUCIDataset/dataset"
    files = {f"{folder}/{name}": lines(table) for name in names}
    card, (first, drill) = read("opportunity", unpacked(files, tmp_path))
    starts = {"back": 38, "rua": 51, "rla": 64, "lua": 77, "lla": 90}
    expected = [(start + i) / 1000 for start in starts.values() for i in range(6)]
    np.testing.assert_allclose(first.signal[:, 50], expected, rtol=1e-6)
    assert card.channel_names[::6] == [f"{place}_acc_x" for place in starts]
    assert str(card.channels[29]) == "lla_gyro_z (rad/s)"
    assert (first.subject, first.session) == ("1", "ADL1")
    assert (drill.subject, drill.session) == ("4", "Drill")
    assert np.flatnonzero(np.isnan(first.signal[0])).tolist() == [*range(20, 50)]
    assert not np.isnan(first.signal[6:]).any()
    assert card.classes == ("stand", "walk", "sit", "lie")
    assert first.labels is not None
    assert first.labels[::10].tolist() == [-1, 0, 1, 2, 3, -1]


def test_usc_had_reads_numbers_that_are_texts_under_either_key(tmp_path: Path) -> None:
    readings = np.array([[1, 0, -1, 180, 90, -36]] * 3)
    trials: dict[str, str | bytes] = {
        "USC-HAD/Readme.txt": "readme",
        "USC-HAD/Subject1/a1t5.mat": usc_had_trial("activity_number", "1", readings),
        "USC-HAD/Subject13/a11t2.mat": usc_had_trial("activity_numbr", "11", readings),
    }
    (tmp_path / "USC-HAD.zip").write_bytes(zipped(trials))
    card, (first, second) = read("usc-had", tmp_path)
    assert [(r.subject, r.session) for r in (first, second)] == [("1", "a1t5"), ("13", "a11t2")]
    turning = [np.pi, np.pi / 2, -np.pi / 5]
    np.testing.assert_allclose(first.signal[:, 2], [1, 0, -1, *turning], rtol=1e-6)
    assert [card.channels[i].unit for i in (0, 3)] == ["g", "rad/s"]
    assert first.labels is not None
    assert second.labels is not None
    assert first.labels.tolist() == [0, 0, 0]
    assert card.classes[second.labels[0]] == "elevator up"


@pytest.mark.parametrize(
    ("trial", "message"),
    [
        (b"", "is no MATLAB file"),
        (b"1.0 2.0 3.0\n" * 20, "is no MATLAB file"),
        (usc_had_trial("activity_number", "1", np.ones((9, 6)))[:-40], "is no MATLAB file"),
        (usc_had_trial("activity", "1", np.ones((9, 6))), "has no activity_number, it has subject"),
        (usc_had_trial("activity_number", "one", np.ones((9, 6))), "should be a number, got .*one"),
        (
            usc_had_trial("activity_number", "13", np.ones((9, 6))),
            "unknown label .*13.*: known are",
        ),
        (usc_had_trial("activity_number", "1", np.ones((9, 5))), r"shape \(9, 5\) .* 6 columns"),
        (usc_had_trial("activity_number", "1", np.ones((0, 6))), "sensor_readings is empty"),
        (usc_had_trial("activity_number", "1", "1 2 3"), "expected numbers in 6 columns"),
    ],
)
def test_usc_had_says_which_file_is_wrong(trial: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"a1t1\.mat.* {message}"):
        read("usc-had", unpacked({"USC-HAD/Subject1/a1t1.mat": trial}, tmp_path))


def test_unimib_shar_makes_a_recording_of_every_window(tmp_path: Path) -> None:
    data = np.arange(2 * 453).reshape(2, 453) * G
    labels = np.array([[1, 1, 2], [17, 30, 1]])
    (tmp_path / "UniMiB-SHAR.zip").write_bytes(zipped(unimib_files(data, labels)))
    card, recordings = read("unimib-shar", tmp_path)
    expected = np.arange(2 * 453).reshape(2, 3, 151)  # all x, then all y, then all z
    np.testing.assert_allclose([r.signal for r in recordings], expected, rtol=1e-6)
    assert [(r.subject, r.session) for r in recordings] == [
        ("1", "trial 2 row 1"),
        ("30", "trial 1 row 2"),
    ]
    assert [str(channel) for channel in card.channels] == ["acc_x (g)", "acc_y (g)", "acc_z (g)"]
    dataset = WindowedDataset(card, recordings)
    assert [card.classes[label] for label in dataset.labels] == [
        "standing up from sitting",
        "falling left",
    ]
    assert not len(dataset.followers)


def test_unimib_shar_of_two_lengths_is_refused(tmp_path: Path) -> None:
    files = unimib_files(np.ones((2, 453)), np.ones((3, 3)))
    with pytest.raises(DataError, match=r"acc_labels.mat: has labels of 3 windows, .* has 2"):
        read("unimib-shar", unpacked(files, tmp_path))


@pytest.mark.parametrize(
    ("name", "path", "table", "n_columns"),
    [
        ("pamap2", "Protocol/subject101.dat", pamap2_table(), 54),
        ("mhealth", "mHealth_subject1.log", mhealth_table(), 24),
        ("opportunity", "dataset/S1-ADL1.dat", opportunity_table(), 250),
    ],
)
def test_a_line_that_is_cut_is_named(
    name: str, path: str, table: NDArray[Any], n_columns: int, tmp_path: Path
) -> None:
    text = lines([*table[:4].tolist(), table[4, :-2].tolist(), *table[5:].tolist()])
    with pytest.raises(DataError, match=rf"line 5: has {n_columns - 2} columns, expected"):
        open_dataset(name, root=unpacked({path: text}, tmp_path))


@pytest.mark.parametrize("name", ["pamap2", "mhealth", "opportunity", "usc-had", "unimib-shar"])
def test_what_is_not_there_is_said_with_the_archive(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"has neither .* nor .*\.zip.* of '{name}': .* --root"):
        open_dataset(name, root=tmp_path)
