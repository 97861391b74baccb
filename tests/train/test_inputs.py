import logging
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from edgeclust import ArrayDataset, WindowedDataset
from edgeclust.dataset import Dataset
from edgeclust.train import TrainConfig
from edgeclust.train import inputs as inputs_module
from edgeclust.train.encoders import build_encoder
from edgeclust.train.halves import Halves, batch_moments
from edgeclust.train.inputs import BatchesAhead, DeviceWindows, Inputs, OutputPlan
from edgeclust.train.model import embed
from edgeclust.train.trainer import Trainer

from toy import TOY_CARD, TOY_IMAGE_CARD, toy_images, toy_recordings

CPU = torch.device("cpu")


def cut(window: int, stride: int) -> WindowedDataset:
    """The toy recordings, two a subject, cut otherwise."""
    sessions = [
        replace(recording, session=str(session), signal=recording.signal + np.float32(session))
        for recording in toy_recordings(seconds=10)
        for session in range(2)
    ]
    return WindowedDataset(TOY_CARD, sessions, window, stride)


def encoder_for(dataset: Dataset, name: str = "filterbank") -> nn.Module:
    torch.manual_seed(0)
    n_channels = len(dataset.card.channels)
    mean, std = torch.full((n_channels,), 0.3), torch.full((n_channels,), 0.7)
    return build_encoder(name, mean, std, dataset.card, 8).eval()


# A hop of the toy encoder's filters is 4 samples. Windows that overlap and are whole hops apart,
# that overlap otherwise, that touch, that lie apart.
CUTS = [(50, 4), (50, 8), (50, 1), (50, 5), (50, 25), (50, 50), (50, 90), (31, 16)]


@pytest.mark.parametrize(("window", "stride"), CUTS)
def test_what_is_kept_is_what_the_encoder_filters(window: int, stride: int) -> None:
    dataset = cut(window, stride)
    encoder = encoder_for(dataset)
    indices = np.random.default_rng(0).permutation(len(dataset))[:40]
    with torch.no_grad():
        found = Inputs(dataset, CPU).encode(encoder, indices)
        expected = encoder(torch.from_numpy(dataset.gather(indices)))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("window", "stride"), CUTS)
def test_every_row_that_is_kept_is_filled_once(window: int, stride: int) -> None:
    dataset = cut(window, stride)
    halves = Halves.of(encoder_for(dataset))
    assert halves is not None
    plan = OutputPlan(dataset, halves)
    filled = np.concatenate([row + np.arange(n) for _, _, row, n in plan.runs])
    assert sorted(filled) == list(range(plan.n_rows))
    n_numbers = plan.n_rows + 2 * len(dataset)  # with the moments of each window
    assert plan.n_bytes == n_numbers * halves.bank.n_outputs * 4
    assert plan.n_rows <= len(dataset) * plan.n_steps


