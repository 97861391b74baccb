"""What is known of a data set, and what was found in its files."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edgeclust.card import AnyCard, ImageCard
from edgeclust.dataset import Recording, WindowedDataset
from edgeclust.har_data.at_rest import find_at_rest
from edgeclust.har_data.registry import READERS
from edgeclust.har_data.source import Source
from edgeclust.har_data.stamped import GAPS, StampedRecording
from edgeclust.images import ArrayDataset

UNLABELLED = "unlabelled"
"""What stands for samples of no class, among the names of classes."""


def describe_card(card: AnyCard, name: str = "") -> dict[str, Any]:
    """Return what a card says, and what else is known of a data set by its name.

    Parameters
    ----------
    card : Card or ImageCard
        Of the data as they are shown.
    name : str
        One in `READERS`; of others nothing more is known.

    Returns
    -------
    facts : dict
        As JSON has it. `official` holds the checksum of each official file by its name, None
        where it is not known.

    Examples
    --------
    >>> from edgeclust.har_data.facts import describe_card
    >>> from edgeclust.har_data.registry import READERS
    >>> facts = describe_card(READERS["pamap2"].card, "pamap2")
    >>> facts["channels"][0], facts["null_class"]
    ('hand_acc_x (g)', '0, between activities')
    """
    facts: dict[str, Any] = {"name": card.name}
    if isinstance(card, ImageCard):
        facts |= {"height": card.height, "width": card.width}
    else:
        facts |= {"rate_hz": card.rate_hz, "mount": card.mount}
        facts |= {"window": card.window, "stride": card.stride}
    facts["channels"] = [*map(str, card.channels)]
    facts["classes"] = list(card.classes)
    known = READERS.get(name)
    if isinstance(known, Source):
        facts["null_class"] = known.null_class
    facts |= {"source": card.source, "licence": card.licence}
    if known:
        facts |= {"citation": known.citation, "official": dict(known.official)}
    return facts


def describe_images(dataset: ArrayDataset) -> dict[str, Any]:
    """Return what was found in files of images, as JSON has it."""
    return {"n_images": len(dataset), "n_labelled": int((dataset.labels >= 0).sum())}


def describe_recordings(dataset: WindowedDataset, repairs: Mapping[str, int]) -> dict[str, Any]:
    """Return what was found in recordings.

    Parameters
    ----------
    dataset : WindowedDataset
        Not modified.
    repairs : mapping of str to int
        What was repaired when they were read, and how often.

    Returns
    -------
    facts : dict
        As JSON has it. `minutes_by_activity` is by subject and activity; `nan_share` is the share
        of all values, by sample and channel, that were missing before holes were bridged; `n_gaps`
        and `measured_rate_hz`, by the median step between stamps, are None where no stamps were
        read; `at_rest` is what `find_at_rest` returns, with its doubts.

    Examples
    --------
    >>> from edgeclust.har_data import open_recordings
    >>> from edgeclust.har_data.facts import describe_recordings
    >>> facts = describe_recordings(open_recordings("watch"), repairs={})
    >>> facts["minutes"], facts["minutes_by_activity"]["10"]["pendulum"]
    (81.37, 0.8747)
    """
    card, recordings = dataset.card, dataset.recordings
    n_samples = sum(recording.signal.shape[1] for recording in recordings)
    rate_hz = measured_rate_hz(recordings)
    return {
        "subjects": dataset.subjects,
        "n_recordings": len(recordings),
        "minutes": round(n_samples / card.rate_hz / 60, 2),
        "minutes_by_activity": minutes_by_activity(dataset),
        "n_windows": len(dataset),
        "n_labelled": int((dataset.labels >= 0).sum()),
        "n_skipped": dataset.n_skipped,
        "n_bridged": dataset.n_bridged,
        "nan_share": dataset.n_missing / (n_samples * len(card.channels)),
        "measured_rate_hz": None if rate_hz is None else round(rate_hz, 3),
        "n_gaps": None if rate_hz is None else repairs.get(GAPS, 0),
        "repairs": {what: count for what, count in sorted(repairs.items()) if count},
        "at_rest": [
            {
                "channels": list(sensor.channels),
                "still_s": sensor.still_s,
                "norm_g": None if sensor.norm_g is None else round(sensor.norm_g, 4),
                "doubt": sensor.doubt,
            }
            for sensor in find_at_rest(card, recordings)
        ],
    }


def minutes_by_activity(dataset: WindowedDataset) -> dict[str, dict[str, float]]:
    """Return the minutes of each activity of each subject, and those of no activity.

    Parameters
    ----------
    dataset : WindowedDataset
        Not modified.

    Returns
    -------
    minutes : dict of dicts
        By subject, then by class; a class that a subject lacks is 0.
    """
    names = [UNLABELLED, *dataset.card.classes]
    counts = {subject: np.zeros(len(names), np.intp) for subject in dataset.subjects}
    for recording in dataset.recordings:
        n_samples = recording.signal.shape[1]
        labels = np.full(n_samples, -1) if recording.labels is None else recording.labels
        places = np.add(labels, 1, dtype=np.intp)
        counts[recording.subject] += np.bincount(places, minlength=len(names))
    per_minute = dataset.card.rate_hz * 60
    return {
        subject: {
            name: round(count / per_minute, 4)
            for name, count in zip(names, counts[subject].tolist(), strict=True)
        }
        for subject in dataset.subjects
    }


def measured_rate_hz(recordings: Sequence[Recording]) -> float | None:
    """Return the rate that time stamps show, by the median of their steps.

    Parameters
    ----------
    recordings : sequence of Recording
        Of each the median step is known where it is a `StampedRecording` of more than one stamp;
        it counts as often as it has samples.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.har_data.facts import measured_rate_hz
    >>> from edgeclust.har_data.stamped import StampedRecording
    >>> signal = np.zeros((1, 9), np.float32)
    >>> slow, quick = (StampedRecording(signal, "1", "1", step_s=s) for s in (0.05, 0.02))
    >>> measured_rate_hz([slow, quick, slow])
    20.0
    """
    steps = Counter[float]()
    for recording in recordings:
        if isinstance(recording, StampedRecording) and math.isfinite(recording.step_s):
            steps[recording.step_s] += recording.signal.shape[1]
    if not steps:
        return None
    half, seen = steps.total() / 2, 0
    for step_s in sorted(steps):
        seen += steps[step_s]
        if seen >= half:
            break
    return 1 / step_s
