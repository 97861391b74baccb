from pathlib import Path

import numpy as np
import pytest

from edgeclust import ArrayDataset, Channel, DataError, ImageCard
from edgeclust.card import card_from_json
from edgeclust.images import check_images, read_images

from toy import TOY_CARD, TOY_IMAGE_CARD, toy_images

IMAGES, LABELS = toy_images()


def test_an_image_card_survives_json_and_is_told_from_one_of_recordings() -> None:
    for card in (TOY_IMAGE_CARD, TOY_CARD):
        assert card_from_json(card.to_json(), "config.json") == card


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 0}, r"images of 'squares' should have pixels, got \(0, 16\)"),
        ({"width": "wide"}, "config.json: width should be a whole number, got 'wide'"),
        ({"channels": []}, "channels of 'squares' should be named, each once"),
        ({"classes": ["a", "a"]}, "classes of 'squares' should each have a name"),
        ({"name": "a/b"}, "name should be a word that can name a file"),
    ],
)
def test_a_card_of_impossible_images_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        card_from_json(TOY_IMAGE_CARD.to_json() | change, "config.json")


def test_uint8_is_kept_and_scaled_when_gathered() -> None:
    dataset = ArrayDataset(TOY_IMAGE_CARD, IMAGES, LABELS)
    gathered = dataset.gather(np.array([7, 2]))
    assert gathered.dtype == np.float32
    assert gathered.shape == (2, 1, 16, 16)
    np.testing.assert_allclose(gathered, IMAGES[[7, 2]] / 255, rtol=1e-6)
    assert dataset.n_skipped == 0
    assert dataset.labels.tolist() == LABELS.tolist()


def test_floats_are_gathered_as_they_are() -> None:
    images = np.linspace(-3, 3, 2 * 256).reshape(2, 1, 16, 16)
    gathered = ArrayDataset(TOY_IMAGE_CARD, images).gather(np.array([1]))
    np.testing.assert_array_equal(gathered, images[1:].astype(np.float32))


def test_parts_are_joined_in_their_order_without_a_copy() -> None:
    parts = [IMAGES[:10], IMAGES[10:11], IMAGES[11:]]
    joined = ArrayDataset(TOY_IMAGE_CARD, parts, LABELS)
    whole = ArrayDataset(TOY_IMAGE_CARD, IMAGES, LABELS)
    order = np.random.default_rng(0).permutation(len(IMAGES))
    np.testing.assert_array_equal(joined.gather(order), whole.gather(order))
    assert all(np.shares_memory(part, IMAGES) for part in joined._parts)


def test_the_axis_of_one_channel_may_be_left_out() -> None:
    short = ArrayDataset(TOY_IMAGE_CARD, IMAGES[:, 0])
    np.testing.assert_array_equal(short.gather(np.arange(3))[:, 0], IMAGES[:3, 0] / np.float32(255))


def test_without_labels_and_groups_nothing_is_known_and_all_is_one() -> None:
    dataset = ArrayDataset(TOY_IMAGE_CARD, IMAGES)
    assert set(dataset.labels.tolist()) == {-1}
    assert len(set(dataset.groups.tolist())) == 1
    assert len(dataset.groups) == len(dataset)


def test_nobody_is_held_out_of_images() -> None:
    dataset = ArrayDataset(TOY_IMAGE_CARD, IMAGES)
    assert dataset.hold_out(()) == (dataset, None)
    with pytest.raises(DataError, match=r"'squares' holds images, not people"):
        dataset.hold_out(["9"])


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[:, :, :15], r"shape \(n_images, 1, 16, 16\), got \(60, 1, 15, 16\)"),
        (IMAGES[0, 0], r"got \(16, 16\)"),
        (IMAGES.astype(np.int64), "should be uint8 or float32, got int64"),
        (IMAGES.astype(bool), "should be uint8 or float32, got bool"),
        (IMAGES[:0], "'squares' holds no image"),
        ([], "'squares' holds no image"),
        (np.full((2, 1, 16, 16), np.nan), "images of 'squares' should be finite"),
    ],
)
def test_what_is_no_image_is_refused(images: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ArrayDataset(TOY_IMAGE_CARD, images)


def test_labels_and_groups_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match=r"labels of 'squares' should be from -1 to 2, got 0 to 3"):
        ArrayDataset(TOY_IMAGE_CARD, IMAGES[:4], np.arange(4))
    with pytest.raises(
        DataError, match=r"labels of .* one for each of 60 images, got shape \(3,\)"
    ):
        ArrayDataset(TOY_IMAGE_CARD, IMAGES, np.arange(3))
    with pytest.raises(DataError, match=r"groups of 'squares' should be one for each"):
        ArrayDataset(TOY_IMAGE_CARD, IMAGES, groups=np.array(["a"]))


def test_images_of_several_channels_need_their_axis() -> None:
    with pytest.raises(DataError, match=r"shape \(n_images, 3, 4, 4\), got \(5, 4, 4\)"):
        check_images(np.zeros((5, 4, 4), np.uint8), 3, (4, 4))


def test_a_pickle_in_an_npy_file_is_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "bomb.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"bomb.npy: is no .npy file of images"):
        read_images(tmp_path / "bomb.npy")


@pytest.mark.parametrize("content", [b"", b"no array", b"PK\x03\x04zip"])
def test_what_is_no_npy_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"x.npy: is no .npy file of images"):
        read_images(tmp_path / "x.npy")


def test_a_cut_npy_file_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", IMAGES)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-1])
    with pytest.raises(DataError, match=r"x.npy: is no .npy file of images"):
        read_images(tmp_path / "x.npy")


def test_some_images_are_selected_with_their_labels() -> None:
    card = ImageCard("toy", (Channel("grey", "0..1"),), height=1, width=1, classes=("a", "b"))
    first, second = np.zeros((3, 1, 1), np.uint8), np.full((2, 1, 1), 255, np.uint8)
    dataset = ArrayDataset(card, [first, second], np.array([0, 1, 0, 1, 1]))
    some = dataset.select(np.array([1, 2, 4]))
    assert some.gather(np.arange(3)).ravel().tolist() == [0, 0, 1]
    assert some.labels.tolist() == [1, 0, 1]
    with pytest.raises(DataError, match="no image of 'toy' is selected"):
        dataset.select(np.array([], np.intp))