@pytest.mark.parametrize(("window", "stride"), CUTS)
def test_moments_that_are_kept_are_those_of_the_batch(window: int, stride: int) -> None:
    dataset = cut(window, stride)
    encoder = encoder_for(dataset)
    halves = Halves.of(encoder)
    assert halves is not None
    inputs = Inputs(dataset, CPU)
    indices = np.random.default_rng(0).permutation(len(dataset))[:40]
    inputs.encode(encoder, indices)
    assert isinstance(inputs._source, inputs_module._Outputs)
    rows = halves.fixed(torch.from_numpy(dataset.gather(indices))).flatten(0, 1)
    for found, expected in zip(inputs._source.moments(indices), batch_moments(rows), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_windows_that_overlap_share_what_is_kept() -> None:
    dataset = cut(window=50, stride=4)  # one hop
    halves = Halves.of(encoder_for(dataset))
    assert halves is not None
    plan = OutputPlan(dataset, halves)
    assert halves.bank.stride == 4
    # Each recording: its first window has all steps, each of the others adds one.
    n_recordings = len(dataset.recordings)
    assert plan.n_rows == len(dataset) + n_recordings * (plan.n_steps - 1)


def test_a_selection_keeps_its_own_windows_alone() -> None:
    dataset = cut(window=50, stride=25).select(np.array([31, 3, 3, 60]))
    encoder = encoder_for(dataset)
    halves = Halves.of(encoder)
    assert halves is not None
    plan = OutputPlan(dataset, halves)
    assert plan.n_rows == 3 * plan.n_steps  # one comes twice
    with torch.no_grad():
        found = Inputs(dataset, CPU).encode(encoder, np.arange(4))
        expected = encoder(torch.from_numpy(dataset.gather(np.arange(4))))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_long_recordings_are_filtered_stretch_by_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = cut(window=50, stride=4)
    encoder = encoder_for(dataset)
    with torch.no_grad():
        at_once = Inputs(dataset, CPU).encode(encoder, np.arange(len(dataset)))
        monkeypatch.setattr(inputs_module, "BLOCK", 1)
        stretches = Inputs(dataset, CPU).encode(encoder, np.arange(len(dataset)))
    torch.testing.assert_close(stretches, at_once, rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_not_kept_and_trains_alike(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dataset, config = cut(window=50, stride=25), TrainConfig(n_clusters=3)
    batches = [[np.arange(n, n + 30)] for n in (0, 30, 60)]
    losses = []
    caplog.set_level(logging.INFO, "edgeclust")
    for limit in (1 << 20, 1000):
        trainer = Trainer(dataset, config, 0, inputs=Inputs(dataset, CPU, limit))
        losses.append([trainer.step(batch)[0].item() for batch in batches])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert [record.getMessage() for record in caplog.records] == [
        "0 MiB of filtered windows are kept on cpu",
        "windows are filtered batch by batch: all, filtered, would take 0 MiB of 9.31e-07 GiB",
    ]


def test_several_trainers_share_what_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    dataset, config = cut(window=50, stride=25), TrainConfig(n_clusters=3)
    inputs = Inputs(dataset, CPU)
    caplog.set_level(logging.INFO, "edgeclust")
    trainers = [Trainer(dataset, config, seed, inputs=inputs) for seed in range(3)]
    assert not caplog.records  # nothing is worked out before the first batch
    for trainer in trainers:
        trainer.step([np.arange(30)])
        embed(trainer.encoder, dataset, trainer.inputs)
    assert len(caplog.records) == 1


def test_embedding_changes_nothing_in_what_is_learnt_next() -> None:
    dataset, config = cut(window=50, stride=25), TrainConfig(n_clusters=3)
    first, second = [np.arange(30)], [np.arange(30, 50)]
    plain, other = (Trainer(dataset, config, seed=0) for _ in range(2))
    plain.step(first)
    embed(other.encoder, dataset, other.inputs)
    other.step(first)
    embed(other.encoder, dataset, other.inputs)
    assert plain.step(second)[0].item() == other.step(second)[0].item()


@pytest.mark.parametrize("stride", [1, 25, 90])
def test_windows_cut_on_the_device_are_those_of_the_data(stride: int) -> None:
    dataset = cut(window=50, stride=stride)
    windows = DeviceWindows(dataset, CPU)
    indices = np.random.default_rng(0).permutation(len(dataset))[:30]
    found = windows.take(windows.fetch(indices))
    np.testing.assert_array_equal(found.numpy(), dataset.gather(indices))


def test_the_device_has_the_recordings_once_however_much_windows_overlap() -> None:
    dataset = cut(window=50, stride=1)
    held = DeviceWindows(dataset, CPU)._windows.untyped_storage().nbytes()
    assert held == sum(recording.signal.nbytes for recording in dataset.recordings)


def test_images_on_the_device_are_those_of_the_data() -> None:
    dataset = ArrayDataset(TOY_IMAGE_CARD, *toy_images())
    images = DeviceWindows(dataset, CPU)
    indices = np.array([50, 3, 3, 17])
    found = images.take(images.fetch(indices))
    np.testing.assert_array_equal(found.numpy(), dataset.gather(indices))


def test_batches_come_by_a_thread_as_they_are_asked_for() -> None:
    dataset = cut(window=50, stride=25)
    batches = BatchesAhead(dataset, CPU)
    coming = [batches.fetch(np.arange(n, n + 5)) for n in (0, 20)]
    assert all(isinstance(batch, Future) for batch in coming)
    for batch, n in zip(coming, (0, 20), strict=True):
        np.testing.assert_array_equal(
            batches.take(batch).numpy(), dataset.gather(np.arange(n, n + 5))
        )


def test_what_a_thread_fails_at_is_raised_where_the_batch_is_taken() -> None:
    batches = BatchesAhead(cut(window=50, stride=25), CPU)
    with pytest.raises(IndexError):
        batches.take(batches.fetch(np.array([10**6])))


@pytest.mark.parametrize("kind", [DeviceWindows, BatchesAhead])
@pytest.mark.parametrize("name", ["filterbank", "conv"])
def test_a_batch_that_was_expected_is_the_one_that_is_encoded(
    kind: type[DeviceWindows | BatchesAhead], name: str
) -> None:
    dataset = cut(window=50, stride=25)
    encoder, inputs = encoder_for(dataset, name), Inputs(dataset, CPU, limit=0)
    source = kind(dataset, CPU)
    inputs._source = source
    asked: list[list[int]] = []
    fetch = source.fetch

    def watched(indices: np.ndarray[tuple[int], np.dtype[np.intp]]) -> object:
        asked.append(indices.tolist())
        return fetch(indices)

    source.fetch = watched  # type: ignore[method-assign,assignment]
    with torch.no_grad():
        for said, wanted in (([1, 2], [1, 2]), ([3, 4], [5, 6]), ([7], [7])):
            inputs.expect(np.array(said))
            found = inputs.encode(encoder, np.array(wanted))
            expected = encoder(torch.from_numpy(dataset.gather(np.array(wanted))))
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert asked == [[1, 2], [3, 4], [5, 6], [7]]  # one that was expected is fetched once


class Cuda:
    """Says that it is a GPU of so much memory, where there is none."""

    type = "cuda"


@pytest.mark.parametrize(
    ("name", "limit", "kind", "said"),
    [
        ("filterbank", 1 << 20, "_Outputs", "filtered windows are kept on cuda"),
        ("filterbank", 100_000, "DeviceWindows", "MiB of data are kept on the device"),
        ("filterbank", 1000, "BatchesAhead", "batches are copied to the device one by one"),
        ("conv", 200_000, "DeviceWindows", "MiB of data are kept on the device"),
    ],
)
def test_a_gpu_keeps_the_most_that_fits(
    name: str,
    limit: int,
    kind: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dataset = cut(window=50, stride=25)  # 54 KB; 136 KB filtered
    caplog.set_level(logging.INFO, "edgeclust")
    for source in ("_Outputs", "DeviceWindows", "BatchesAhead"):
        made = type(source, (), {"__init__": lambda self, *arguments: None})
        monkeypatch.setattr(inputs_module, source, made)
    inputs = Inputs(dataset, Cuda(), limit)  # type: ignore[arg-type]
    chosen = inputs._choose(Halves.of(encoder_for(dataset, name)))
    assert type(chosen).__name__ == kind
    assert said in caplog.messages[-1]


def test_a_gpu_keeps_half_of_its_memory_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    class Properties:
        total_memory = 8000

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Properties())
    assert Inputs(cut(50, 25), torch.device("cuda"))._limit == 4000
