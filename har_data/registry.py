"""The data sets known by name, and the one door to all data."""

from collections.abc import Callable
from pathlib import Path

from edgeclust.dataset import Card, Recording, WindowedDataset
from edgeclust.errors import DataError
from edgeclust.har_data.recordings_folder import read_recordings_folder
from edgeclust.har_data.watch import read_watch

READERS: dict[str, Callable[[], tuple[Card, list[Recording]]]] = {"watch": read_watch}
"""Readers by the name that ``edgeclust train`` takes."""


def absolute_source(data: str) -> str:
    """Return a registered name as it is, and the path of a recordings folder made absolute.

    Examples
    --------
    >>> from edgeclust.har_data.registry import absolute_source
    >>> absolute_source("watch")
    'watch'
    """
    return data if data in READERS else str(Path(data).resolve())


def open_dataset(
    data: str | Path, window: int | None = None, stride: int | None = None
) -> WindowedDataset:
    """Open data by name or by path, cut into windows.

    Parameters
    ----------
    data : str or Path
        A name in `READERS`, or the path of a recordings folder.
    window, stride : int, optional
        Length of a window and the step between two in samples; the card's when left out.

    Raises
    ------
    DataError
        If it is neither, or cannot be read, or holds no whole window.

    Examples
    --------
    >>> from edgeclust.har_data import open_dataset
    >>> len(open_dataset("watch"))
    2229
    """
    if str(data) in READERS:  # a name wins over a folder that happens to be called so
        card, recordings = READERS[str(data)]()
    elif Path(data).is_dir():
        card, recordings = read_recordings_folder(Path(data))
    else:
        raise DataError(
            f"unknown data {str(data)!r}: known are {', '.join(sorted(READERS))}, "
            "or give the path of a recordings folder"
        )
    return WindowedDataset(card, recordings, window, stride)
