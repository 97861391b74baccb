"""Readers of image sets, on tiny files in the formats as published, and on the real ones."""

import gzip
import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from edgeclust import ArrayDataset, DataError
from edgeclust.har_data import cifar, official, open_dataset, open_recordings, stl10
from edgeclust.har_data.digits import read_digits
from edgeclust.har_data.fashion_mnist import read_idx

RNG = np.random.default_rng(0)
REAL_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def everything(dataset: ArrayDataset) -> np.ndarray:
    return dataset.gather(np.arange(len(dataset)))


def opened(name: str, root: Path) -> ArrayDataset:
    dataset = open_dataset(name, root=root)
    assert isinstance(dataset, ArrayDataset)
    return dataset


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    for part, n in (("train", 5), ("t10k", 3)):
        images = RNG.integers(0, 256, size=(n, 28, 28), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            (tmp_path / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(idx(array)))
    return tmp_path


def test_fashion_mnist_joins_training_and_test_files(fashion: Path) -> None:
    dataset = opened("fashion-mnist", fashion)
    assert dataset.labels.tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    first = gzip.decompress((fashion / "train-images-idx3-ubyte.gz").read_bytes())[16:]
    expected = np.frombuffer(first, np.uint8)[:784].reshape(28, 28) / np.float32(255)
    np.testing.assert_array_equal(everything(dataset)[0, 0], expected)


def test_fashion_mnist_may_be_unpacked(fashion: Path) -> None:
    packed = everything(opened("fashion-mnist", fashion))
    for path in [*fashion.iterdir()]:
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    np.testing.assert_array_equal(everything(opened("fashion-mnist", fashion)), packed)


def test_an_axis_of_an_idx_file_is_big_endian(tmp_path: Path) -> None:
    array = np.arange(600, dtype=np.uint8).reshape(300, 2)
    (tmp_path / "a").write_bytes(b"\0\0\x08\x02\0\0\x01\x2c\0\0\0\x02" + array.tobytes())
    np.testing.assert_array_equal(read_idx(tmp_path / "a", n_axes=2), array)


def damage(path: Path, how: str) -> None:
    content = gzip.decompress(path.read_bytes())
    damaged = {
        "cut": content[:-1],
        "longer": content + b"\0",
        "magic": b"\0\0\x0d" + content[3:],
        "header": content[:5],
        "empty": b"",
    }
    path.write_bytes(gzip.compress(damaged[how]) if how in damaged else path.read_bytes()[:40])


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("cut", r"should have 3,920 values for its shape \(5, 28, 28\), has 3,919"),
        ("longer", r"has 3,921"),
        ("magic", r"no IDX file of bytes with 3 axes: it starts with 00 00 0d 03, 00 00 08 03 is"),
        ("header", r"is cut in its header"),
        ("empty", r"it starts with nothing"),
        ("gzip", r"is damaged or cut: "),
    ],
)
def test_a_damaged_idx_file_says_what_is_wrong(fashion: Path, how: str, message: str) -> None:
    damage(fashion / "train-images-idx3-ubyte.gz", how)
    with pytest.raises(DataError, match=rf"train-images-idx3-ubyte.gz: .*{message}"):
        opened("fashion-mnist", fashion)


def test_as_many_labels_as_images_are_asked_for(fashion: Path) -> None:
    short = gzip.compress(idx(np.zeros(4, np.uint8)))
    (fashion / "train-labels-idx1-ubyte.gz").write_bytes(short)
    with pytest.raises(DataError, match=r"has 4 labels for the 5 images of train-images-idx3"):
        opened("fashion-mnist", fashion)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("fashion-mnist", "train-images-idx3-ubyte.gz"),
        ("cifar10", "cifar-10-binary.tar.gz"),
        ("cifar100", "cifar-100-binary.tar.gz"),
        ("stl10", "stl10_binary/train_X.bin"),
        ("stl10-unlabelled", "stl10_binary/train_y.bin"),
    ],
)
def test_a_missing_file_is_named_with_the_way_to_get_it(
    tmp_path: Path, name: str, file: str
) -> None:
    fetched = name.removesuffix("-unlabelled")
    with pytest.raises(DataError, match=rf"has no .*{file}.*--root DIR") as failed:
        open_dataset(name, root=tmp_path)
    assert f"edgeclust data fetch {fetched} --root {tmp_path}" in str(failed.value)


