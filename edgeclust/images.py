"""Images as data: arrays kept as they are, scaled when they are gathered."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import ImageCard
from edgeclust.errors import DataError


class ArrayDataset:
    """Images in arrays, each in the number type it came in, so that they cost no more than that.

    Parameters
    ----------
    card : ImageCard
        What the images are.
    images : uint8 or float array of shape (n_images, n_channels, height, width), or several
        Kept as they are, not copied: they may be memory maps. Several are joined in their order.
        One channel may be left out: (n_images, height, width).
    labels : int array of shape (n_images,), optional
        Index of each image's class, -1 where unknown. Left out: all unknown.
    groups : str array of shape (n_images,), optional
        Where each image comes from, as in `balance="subject"`. Left out: all from one place.

    Attributes
    ----------
    card : ImageCard
    labels : intp array of shape (n_images,)
    groups : str array of shape (n_images,)
    followers : intp array of shape (0, 2)
        None: images are not in time.
    n_skipped : int
        Always 0: no image is left out.

    Raises
    ------
    DataError
        If there is no image, an array has another shape or type, a float is not finite, or
        labels or groups do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust import ArrayDataset, Channel, ImageCard
    >>> card = ImageCard("toy", (Channel("grey", "0..1"),), height=1, width=2)
    >>> dataset = ArrayDataset(card, np.array([[[0, 51]], [[102, 255]]], np.uint8))
    >>> dataset.gather(np.array([1])).tolist()
    [[[[0.4000000059604645, 1.0]]]]
    """

    followers = np.empty((0, 2), np.intp)
    n_skipped = 0

    def __init__(
        self,
        card: ImageCard,
        images: NDArray[Any] | Sequence[NDArray[Any]],
        labels: NDArray[np.integer[Any]] | None = None,
        groups: NDArray[np.str_] | None = None,
    ) -> None:
        self.card = card
        arrays = [images] if isinstance(images, np.ndarray) else images
        self._parts = [check_images(part, len(card.channels), card.shape) for part in arrays]
        for part in self._parts:
            if part.dtype != np.uint8 and not np.isfinite(part).all():
                raise DataError(f"images of {card.name!r} should be finite, some are not")
        self._edges = np.cumsum([0, *map(len, self._parts)])
        n_images = len(self)
        if not n_images:
            raise DataError(f"{card.name!r} holds no image")
        self.labels = np.full(n_images, -1, np.intp) if labels is None else labels.astype(np.intp)
        self.groups = np.full(n_images, "all") if groups is None else groups
        for name, entries in (("labels", self.labels), ("groups", self.groups)):
            if entries.shape != (n_images,):
                raise DataError(
                    f"{name} of {card.name!r} should be one for each of {n_images} images, "
                    f"got shape {entries.shape}"
                )
        if not -1 <= self.labels.min() <= self.labels.max() < len(card.classes):
            raise DataError(
                f"labels of {card.name!r} should be from -1 to {len(card.classes) - 1}, "
                f"got {self.labels.min()} to {self.labels.max()}"
            )

    def __len__(self) -> int:
        """Return how many images there are."""
        return int(self._edges[-1])

    def gather(self, indices: NDArray[np.intp]) -> NDArray[np.float32]:
        """Copy the images of some indices, those of uint8 scaled to [0, 1].

        Parameters
        ----------
        indices : intp array of shape (n,)
            In [0, len(self)), in any order.

        Returns
        -------
        images : float32 array of shape (n, n_channels, height, width)
        """
        images = np.empty((len(indices), len(self.card.channels), *self.card.shape), np.float32)
        for part, start in zip(self._parts, self._edges[:-1], strict=True):
            inside = (indices >= start) & (indices < start + len(part))
            images[inside] = scale_images(part[indices[inside] - start])
        return images

    def select(self, indices: NDArray[np.intp]) -> "ArrayDataset":
        """Return the data set of some images, copied.

        Parameters
        ----------
        indices : intp array of shape (n,)
            In [0, len(self)), ascending.

        Raises
        ------
        DataError
            If there are none.
        """
        if not len(indices):
            raise DataError(f"no image of {self.card.name!r} is selected")
        parts = np.split(indices, np.searchsorted(indices, self._edges[1:-1]))
        images = [
            images[part - start]
            for images, part, start in zip(self._parts, parts, self._edges[:-1], strict=True)
        ]
        return ArrayDataset(self.card, images, self.labels[indices], self.groups[indices])

    def hold_out(self, names: Sequence[str]) -> "tuple[ArrayDataset, None]":
        """Return all images: nobody can be held out of them.

        Raises
        ------
        DataError
            If somebody is.
        """
        if names:
            raise DataError(
                f"{self.card.name!r} holds images, not people: nobody can be held out of it"
            )
        return self, None


def check_images(
    images: NDArray[Any], n_channels: int, shape: tuple[int, ...]
) -> NDArray[np.uint8] | NDArray[np.floating[Any]]:
    """Return images with their axis of channels, refusing what is none of the kind asked for.

    Parameters
    ----------
    images : array of shape (n_images, n_channels, height, width)
        Or, where there is one channel, of shape (n_images, height, width).
    n_channels : int
        How many are asked for.
    shape : (height, width)
        What is asked for.

    Returns
    -------
    images : array of shape (n_images, n_channels, height, width)
        A view, of the same type.

    Raises
    ------
    DataError
        If the shape is another, or the numbers are neither uint8 nor floats.
    """
    if n_channels == 1 and images.ndim == 3:
        images = images[:, None]
    if images.shape[1:] != (n_channels, *shape):
        wanted = ", ".join(map(str, (n_channels, *shape)))
        raise DataError(f"images should have shape (n_images, {wanted}), got {images.shape}")
    if images.dtype != np.uint8 and images.dtype.kind != "f":
        raise DataError(f"images should be uint8 or float32, got {images.dtype}")
    return images


def scale_images(
    images: NDArray[np.uint8] | NDArray[np.floating[Any]],
) -> NDArray[np.float32]:
    """Return images as networks take them: float32, the values of uint8 over 255.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.images import scale_images
    >>> scale_images(np.array([0, 255], np.uint8)), scale_images(np.array([0.5]))
    (array([0., 1.], dtype=float32), array([0.5], dtype=float32))
    """
    with np.errstate(over="ignore"):  # beyond float32 is infinity, and labelled by nobody
        scaled = np.array(images, dtype=np.float32)
    return scaled / np.float32(255) if images.dtype == np.uint8 else scaled


def read_images(path: Path | str) -> NDArray[Any]:
    """Open the array of a ``.npy`` file without reading it whole; a pickle is never loaded.

    Parameters
    ----------
    path : Path or str
        The file.

    Returns
    -------
    array : memory map of any shape and type

    Raises
    ------
    DataError
        If it is no whole ``.npy`` file of numbers.
    OSError
        If it cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from edgeclust.images import read_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "two.npy", np.zeros((2, 28, 28), np.uint8))
    ...     read_images(Path(folder) / "two.npy").shape
    (2, 28, 28)
    """
    try:
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError) as error:
        raise DataError(f"{path}: is no .npy file of images: {error}") from error
    return array
