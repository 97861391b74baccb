"""Images through the training core, from arrays to a run folder."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeclust import ArrayDataset, Channel, ConfigError, DataError, ImageCard, WindowedDataset
from edgeclust.train import ENCODERS, IMAGE_ENCODERS, Run, TrainConfig, evaluate, train
from edgeclust.train.encoders import Standardize, build_encoder, count_parameters

from toy import TOY_CARD, TOY_IMAGE_CARD, toy_images

QUICK = TrainConfig(n_clusters=3, epochs=10, batch_size=30, restarts=1, seed=1, learning_rate=1e-3)


@pytest.fixture(scope="module")
def squares() -> ArrayDataset:
    return ArrayDataset(TOY_IMAGE_CARD, *toy_images(180))


def image_encoder(name: str, card: ImageCard, n_features: int = 16) -> torch.nn.Module:
    n = len(card.channels)
    torch.manual_seed(0)
    return build_encoder(name, torch.full((n,), 0.3), torch.full((n,), 0.5), card, n_features)


def card_of(side: int, n_channels: int = 3) -> ImageCard:
    channels = tuple(Channel(f"c{n}", "0..1") for n in range(n_channels))
    return ImageCard("any", channels, height=side, width=side)


def test_three_patterns_are_told_apart_without_labels(squares: ArrayDataset) -> None:
    unlabelled = ArrayDataset(TOY_IMAGE_CARD, toy_images(180)[0])
    model = train(unlabelled, QUICK).model
    assert evaluate(model, squares).metrics["acc"] == 1.0


def test_images_of_one_place_need_no_subjects(squares: ArrayDataset) -> None:
    """Counts of each group, of one group for all, and of the batch are the same."""
    by_group, by_batch = (
        train(squares, replace(QUICK, epochs=2, balance=balance)).model.clusters.centroids
        for balance in ("subject", "batch")
    )
    np.testing.assert_array_equal(by_group, by_batch)


def test_each_channel_is_standardised_by_itself() -> None:
    layer = Standardize(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]), n_axes=2)
    images = torch.stack([torch.full((5, 5), 3.0), torch.full((5, 5), -2.0)])[None]
    torch.testing.assert_close(layer(images)[0, :, 0, 0], torch.tensor([1.0, -1.0]))


@pytest.mark.parametrize("name", IMAGE_ENCODERS)
@pytest.mark.parametrize(("side", "n_channels"), [(28, 1), (32, 3), (96, 3), (17, 2)])
def test_image_encoders_are_small(name: str, side: int, n_channels: int) -> None:
    encoder = image_encoder(name, card_of(side, n_channels)).eval()
    assert encoder(torch.zeros(2, n_channels, side, side)).shape == (2, 16)
    assert count_parameters(encoder) <= 130_000
    if side <= 32:
        assert count_parameters(encoder) <= 30_000


def test_brightness_and_contrast_say_nothing_to_the_default() -> None:
    encoder = image_encoder("conv2d", card_of(16)).eval()
    bright = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    dark = 0.7 * bright + 0.1
    torch.testing.assert_close(encoder(dark), encoder(bright), rtol=0.02, atol=0.01)
    assert encoder(torch.zeros(1, 3, 16, 16)).isfinite().all()


def test_the_small_encoder_has_the_layers_of_the_papers() -> None:
    convolutions = [
        (layer.out_channels, layer.kernel_size)
        for layer in image_encoder("smallconv", card_of(28, 1)).modules()
        if isinstance(layer, torch.nn.Conv2d)
    ]
    assert convolutions == [(6, (5, 5)), (16, (5, 5))]


def test_images_need_not_be_square() -> None:
    card = replace(card_of(28), height=20, width=48)
    for name in IMAGE_ENCODERS:
        assert image_encoder(name, card).eval()(torch.zeros(2, 3, 20, 48)).shape == (2, 16)


@pytest.mark.parametrize(
    ("name", "side", "message"),
    [
        ("smallconv", 15, r"smallconv needs images of 16 pixels a side, got 15 x 15: use conv2d"),
        ("conv2d", 6, r"conv2d needs images of 7 pixels a side, got 6 x 6"),
        ("filterbank", 28, r"filterbank does not take images as 'any' holds: use conv2d or small"),
    ],
)
def test_an_encoder_that_does_not_fit_the_images_is_refused(
    name: str, side: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        image_encoder(name, card_of(side))


def test_smallest_images_work() -> None:
    for name, side in (("smallconv", 16), ("conv2d", 7)):
        image_encoder(name, card_of(side)).eval()(torch.zeros(1, 3, side, side))


@pytest.mark.parametrize("name", IMAGE_ENCODERS)
def test_an_encoder_of_images_takes_no_windows(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} does not take recordings .* filterbank or con"):
        build_encoder(name, torch.zeros(3), torch.ones(3), TOY_CARD, 8)


def test_auto_is_the_first_encoder_that_fits(squares: ArrayDataset, tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", squares, replace(QUICK, epochs=1), data="squares")
    assert run.config.encoder == next(iter(IMAGE_ENCODERS))
    assert json.loads((run.folder / "config.json").read_text())["train"]["encoder"] == "conv2d"
    assert TrainConfig(n_clusters=2).encoder == "auto"
    assert next(iter(ENCODERS)) == "filterbank"


@pytest.fixture(scope="module")
def run(squares: ArrayDataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "squares"
    return Run.create(folder, squares, QUICK, data="squares", root="/data/squares")


def test_a_run_of_images_opens_as_it_was(run: Run, squares: ArrayDataset) -> None:
    back = Run.open(run.folder)
    assert back == run
    assert back.root == "/data/squares"
    assert back.card == TOY_IMAGE_CARD
    assert evaluate(back.load_model(), squares).metrics["acc"] == run.summary()["acc"]
    assert (run.folder / "overview.png").stat().st_size > 10_000


def test_a_run_from_before_there_were_images_opens(
    toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    config = TrainConfig(n_clusters=3, epochs=1, batch_size=32, restarts=1)
    run = Run.create(tmp_path / "run", toy_dataset, config, data="toy")
    path = run.folder / "config.json"
    content = json.loads(path.read_text())
    del content["root"]
    path.write_text(json.dumps(content))
    back = Run.open(run.folder)
    assert back == run
    assert len(back.load_model().counts) == 3


def test_models_do_not_take_data_of_the_other_kind(
    run: Run, squares: ArrayDataset, toy_dataset: WindowedDataset
) -> None:
    model = run.load_model()
    with pytest.raises(DataError, match=r"with images of shape \(16, 16\), 'toy' has none"):
        evaluate(model, toy_dataset)
    config = TrainConfig(n_clusters=3, epochs=1, batch_size=32, restarts=1)
    with pytest.raises(DataError, match=r"trained with channels .*ax.*, 'squares' has .*grey"):
        evaluate(train(toy_dataset, config).model, squares)
    smaller = ArrayDataset(replace(TOY_IMAGE_CARD, height=8), toy_images()[0][:, :, :8])
    with pytest.raises(DataError, match=r"images of shape \(16, 16\), 'squares' has \(8, 16\)"):
        evaluate(model, smaller)
