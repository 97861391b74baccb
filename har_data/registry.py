"""The data sets known by name, and the one door to all data."""

from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from pathlib import Path

from edgeclust.card import Card
from edgeclust.dataset import Recording, WindowedDataset
from edgeclust.errors import DataError
from edgeclust.har_data.capture24 import read_capture24
from edgeclust.har_data.cifar import read_cifar10, read_cifar100
from edgeclust.har_data.devices import is_device_file
from edgeclust.har_data.digits import read_digits
from edgeclust.har_data.dsads import read_dsads
from edgeclust.har_data.fashion_mnist import read_fashion_mnist
from edgeclust.har_data.hapt import read_hapt
from edgeclust.har_data.harth import read_harth
from edgeclust.har_data.hhar import read_hhar
from edgeclust.har_data.mhealth import read_mhealth
from edgeclust.har_data.motionsense import read_motionsense
from edgeclust.har_data.opportunity import read_opportunity
from edgeclust.har_data.pamap2 import read_pamap2
from edgeclust.har_data.realdisp import read_realdisp
from edgeclust.har_data.recordings_folder import read_recordings_folder
from edgeclust.har_data.selection import resample, select_channels
from edgeclust.har_data.session_cache import is_session_cache, read_session_cache
from edgeclust.har_data.stl10 import read_stl10, read_stl10_unlabelled
from edgeclust.har_data.uci_har import read_uci_har
from edgeclust.har_data.unimib_shar import read_unimib_shar
from edgeclust.har_data.usc_had import read_usc_had
from edgeclust.har_data.watch import read_watch
from edgeclust.har_data.wisdm_2019 import read_wisdm_2019
from edgeclust.har_data.wisdm_v1 import read_wisdm_v1
from edgeclust.images import ArrayDataset

Reader = Callable[[Path | None], tuple[Card, list[Recording]] | ArrayDataset]
"""From the folder of the official files, or None for the usual one, to recordings or images."""


def _part_of(read: Callable[..., tuple[Card, list[Recording]]], **part: str) -> Reader:
    """Return the reader of one part of a data set, documented as that of the whole."""
    return update_wrapper(partial(read, **part), read)


READERS: dict[str, Reader] = {
    "watch": read_watch,
    "dsads": read_dsads,
    "hapt": read_hapt,
    "mhealth": read_mhealth,
    "opportunity": read_opportunity,
    "pamap2": read_pamap2,
    "uci-har": read_uci_har,
    "unimib-shar": read_unimib_shar,
    "usc-had": read_usc_had,
    "capture-24": read_capture24,
    "harth": read_harth,
    "hhar": read_hhar,
    "motionsense": read_motionsense,
    "realdisp": read_realdisp,
    "realdisp-ideal": _part_of(read_realdisp, scenario="ideal"),
    "realdisp-self": _part_of(read_realdisp, scenario="self"),
    "realdisp-mutual": _part_of(read_realdisp, scenario="mutual"),
    "wisdm-v1": read_wisdm_v1,
    "wisdm-2019-phone": _part_of(read_wisdm_2019, device="phone"),
    "wisdm-2019-watch": _part_of(read_wisdm_2019, device="watch"),
    "digits": read_digits,
    "fashion-mnist": read_fashion_mnist,
    "cifar10": read_cifar10,
    "cifar100": read_cifar100,
    "stl10": read_stl10,
    "stl10-unlabelled": read_stl10_unlabelled,
}
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
    data: str | Path,
    window: int | None = None,
    stride: int | None = None,
    *,
    root: Path | str | None = None,
    rate_hz: float | None = None,
    channels: Sequence[str] = (),
    window_s: float | None = None,
    stride_s: float | None = None,
) -> WindowedDataset | ArrayDataset:
    """Open data by name or by path: recordings cut into windows, or images.

    Parameters
    ----------
    data : str or Path
        A name in `READERS`, or the path of a recordings folder or of a cache of whar-datasets.
    window, stride : int, optional
        Length of a window and the step between two in samples, at the rate asked for; the card's
        when left out.
    root : Path or str, optional
        Folder of the official files of a name, or their archive; where ``edgeclust data fetch``
        keeps them when left out.
    rate_hz : float, optional
        Rate to resample recordings to.
    channels : sequence of str
        Channels to keep, by name or by kind (``acc``, ``gyro``); all when left out.
    window_s, stride_s : float, optional
        The same as `window` and `stride` in seconds, to the nearest sample; give either.

    Raises
    ------
    DataError
        If it is neither, or cannot be read, or holds no whole window or no such channel, or if
        images are to be treated as recordings.

    Examples
    --------
    >>> from edgeclust.har_data import open_dataset
    >>> len(open_dataset("watch")), len(open_dataset("digits"))
    (2229, 1797)
    """
    content: tuple[Card, list[Recording]] | ArrayDataset
    if str(data) in READERS:  # a name wins over a folder that happens to be called so
        content = READERS[str(data)](None if root is None else Path(root))
    elif is_session_cache(Path(data)):
        content = read_session_cache(Path(data))
    elif Path(data).is_dir():
        content = read_recordings_folder(Path(data))
    elif is_device_file(Path(data)):
        raise DataError(f"{data}: make a folder of it first: edgeclust data convert {data} FOLDER")
    else:
        raise DataError(
            f"unknown data {str(data)!r}: known are {', '.join(sorted(READERS))}, "
            "or give the path of a recordings folder"
        )
    if not isinstance(content, ArrayDataset):
        if channels:
            content = select_channels(*content, channels)
        if rate_hz is not None:
            content = resample(*content, rate_hz)
        card, recordings = content
        window = _in_samples(card, "window", window, window_s)
        stride = _in_samples(card, "stride", stride, stride_s)
        return WindowedDataset(card, recordings, window, stride)
    if any(length is not None for length in (window, stride, window_s, stride_s)):
        raise DataError(
            f"window and stride cut recordings, {str(data)!r} holds images: leave them out"
        )
    if rate_hz is not None or channels:
        raise DataError(
            f"rate and channels are those of recordings, {str(data)!r} holds images: leave them out"
        )
    return content


def _in_samples(card: Card, name: str, samples: int | None, seconds: float | None) -> int | None:
    """Return a length in samples that is given so or in seconds."""
    if seconds is None:
        return samples
    if samples is not None:
        raise DataError(f"{name} is given in samples and in seconds: leave one out")
    if not 0 < seconds < float("inf"):
        raise DataError(f"{name}_s should be above 0 s, got {seconds}")
    return max(1, round(seconds * card.rate_hz))


def open_recordings(
    data: str | Path,
    *,
    root: Path | str | None = None,
    rate_hz: float | None = None,
    channels: Sequence[str] = (),
) -> WindowedDataset:
    """Open recordings by name or by path, cut as their card says.

    Parameters
    ----------
    data, root, rate_hz, channels
        As of `open_dataset`.

    Raises
    ------
    DataError
        As `open_dataset`, or if the data are images.

    Examples
    --------
    >>> from edgeclust.har_data import open_recordings
    >>> len(open_recordings("watch").recordings)
    140
    """
    dataset = open_dataset(data, root=root, rate_hz=rate_hz, channels=channels)
    if isinstance(dataset, ArrayDataset):
        raise DataError(f"recordings are asked for, {str(data)!r} holds images")
    return dataset
