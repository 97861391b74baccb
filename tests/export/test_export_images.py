"""A model of images as one file, labelled on the device and on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgeclust import ArrayDataset, DataError, Labeler, ModelFileError
from edgeclust.encoder import OnnxEncoder
from edgeclust.export import export_model
from edgeclust.model_file import ModelMetadata
from edgeclust.train import IMAGE_ENCODERS, TrainConfig, TrainedModel, train
from edgeclust.train.model import embed

from command import fails_with, run
from toy import TOY_IMAGE_CARD, toy_images

IMAGES, LABELS = toy_images(90)
SQUARES = ArrayDataset(TOY_IMAGE_CARD, IMAGES, LABELS)


def trained(encoder: str) -> TrainedModel:
    config = TrainConfig(n_clusters=3, epochs=8, batch_size=30, restarts=1, encoder=encoder)
    return train(SQUARES, config).model


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return trained("auto")


@pytest.fixture(scope="module")
def path(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model") / "squares.onnx"
    report = export_model(model, out, SQUARES, training={}, versions={})
    assert report.parity.same_label == 1.0
    return out


@pytest.mark.parametrize("encoder", IMAGE_ENCODERS)
@pytest.mark.parametrize("batch", [1, 7])
def test_every_image_encoder_embeds_alike_under_onnxruntime(
    tmp_path: Path, encoder: str, batch: int
) -> None:
    model = trained(encoder)
    export_model(model, tmp_path / "m.onnx", SQUARES, training={}, versions={})
    embedded = OnnxEncoder(tmp_path / "m.onnx").embed(SQUARES.gather(np.arange(batch)))
    expected = embed(model.encoder, SQUARES)[:batch]
    np.testing.assert_allclose(embedded, expected, rtol=1e-4, atol=1e-5)


def test_the_file_says_what_images_it_takes(path: Path) -> None:
    metadata = OnnxEncoder(path).metadata
    assert metadata.image == metadata.shape == (16, 16)
    assert json.loads(metadata.to_json())["schema_version"] == 2
    assert ModelMetadata.from_json(metadata.to_json()).to_json() == metadata.to_json()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ([0, 4], r"image should be height and width, .*, got \[0, 4\]"),
        ([4], r"image should be height and width, .*, got \[4\]"),
        (None, "image should be height and width, .*, got None"),
    ],
)
def test_metadata_of_impossible_images_are_refused(
    path: Path, image: list[int] | None, message: str
) -> None:
    content = json.loads(OnnxEncoder(path).metadata.to_json())
    with pytest.raises(ModelFileError, match=message):
        ModelMetadata.from_json(json.dumps(content | {"image": image}))


def test_the_labeler_labels_images_as_the_trained_model(model: TrainedModel, path: Path) -> None:
    expected = model.clusters.predict(embed(model.encoder, SQUARES))
    labeler = Labeler.open(path)
    for images in (IMAGES, IMAGES[:, 0], (IMAGES / 255).astype(np.float32)):
        np.testing.assert_array_equal(labeler.predict(images), expected)
        events = [*labeler.label_images(images)]
        assert [event.cluster for event in events] == expected.tolist()
        assert [event.t for event in events] == [*range(len(IMAGES))]


def test_images_that_hold_nan_get_no_label(path: Path) -> None:
    images = IMAGES[:3].astype(np.float32) / 255
    images[1, 0, 0, 0] = np.nan
    labeler = Labeler.open(path)
    reasons = [event.skipped for event in labeler.label_images(images)]
    assert reasons == [None, "missing or infinite samples", None]
    assert (labeler.n_windows, labeler.n_skipped) == (3, 1)
    with pytest.raises(DataError, match=r"NaN or infinity in window 1"):
        labeler.predict(images)


def test_a_model_of_images_takes_no_stream_and_one_of_streams_no_images(
    path: Path, toy_model: Path
) -> None:
    with pytest.raises(DataError, match=r"the model takes images, not a stream of samples"):
        Labeler.open(path).push(np.zeros((100, 1), np.float32))
    with pytest.raises(DataError, match=r"the model takes windows of a signal, not images"):
        next(Labeler.open(toy_model).label_images(IMAGES))


def test_images_of_another_shape_or_type_are_refused(path: Path) -> None:
    labeler = Labeler.open(path)
    with pytest.raises(DataError, match=r"\(n_images, 1, 16, 16\), got \(90, 1, 8, 16\)"):
        labeler.predict(IMAGES[:, :, :8])
    with pytest.raises(DataError, match=r"should be uint8 or float32, got int32"):
        labeler.predict(IMAGES.astype(np.int32))


def test_an_npy_file_is_labelled_image_by_image(path: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", IMAGES[:, 0])
    result = run("label", path, tmp_path / "images.npy", "--freeze")
    assert result.exit_code == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events == [event.to_json() for event in Labeler.open(path).label_images(IMAGES)]
    lines = run("label", path, tmp_path / "images.npy", "--freeze", "--format", "csv").stdout
    assert lines.splitlines()[0] == "t,cluster,name,distance,confidence,novel,skipped"


def test_what_cannot_be_labelled_ends_with_one_line(path: Path, tmp_path: Path) -> None:
    assert "the model takes images: name an .npy file" in fails_with(run("label", path, "--freeze"))
    assert "images.npy: No such file" in fails_with(
        run("label", path, tmp_path / "images.npy", "--freeze")
    )
    (tmp_path / "images.npy").write_text("ax,ay\n")
    assert "images.npy: is no .npy file of images" in fails_with(
        run("label", path, tmp_path / "images.npy", "--freeze")
    )
    np.save(tmp_path / "images.npy", IMAGES[:, :, :8])
    assert "images.npy: images should have shape (n_images, 1, 16, 16)" in fails_with(
        run("label", path, tmp_path / "images.npy", "--freeze")
    )


def test_inspect_shows_images(path: Path) -> None:
    shown = json.loads(run("inspect", path, "--json").stdout)
    assert shown["image"] == [16, 16]
    assert shown["channels"] == ["grey (0..1)"]
    assert not {"rate_hz", "window", "stride", "mount"} & shown.keys()
    assert "16, 16" in run("inspect", path).stdout
