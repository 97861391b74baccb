import hashlib
import pickle
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from edgeclust import DataError
from edgeclust.har_data import READERS, open_dataset, open_recordings, watch


def test_the_set_is_the_one_published() -> None:
    card, recordings = watch.read_watch()
    assert len(recordings) == 140
    assert sum(recording.signal.shape[1] for recording in recordings) == 244_102
    assert {recording.subject for recording in recordings} == {str(n) for n in range(1, 11)}
    assert all(r.signal.dtype == np.float32 and len(r.signal) == 6 for r in recordings)
    assert card.rate_hz == 50
    # Each recording is one exercise; every subject does each at both wrists.
    exercises = [
        (r.subject, n) for r in recordings for n in np.unique(cast(Any, r.labels)).tolist()
    ]
    assert Counter(exercises) == {(str(s), n): 2 for s in range(1, 11) for n in range(7)}


def test_accelerations_are_in_g() -> None:
    _, recordings = watch.read_watch()
    norms = [np.linalg.norm(recording.signal[:3], axis=0).mean() for recording in recordings]
    assert 0.9 < np.median(norms) < 1.2


def test_windows_of_four_seconds_every_two() -> None:
    dataset = open_recordings("watch")
    assert (dataset.card.window, dataset.card.stride, len(dataset)) == (200, 100, 2229)
    assert (dataset.labels >= 0).all()


def test_reading_does_not_import_seglearn() -> None:
    watch.read_watch()
    assert "seglearn" not in sys.modules


class Bomb:
    """Unpickling it is the crime."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (pytest.fail, ("a pickle of unknown checksum was loaded",))


def test_a_file_of_another_checksum_is_refused_before_it_is_unpickled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = pickle.dumps(np.array(Bomb(), dtype=object))
    monkeypatch.setattr(watch, "_find_file", lambda: content)
    with pytest.raises(DataError, match=hashlib.sha256(content).hexdigest()):
        watch.read_watch()


def test_a_missing_wheel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "files", lambda name: [])
    with pytest.raises(DataError, match=r"pip install seglearn==1.2.5"):
        watch.read_watch()


def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"unknown data 'wach': known are .*watch, wisdm-.*wisdm-v1, or give the path",
    ):
        open_dataset("wach")
    assert next(iter(READERS)) == "watch"
