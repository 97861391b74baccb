"""The parts of benchmarks/peers.py on toy data, with the peers that are installed."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeclust import Labeler, WindowedDataset

from toy import TOY_CARD, toy_recordings

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "peers.py"
CENTRES = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])


@pytest.fixture(scope="module")
def peers() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("peers", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["peers"] = module  # where its dataclasses look for their types
    spec.loader.exec_module(module)
    yield module
    del sys.modules["peers"]


@pytest.fixture(scope="module")
def blobs() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Points in runs of ten of three classes, and the classes."""
    classes = np.arange(300) // 10 % 3
    noise = np.random.default_rng(0).normal(0, 0.3, (300, 2))
    return CENTRES[classes] + noise, classes


@pytest.fixture(scope="module")
def streams(
    peers: ModuleType,
    toy_dataset: WindowedDataset,
    toy_model: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> object:
    """The toy data and model as the benchmark has them, nothing trained."""
    out = tmp_path_factory.mktemp("peers")
    (out / "toy.onnx").write_bytes(toy_model.read_bytes())
    return peers.make_streams(toy_dataset, "toy", out)


@pytest.mark.parametrize("name", ["MiniBatchKMeans, each window", "MiniBatchKMeans, 64 at a time"])
def test_mini_batches_tell_blobs_apart(
    peers: ModuleType, blobs: tuple[NDArray[np.float64], NDArray[np.intp]], name: str
) -> None:
    points, classes = blobs
    peer = peers.MAKES[name].peer(points, 3)
    peer.prepare(points)
    labels = np.array([peer.step(point) for point in points])
    assert [len(set(labels[classes == k])) for k in range(3)] == [1, 1, 1]
    assert len(set(labels)) == 3


@pytest.mark.parametrize("name", ["KMeans", "STREAMKMeans", "DBSTREAM", "DenStream", "CluStream"])
def test_clusterers_of_river_label_every_window(
    peers: ModuleType, blobs: tuple[NDArray[np.float64], NDArray[np.intp]], name: str
) -> None:
    pytest.importorskip("river")
    points, _ = blobs
    peer = peers.MAKES[f"river {name}"].peer(points, 3)
    peer.prepare(points)
    labels = [peer.step(point) for point in points]
    assert min(labels) >= 0
    if name != "DenStream":  # whose labels may be of any number of clusters
        assert len(set(labels)) > 1


def test_a_value_is_chosen_by_what_comes_of_it(
    peers: ModuleType, blobs: tuple[NDArray[np.float64], NDArray[np.intp]]
) -> None:
    class Cut:
        """Labels by the first feature, in steps."""

        def __init__(self, step: float) -> None:
            self.width = step

        def step(self, window: NDArray[np.float64]) -> int:
            return int((window[0] + 2) // self.width)

    chosen = peers.choose(Cut, [100.0, 6.0, 0.1], peers.off_by(2), blobs[0])
    assert chosen.width == 6.0


def test_a_view_is_standardised_by_the_training_windows(peers: ModuleType) -> None:
    windows = np.random.default_rng(0).normal(3, 2, (50, 3, 8)).astype(np.float32)
    windows[:, 0] = 1.0  # a dead channel
    view = peers.View.of("flattened", peers.flat, windows)
    points = view(windows)
    assert points.shape == (50, 24)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(points[:, 8:].std(axis=0), 1, atol=1e-6)
    assert not points[:, :8].any()
    np.testing.assert_allclose(view(windows[7:8])[0], points[7])


def test_the_device_labels_the_windows_as_a_stream_of_samples(
    peers: ModuleType, toy_model: Path
) -> None:
    recordings = [replace(recording, labels=None) for recording in toy_recordings(seconds=10)]
    dataset = WindowedDataset(TOY_CARD, recordings)
    device, labeler = peers.Device(toy_model), Labeler.open(toy_model)
    expected = [
        event.cluster
        for recording in recordings
        for event in [*labeler.push(recording.signal.T), *labeler.finish()]
    ]
    windows = dataset.gather(np.arange(len(dataset)))
    assert [device.step(window) for window in windows] == expected


def test_who_needs_more_than_the_budget_is_scored_on_what_it_did(peers: ModuleType) -> None:
    class Alternates:
        """Labels right where `right` says so."""

        def __init__(self, right: bool) -> None:
            self.label, self.right = 1, right

        def step(self, _: NDArray[np.float32]) -> int:
            self.label = 1 - self.label if self.right else 0
            return self.label

    windows = np.zeros((3 * peers.BLOCK, 2), np.float32)
    own = peers.Entry("edgeclust", "flattened", peer=Alternates(True))
    slow = peers.Entry("slow", "flattened", peer=Alternates(False), note="prepared with none")
    gone = peers.Entry("gone", "flattened", note="not run: why")
    slow.prepare_s = 7.0
    peers.race([own, slow, gone], windows[: peers.BLOCK], 1e9)
    slow.seconds[0] = 1e9
    peers.race([own, slow, gone], windows[peers.BLOCK :], 1e9)
    activities = np.arange(len(windows)) % 2
    rows = [peers.score("toy", entry, own, activities) for entry in (own, slow, gone)]
    assert [row.acc for row in rows] == [1.0, 0.5, None]
    assert [row.own_acc for row in rows] == [1.0, 1.0, None]
    assert rows[0].note == ""
    assert rows[1].note == "prepared with none; first 50 of 150 windows, edgeclust there 1.000"
    assert rows[1].mean_us > 1e9
    assert (rows[2].mean_us, rows[2].note) == (None, "not run: why")
    assert "better in ACC are none" in peers.verdicts(rows)[0]


def test_a_package_that_is_not_there_is_named(peers: ModuleType) -> None:
    assert peers.missing("sklearn") == ""
    assert "No module named 'no_such_peer'" in peers.missing("no_such_peer")


@pytest.mark.parametrize(
    "name", ["edgeclust", "edgeclust from samples", "MiniBatchKMeans, each window"]
)
def test_memory_is_measured_at_the_milestones(
    peers: ModuleType, streams: object, name: str
) -> None:
    growth = peers.grow(name, streams, 60, 60.0, (20, 40))
    assert growth.n_windows == 60
    assert list(growth.kib_at) == list(growth.us_at) == [20, 40]
    assert growth.kib_at[20] == 0
    assert not growth.note


def test_memory_is_measured_where_the_seconds_end(peers: ModuleType, streams: object) -> None:
    growth = peers.grow("edgeclust", streams, 60, 0.0, (20, 40))
    assert growth.n_windows == 0
    assert growth.note == "0 s were up after 0 windows"


def test_everybody_is_measured_side_by_side(
    peers: ModuleType,
    streams: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(peers, "MAKES", {n: m for n, m in peers.MAKES.items() if "MiniB" in n})
    monkeypatch.setattr(peers, "missing", lambda module: "gone" if module == "clustpy" else "")
    rows = [row for of_view in peers.measure("toy", streams, 60.0, 1) for row in of_view]
    views = [(row.view, row.peer == "edgeclust") for row in rows]
    assert views == [
        (view, own)
        for view in ("embedding", "features", "flattened")
        for own in (True, False, False, *([False] if view != "embedding" else []))
    ]
    for row in rows:
        if "DCN" in row.peer:
            assert (row.note, row.acc) == ("gone", None)
        else:
            assert 0 < row.acc <= 1
            assert row.mean_us > 0
    peers.show(rows, [peers.Growth("edgeclust", {10_000: 4}, {10_000: 50.0}, 10_000, "")])
    printed = capsys.readouterr().out
    assert "toy, flattened: faster are" in printed
    assert "+4 (50 us)" in printed
    json.dumps([vars(row) for row in rows])
