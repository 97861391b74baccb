"""Official distributions are read as published: fixtures in their layout, quirks among them."""

from pathlib import Path

import numpy as np
import pytest

from edgeclust import DataError, WindowedDataset
from edgeclust.har_data import open_dataset

from layouts import lines, read, unpacked, zipped

RNG = np.random.default_rng(0)
HAPT = RNG.normal(size=(2, 300, 6)).round(6)
DSADS = RNG.normal(size=(3, 125, 45)).round(4)
STREAM = RNG.normal(size=(6, 128 + 2 * 64)).round(5)  # of which three windows are cut


def hapt_files(**others: str) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {
        "RawData/labels.txt": "1 1 5 101 200\n1 1 7 201 230\n2 1 1 1 300\n"
    }
    for experiment, table in enumerate(HAPT, start=1):
        for unit, columns in (("acc", table[:, :3]), ("gyro", table[:, 3:])):
            files[f"RawData/{unit}_exp0{experiment}_user01.txt"] = lines(columns)
    return {f"HAPT Data Set/{name}": data for name, data in (files | others).items()}


def uci_har_files() -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = {"UCI HAR Dataset/activity_labels.txt": "1 WALKING\n"}
    starts = (0, 64, 128)
    for part, subject in (("train", 1), ("test", 2)):
        for number, (kind, unit) in enumerate((("total_acc", "xyz"), ("body_gyro", "xyz"))):
            for axis, name in enumerate(unit):
                channel = STREAM[3 * number + axis]
                # A fourth window does not go on where the third ended.
                rows = [channel[start : start + 128] for start in (*starts, 5)]
                text = lines(([f"{value:.7e}" for value in row] for row in rows), "  ", before="  ")
                path = f"UCI HAR Dataset/{part}/Inertial Signals/{kind}_{name}_{part}.txt"
                files[path] = text
        files[f"UCI HAR Dataset/{part}/y_{part}.txt"] = "5\n5\n5\n5\n"
        files[f"UCI HAR Dataset/{part}/subject_{part}.txt"] = f"{subject}\n" * 4
    return files


def dsads_files() -> dict[str, str | bytes]:
    return {
        f"data/a{activity:02d}/p1/s{segment:02d}.txt": lines(DSADS[segment % 3], ",")
        for activity in (1, 19)
        for segment in range(1, 13)
    }


def test_hapt_counts_samples_from_1_and_leaves_transitions_unlabelled(tmp_path: Path) -> None:
    card, (first, second) = read("hapt", unpacked(hapt_files(), tmp_path))
    assert card.classes[4] == "standing"
    np.testing.assert_array_equal(first.signal, HAPT[0].T.astype(np.float32))
    assert first.labels is not None
    assert np.flatnonzero(first.labels == 4).tolist() == [*range(100, 200)]
    assert set(first.labels[200:230].tolist()) == {-1}
    assert (first.subject, first.session, second.session) == ("1", "1", "2")
    assert second.labels is not None
    assert set(second.labels.tolist()) == {0}


def test_hapt_is_read_from_the_archive_within_the_archive(tmp_path: Path) -> None:
    inner = zipped(hapt_files())
    name = "smartphone+based+recognition+of+human+activities+and+postural+transitions.zip"
    (tmp_path / name).write_bytes(zipped({"HAPT Data Set.zip": inner, "HAPT.names": "readme"}))
    dataset = open_dataset("hapt", root=tmp_path)
    assert isinstance(dataset, WindowedDataset)
    assert len(dataset) == 2 * (1 + (300 - 128) // 64)


def test_hapt_of_two_lengths_is_refused(tmp_path: Path) -> None:
    cut = {"RawData/gyro_exp02_user01.txt": lines(HAPT[1, :200, 3:])}
    with pytest.raises(DataError, match=r"acc_exp02_user01.txt has 300 samples, .* file 200"):
        read("hapt", unpacked(hapt_files(**cut), tmp_path))


def test_uci_har_gives_back_the_streams_and_the_windows(tmp_path: Path) -> None:
    card, recordings = read("uci-har", unpacked(uci_har_files(), tmp_path))
    assert [(r.subject, r.signal.shape[1]) for r in recordings] == [
        ("1", 256),
        ("1", 128),
        ("2", 256),
        ("2", 128),
    ]
    np.testing.assert_array_equal(recordings[0].signal, STREAM.astype(np.float32))
    dataset = WindowedDataset(card, recordings)
    windows = dataset.gather(np.arange(4))
    for window, start in zip(windows, (0, 64, 128, 5), strict=True):
        np.testing.assert_array_equal(window, STREAM[:, start : start + 128].astype(np.float32))
    assert set(dataset.labels.tolist()) == {4}


def test_dsads_joins_segments_in_their_order_and_speaks_of_g(tmp_path: Path) -> None:
    card, recordings = read("dsads", unpacked(dsads_files(), tmp_path))
    assert [(r.session, r.subject) for r in recordings] == [("1", "1"), ("19", "1")]
    expected = np.concatenate([DSADS[segment % 3] for segment in range(1, 13)]).T
    signal = recordings[0].signal
    np.testing.assert_allclose(signal[0] * 9.80665, expected[0], rtol=1e-6)
    np.testing.assert_array_equal(signal[3:9], expected[3:9].astype(np.float32))
    assert [str(card.channels[i]) for i in (0, 3, 6, 9)] == [
        "torso_xacc (g)",
        "torso_xgyro (rad/s)",
        "torso_xmag (1)",
        "right_arm_xacc (g)",
    ]
    assert recordings[1].labels is not None
    assert card.classes[recordings[1].labels[0]] == "basketball"


@pytest.mark.parametrize("name", ["hapt", "uci-har", "dsads"])
def test_what_is_not_there_is_said_with_the_archive(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"has neither .* nor .*\.zip.* of '{name}': .* --root"):
        open_dataset(name, root=tmp_path)
