"""What a training is of: its data to the last sample, its settings, and the libraries' versions."""

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.train.config import TrainConfig


def identify(dataset: Dataset, config: TrainConfig) -> dict[str, Any]:
    """Return all that a training depends on, as JSON holds it.

    Parameters
    ----------
    dataset : Dataset
        What it learns from.
    config : TrainConfig
        How.

    Returns
    -------
    identity : dict
        ``data`` (`fingerprint`, name, windows), ``settings`` and ``versions``.
    """
    data = {
        "name": dataset.card.name,
        "n_windows": len(dataset),
        "fingerprint": fingerprint(dataset),
    }
    identity = {"data": data, "settings": asdict(config), "versions": library_versions()}
    as_read: dict[str, Any] = json.loads(json.dumps(identity))
    return as_read


def difference(begun: dict[str, Any], asked: dict[str, Any]) -> str | None:
    """Say in a few words what differs between two identities; None where nothing does.

    Examples
    --------
    >>> from edgeclust.train.identity import difference
    >>> begun = {"data": {"name": "watch"}, "settings": {"seed": 0}, "versions": {"torch": "2.9"}}
    >>> difference(begun, begun | {"settings": {"seed": 1}})
    'the setting seed was 0, now it is 1'
    >>> difference(begun, begun | {"versions": {"torch": "2.10"}})
    'the version of torch was 2.9, now it is 2.10'
    """
    for part, what in (("settings", "the setting "), ("versions", "the version of ")):
        for name in begun[part] | asked[part]:
            was, now = (side[part].get(name) for side in (begun, asked))
            if was != now:
                return f"{what}{name} was {was}, now it is {now}"
    if begun["data"] != asked["data"]:
        was, now = (
            "{name!r} of {n_windows} windows".format(**side["data"]) for side in (begun, asked)
        )
        return f"the data were {was}, now they are {'others' if was == now else now}"
    return None


def fingerprint(dataset: Dataset) -> str:
    """Return a hash of all that a data set holds: its card, samples, labels, subjects, sessions.

    Examples
    --------
    >>> from edgeclust.har_data import open_dataset
    >>> from edgeclust.train.identity import fingerprint
    >>> fingerprint(open_dataset("watch")) == fingerprint(open_dataset("watch"))
    True
    """
    digest = hashlib.sha256(json.dumps(dataset.card.to_json()).encode())
    digest.update(dataset.labels.tobytes())
    digest.update(json.dumps(dataset.groups.tolist()).encode())
    if isinstance(dataset, WindowedDataset):
        digest.update(dataset.recording_indices.tobytes())
        digest.update(dataset.starts.tobytes())
        digest.update(json.dumps([recording.session for recording in dataset.recordings]).encode())
        for recording in dataset.recordings:
            digest.update(recording.signal.tobytes())
    else:
        for block in np.array_split(np.arange(len(dataset)), 1 + len(dataset) // 1024):
            digest.update(dataset.gather(block).tobytes())
    return digest.hexdigest()


def library_versions() -> dict[str, str]:
    """Return the versions of what makes a model, by distribution."""
    return {name: version(name) for name in ("edgeclust", "numpy", "torch")}
