"""The data sets known by name, and the one door to all data."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording, WindowedDataset
from edgeclust.errors import DataError
from edgeclust.har_data.capture24 import SOURCE as CAPTURE24
from edgeclust.har_data.cifar import SOURCES as CIFAR
from edgeclust.har_data.devices import is_device_file
from edgeclust.har_data.digits import SOURCE as DIGITS
from edgeclust.har_data.dsads import SOURCE as DSADS
from edgeclust.har_data.fashion_mnist import SOURCE as FASHION_MNIST
from edgeclust.har_data.hapt import SOURCE as HAPT
from edgeclust.har_data.harth import SOURCE as HARTH
from edgeclust.har_data.hhar import SOURCE as HHAR
from edgeclust.har_data.mhealth import SOURCE as MHEALTH
from edgeclust.har_data.motionsense import SOURCE as MOTIONSENSE
from edgeclust.har_data.opportunity import SOURCE as OPPORTUNITY
from edgeclust.har_data.pamap2 import SOURCE as PAMAP2
from edgeclust.har_data.prepare import OnPart, find_prepared, prepare
from edgeclust.har_data.prepared import open_prepared
from edgeclust.har_data.realdisp import SOURCES as REALDISP
from edgeclust.har_data.recordings_folder import read_recordings_folder
from edgeclust.har_data.selection import resample, select_channels
from edgeclust.har_data.session_cache import is_session_cache, read_session_cache
from edgeclust.har_data.source import Source, WholeSet
from edgeclust.har_data.stl10 import SOURCES as STL10
from edgeclust.har_data.uci_har import SOURCE as UCI_HAR
from edgeclust.har_data.unimib_shar import SOURCE as UNIMIB_SHAR
from edgeclust.har_data.usc_had import SOURCE as USC_HAD
from edgeclust.har_data.watch import SOURCE as WATCH
from edgeclust.har_data.wisdm_2019 import SOURCES as WISDM_2019
from edgeclust.har_data.wisdm_v1 import SOURCE as WISDM_V1
from edgeclust.images import ArrayDataset

logger = logging.getLogger(__name__)

_KNOWN: tuple[Source | WholeSet, ...] = (
    WATCH,
    *(DSADS, HAPT, MHEALTH, OPPORTUNITY, PAMAP2, UCI_HAR, UNIMIB_SHAR, USC_HAD),
    *(CAPTURE24, HARTH, HHAR, MOTIONSENSE, *REALDISP, WISDM_V1, *WISDM_2019),
    *(DIGITS, FASHION_MNIST, *CIFAR, *STL10),
)

READERS = {known.card.name: known for known in _KNOWN}
"""Data sets by the name that ``edgeclust train`` takes."""


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
    channels: Sequence[str | Channel] = (),
    window_s: float | None = None,
    stride_s: float | None = None,
    labels: str = "pure",
    max_missing: float = 0.0,
    repairs: Counter[str] | None = None,
) -> WindowedDataset | ArrayDataset:
    """Open data by name or by path: recordings cut into windows, or images.

    Recordings that `prepare_data` has prepared are mapped into memory instead of read.

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
    channels : sequence of str or Channel
        Channels to keep, by name, by kind (``acc``, ``gyro``), or by name and in a unit to
        convert them to, see `select_channels`; all when left out.
    window_s, stride_s : float, optional
        The same as `window` and `stride` in seconds, to the nearest sample; give either.
    labels : str
        Label policy of windows: ``pure``, ``majority`` or ``none``; see `WindowedDataset`.
    max_missing : float
        Share of a window's samples that may be missing and are bridged; see `WindowedDataset`.
    repairs : Counter, optional
        What was repaired in published files is added, by what is said of it; left out, one line
        warns of it.

    Raises
    ------
    ConfigError
        If the label policy is unknown, or the share out of range.
    DataError
        If it is neither, or cannot be read, or holds no whole window or no such channel, or if
        images are to be treated as recordings.

    Examples
    --------
    >>> from edgeclust.har_data import open_dataset
    >>> len(open_dataset("watch")), len(open_dataset("digits"))
    (2229, 1797)
    """
    content = _read(_look_up(data), None if root is None else Path(root), repairs)
    if not isinstance(content, ArrayDataset):
        if channels:
            content = select_channels(*content, channels)
        if rate_hz is not None:
            content = resample(*content, rate_hz)
        card, recordings = content
        window = _in_samples(card, "window", window, window_s)
        stride = _in_samples(card, "stride", stride, stride_s)
        return WindowedDataset(card, recordings, window, stride, labels, max_missing)
    if any(length is not None for length in (window, stride, window_s, stride_s)):
        raise DataError(
            f"window and stride cut recordings, {str(data)!r} holds images: leave them out"
        )
    if labels != "pure" or max_missing:
        raise DataError(
            f"labels and max_missing are for windows of recordings, {str(data)!r} holds images: "
            "leave them out"
        )
    if rate_hz is not None or channels:
        raise DataError(
            f"rate and channels are those of recordings, {str(data)!r} holds images: leave them out"
        )
    return content


def prepare_data(
    data: str | Path,
    root: Path | str | None = None,
    *,
    jobs: int = 1,
    on_part: OnPart = lambda n_done, n_all: None,
) -> Path:
    """Prepare data once, so that `open_dataset` need not read them.

    Parameters
    ----------
    data, root
        As of `open_dataset`.
    jobs, on_part
        As of `edgeclust.har_data.prepare.prepare`.

    Returns
    -------
    folder : Path
        What was prepared, in the user's cache.

    Raises
    ------
    DataError
        As `open_dataset`, or if there is no room, or nothing to prepare.
    """
    what = _look_up(data)
    if isinstance(what, WholeSet) or (isinstance(what, Path) and is_session_cache(what)):
        raise DataError(
            f"{str(data)!r} is used as it is: prepared are recordings folders and published "
            "recordings"
        )
    return prepare(what, None if root is None else Path(root), jobs=jobs, on_part=on_part)


def _look_up(data: str | Path) -> Source | WholeSet | Path:
    """Return what a name or a path stands for."""
    if str(data) in READERS:  # a name wins over a folder that happens to be called so
        return READERS[str(data)]
    path = Path(data)
    if path.is_dir():
        return path
    if is_device_file(path):
        raise DataError(f"{data}: make a folder of it first: edgeclust data convert {data} FOLDER")
    raise DataError(
        f"unknown data {str(data)!r}: known are {', '.join(sorted(READERS))}, "
        "or give the path of a recordings folder"
    )


def _read(
    what: Source | WholeSet | Path, root: Path | None, repairs: Counter[str] | None
) -> tuple[Card, list[Recording]] | ArrayDataset:
    """Read data, or open them where they are prepared."""
    if isinstance(what, WholeSet):
        return what.read(root)
    if isinstance(what, Path) and is_session_cache(what):
        return read_session_cache(what, repairs)
    if prepared := find_prepared(what, root):
        logger.info("used as prepared, from %s", prepared)
        return open_prepared(prepared, repairs)
    if isinstance(what, Path):
        return read_recordings_folder(what, repairs)
    return what.card, what.recordings(root, repairs)


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
    channels: Sequence[str | Channel] = (),
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