def test_without_root_the_files_are_looked_for_where_fetch_keeps_them(
    fashion: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pooch.os_cache", lambda project: fashion / project)
    kept = official.default_root("fashion-mnist")
    assert kept == fashion / "edgeclust" / "fashion-mnist"
    kept.mkdir(parents=True)
    for path in fashion.glob("*.gz"):
        path.rename(kept / path.name)
    assert len(open_dataset("fashion-mnist")) == 8


CIFAR = {
    "cifar10": ("CIFAR10_FILES", "cifar-10-batches-bin", "cifar-10-binary.tar.gz", 1, 10),
    "cifar100": ("CIFAR100_FILES", "cifar-100-binary", "cifar-100-binary.tar.gz", 2, 100),
}


@pytest.fixture(params=CIFAR)
def cifar_folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Path]:
    """A root of the unpacked archive, with three images a file instead of thousands."""
    constant, folder, _, n_labels, n_classes = CIFAR[request.param]
    files = dict.fromkeys(getattr(cifar, constant), 3)
    monkeypatch.setattr(cifar, constant, files)
    (tmp_path / folder).mkdir()
    for number, name in enumerate(files):
        records = RNG.integers(0, 256, size=(3, n_labels + 3072), dtype=np.uint8)
        records[:, 0] = 19  # what cifar100 calls coarse; overwritten in cifar10
        records[:, n_labels - 1] = [number, 7, n_classes - 1]
        (tmp_path / folder / name).write_bytes(records.tobytes())
    return request.param, tmp_path


def test_cifar_is_read_record_by_record(cifar_folder: tuple[str, Path]) -> None:
    name, root = cifar_folder
    constant, folder, _, _, n_classes = CIFAR[name]
    dataset = opened(name, root)
    files = [*getattr(cifar, constant)]
    assert len(dataset) == 3 * len(files)
    assert dataset.labels.tolist()[:3] == [0, 7, n_classes - 1]
    last = (root / folder / files[-1]).read_bytes()[-3072:]
    expected = np.frombuffer(last, np.uint8).reshape(3, 32, 32) / np.float32(255)
    np.testing.assert_array_equal(everything(dataset)[-1], expected)
    assert [channel.name for channel in dataset.card.channels] == ["red", "green", "blue"]
    assert len(dataset.card.classes) == n_classes


def test_cifar_is_read_alike_from_folder_files_and_archive(
    cifar_folder: tuple[str, Path],
) -> None:
    name, root = cifar_folder
    _, folder, archive, *_ = CIFAR[name]
    expected = opened(name, root)
    straight = opened(name, root / folder)
    packed = root / "packed"
    packed.mkdir()
    with tarfile.open(packed / archive, "w:gz") as content:
        content.add(root / folder, folder)
    from_archive = opened(name, packed)
    for other in (straight, from_archive):
        np.testing.assert_array_equal(everything(other), everything(expected))
        np.testing.assert_array_equal(other.labels, expected.labels)


def test_a_cifar_file_of_another_size_is_refused(cifar_folder: tuple[str, Path]) -> None:
    name, root = cifar_folder
    constant, folder, *_ = CIFAR[name]
    path = root / folder / [*getattr(cifar, constant)][-1]
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    with pytest.raises(DataError, match=rf"{path.name}: has [\d,]+ bytes, .*: it is cut"):
        opened(name, root)
    path.write_bytes(content + b"\0")
    with pytest.raises(DataError, match=r"it is another file"):
        opened(name, root)
    path.unlink()
    with pytest.raises(DataError, match=rf"has no {path.name} of '{name}'"):
        opened(name, root)


def test_a_cut_archive_is_refused(cifar_folder: tuple[str, Path]) -> None:
    name, root = cifar_folder
    _, folder, archive, *_ = CIFAR[name]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as content:
        content.add(root / folder, folder)
    (root / folder).rename(root / "elsewhere")
    (root / archive).write_bytes(packed.getvalue()[:-2000])
    with pytest.raises(DataError, match=rf"{archive}: is damaged or cut"):
        opened(name, root)
    with tarfile.open(root / archive, "w:gz"):
        pass
    with pytest.raises(DataError, match=rf"{archive}: is not the official archive, it lacks"):
        opened(name, root)


def test_a_cifar_label_beyond_the_classes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar, "CIFAR10_FILES", {"test_batch.bin": 1})
    (tmp_path / "test_batch.bin").write_bytes(bytes([10]) + bytes(3072))
    with pytest.raises(DataError, match=r"has the label 10, cifar10 has 10"):
        opened("cifar10", tmp_path)


def test_the_hundred_classes_are_in_the_order_of_the_alphabet() -> None:
    classes = cifar.CIFAR100.classes
    assert (classes[0], classes[53], classes[99]) == ("apple", "orange", "worm")
    assert [*classes] == sorted(classes)


@pytest.fixture
def stl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(stl10, "N_LABELLED", {"train": 2, "test": 3})
    monkeypatch.setattr(stl10, "N_UNLABELLED", 4)
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    for part, n in (("train", 2), ("test", 3), ("unlabeled", 4)):
        images = RNG.integers(0, 256, size=(n, 3, 96, 96), dtype=np.uint8)
        (folder / f"{part}_X.bin").write_bytes(images.tobytes())
    (folder / "train_y.bin").write_bytes(bytes([1, 10]))
    (folder / "test_y.bin").write_bytes(bytes([2, 3, 4]))
    return tmp_path


def test_stl10_joins_its_labelled_files_and_turns_columns_into_rows(stl: Path) -> None:
    dataset = opened("stl10", stl)
    assert dataset.labels.tolist() == [0, 9, 1, 2, 3]
    content = (stl / "stl10_binary" / "test_X.bin").read_bytes()
    # Of the first test image the green value in row 5 of column 7: planes, then columns, then rows.
    value = content[1 * 96 * 96 + 7 * 96 + 5]
    assert everything(dataset)[2, 1, 5, 7] == np.float32(value) / np.float32(255)


def test_stl10_is_mapped_not_read(stl: Path) -> None:
    dataset = opened("stl10", stl)
    assert all(isinstance(part, np.memmap) for part in dataset._parts)
    assert type(everything(dataset)) is np.ndarray


def test_the_unlabelled_images_come_after_the_others_under_a_name_of_their_own(stl: Path) -> None:
    dataset = opened("stl10-unlabelled", stl)
    assert dataset.card.name == "stl10-unlabelled"
    assert dataset.labels.tolist() == [0, 9, 1, 2, 3, -1, -1, -1, -1]
    np.testing.assert_array_equal(everything(dataset)[:5], everything(opened("stl10", stl)))


def test_stl10_files_of_another_size_or_label_are_refused(stl: Path) -> None:
    (stl / "stl10_binary" / "test_y.bin").write_bytes(bytes([2, 3]))
    with pytest.raises(DataError, match=r"test_y.bin: has 2 bytes, the official file 3: it is cut"):
        opened("stl10", stl)
    (stl / "stl10_binary" / "test_y.bin").write_bytes(bytes([2, 3, 0]))
    with pytest.raises(DataError, match=r"test_y.bin: should have labels from 1 to 10"):
        opened("stl10", stl)
    (stl / "stl10_binary" / "train_X.bin").write_bytes(bytes(100))
    with pytest.raises(DataError, match=r"train_X.bin: has 100 bytes, the official file 55,296"):
        opened("stl10", stl)


def test_a_packed_stl10_says_how_to_unpack_it(tmp_path: Path) -> None:
    (tmp_path / "stl10_binary.tar.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"is packed: tar -xzf .*stl10_binary.tar.gz -C"):
        opened("stl10", tmp_path)


def test_digits_are_those_of_scikit_learn_scaled() -> None:
    dataset = read_digits()
    table = load_digits()
    assert len(dataset) == 1797
    np.testing.assert_array_equal(dataset.labels, table.target)
    np.testing.assert_array_equal(everything(dataset)[:, 0], table.images.astype(np.float32) / 16)


def test_images_are_not_cut_into_windows() -> None:
    with pytest.raises(DataError, match=r"window and stride cut recordings, 'digits' holds images"):
        open_dataset("digits", window=20)
    with pytest.raises(DataError, match=r"recordings are asked for, 'digits' holds images"):
        open_recordings("digits")


@pytest.mark.skipif(
    not REAL_FASHION_MNIST.is_dir(), reason="needs the Debian package dataset-fashion-mnist"
)
def test_the_real_fashion_mnist_is_as_published() -> None:
    dataset = opened("fashion-mnist", REAL_FASHION_MNIST)
    assert np.bincount(dataset.labels).tolist() == [7000] * 10
    assert sum(part.nbytes for part in dataset._parts) == 70_000 * 784
    images = dataset.gather(np.arange(0, 70_000, 70))
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert images.mean() == pytest.approx(0.286, abs=0.01)  # as widely used to normalise it
