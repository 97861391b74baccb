"""Who is trained on and who is scored: the settings that a published number belongs to."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeclust.dataset import Dataset, WindowedDataset, sort_names
from edgeclust.errors import ConfigError, DataError
from edgeclust.train.imbalance import class_shares, make_imbalanced
from edgeclust.train.leaks import check_disjoint

SETTINGS = {
    "pooled": "one model of all subjects (subject-independent)",
    "per-subject": "a model for each subject (subject-dependent)",
    "k-fold": "trained on four fifths of the subjects, scored on the others, in turn",
    "loso": "trained on all subjects but one, scored on that one, in turn",
    "hold-out": "trained on two thirds of the subjects, drawn by the seed, scored on the others",
    "imbalance-1": "pooled, half of the classes a little rarer; the true shares are the prior",
    "imbalance-2": "pooled, classes rarer by up to a half; the true shares are the prior",
    "imbalance-3": "pooled, classes steeply rarer; the true shares are the prior",
}
"""What each setting trains on and scores, by name."""

N_FOLDS = 5
"""Folds of ``k-fold`` and of the probes, where there are as many subjects."""


@dataclass(frozen=True)
class Part:
    """One training of a setting.

    Parameters
    ----------
    name : str
        The subjects that are scored, or ``all``; sessions or recordings where there is one
        subject.
    train, test : Dataset
        What is learnt from and what is scored: the same object where the setting scores what it
        trained on, else data of other subjects, sessions or recordings.
    prior : tuple of float, optional
        True shares of the classes, where the setting hands them to the model.
    over : str
        What the two share nothing of: ``subjects``, ``sessions`` or ``recordings``; empty where
        they are the same object.
    """

    name: str
    train: Dataset
    test: Dataset
    prior: tuple[float, ...] | None = None
    over: str = ""


def split(dataset: Dataset, setting: str, seed: int = 0) -> list[Part]:
    """Return the trainings of a setting.

    Parameters
    ----------
    dataset : Dataset
        All of the data.
    setting : str
        A name in `SETTINGS`.
    seed : int
        Deals the subjects into the folds of ``k-fold``, draws those of ``hold-out``, and the
        windows that ``imbalance`` leaves out.

    Notes
    -----
    Where all windows are of one subject, or nobody wrote down whose they are, ``k-fold``, ``loso``
    and ``hold-out`` split by session, or by recording where there is one session too: see
    `WindowedDataset.units`. The parts say so.

    Returns
    -------
    parts : list of Part
        Every window is scored once; under ``hold-out`` those of a third of the subjects. Where
        the windows scored are not those trained on, they share no raw sample with them.

    Raises
    ------
    ConfigError
        If the setting is unknown, or does not fit the data: without recordings, or with one to
        leave out of one.
    DataError
        If the recordings of two parts share samples, or there are no classes to make rarer.

    Examples
    --------
    >>> from edgeclust.har_data import open_dataset
    >>> from edgeclust.train.settings import split
    >>> parts = split(open_dataset("watch"), "k-fold", seed=0)
    >>> [part.name for part in parts]
    ['1,10', '2,9', '3,8', '4,6', '5,7']
    >>> len(parts[0].train) + len(parts[0].test)
    2229
    """
    if setting not in SETTINGS:
        raise ConfigError(f"unknown setting {setting!r}: known are {', '.join(SETTINGS)}")
    if setting == "pooled":
        return [Part("all", dataset, dataset)]
    if setting.startswith("imbalance"):
        rarer = make_imbalanced(dataset, int(setting[-1]), seed)
        return [Part("all", rarer, rarer, class_shares(rarer))]
    name = dataset.card.name
    if not isinstance(dataset, WindowedDataset):
        raise ConfigError(f"{name!r} has no subjects to tell apart: use the setting pooled")
    # Subjects whose recordings hold no whole window are nobody to train on or to score.
    with_windows = set(dataset.groups.tolist())
    subjects = [subject for subject in dataset.subjects if subject in with_windows]
    if setting == "per-subject":
        alone = [dataset.select_subjects([subject]) for subject in subjects]
        return [Part(subject, part, part) for subject, part in zip(subjects, alone, strict=True)]
    over, units = _units(dataset)
    if len(units) < 2:
        raise ConfigError(
            f"{name!r} has one subject, {setting} needs two, or two recordings of one: "
            "use the setting pooled"
        )
    rng = np.random.default_rng(seed)
    if setting == "loso":
        folds = [[unit] for unit in units]
    elif setting == "k-fold":
        folds = _deal(units, min(N_FOLDS, len(units)), rng)
    else:
        folds = [_draw(units, 1 / 3, rng)]
    parts = []
    for fold in folds:
        train = dataset.select_units([unit for unit in units if unit not in fold])
        test = dataset.select_units(fold)
        check_disjoint(train, test)
        parts.append(Part(",".join(fold), train, test, over=over))
    return parts


def name_held_out(dataset: Dataset, asked: Sequence[str], seed: int) -> tuple[str, ...]:
    """Return the names of those to hold out, drawn where a share of them is asked for.

    Parameters
    ----------
    dataset : Dataset
        All of the data.
    asked : sequence of str
        Names of subjects, or of other `WindowedDataset.units`; or a share alone, as ``0.25``,
        unless one is called so: that many are drawn, rounded up, and one is left at least.
    seed : int
        Draws them; for a third they are those of the setting ``hold-out``.

    Raises
    ------
    ConfigError
        If the share is not between 0 and 1, or there is one recording alone.

    Examples
    --------
    >>> from edgeclust.har_data import open_dataset
    >>> from edgeclust.train.settings import name_held_out
    >>> watch = open_dataset("watch")
    >>> name_held_out(watch, ["0.2"], seed=0), name_held_out(watch, ["9", "10"], seed=0)
    (('5', '7'), ('9', '10'))
    """
    if len(asked) != 1 or not isinstance(dataset, WindowedDataset):
        return tuple(asked)
    _, units = _units(dataset)
    if asked[0] in units or not re.fullmatch(r"\d*\.\d+", asked[0]):
        return tuple(asked)
    share = float(asked[0])
    if not 0 < share < 1:
        raise ConfigError(f"the share to hold out should be between 0 and 1, got {asked[0]}")
    if len(units) < 2:
        raise ConfigError(f"{dataset.card.name!r} has one recording: nothing can be held out of it")
    return tuple(_draw(units, share, np.random.default_rng(seed)))


def pool_scores(scores: Sequence[tuple[int, Mapping[str, Any]]]) -> dict[str, Any]:
    """Average the scores of a setting's parts.

    Parameters
    ----------
    scores : sequence of (int, mapping)
        For each part how many windows its scores are of, and the scores.

    Returns
    -------
    scores : dict
        ``n_windows`` is the sum; everything else the mean weighted by windows over the parts that
        have the score, but None where it is None (infinite) in one of them.

    Raises
    ------
    DataError
        If there are several parts and not one window to score.

    Examples
    --------
    >>> from edgeclust.train.settings import pool_scores
    >>> pool_scores([(30, {"n_windows": 30, "acc": 0.5}), (10, {"n_windows": 12, "acc": 0.9})])
    {'n_windows': 42, 'acc': 0.6}
    """
    pooled: dict[str, Any] = {}
    for key in dict.fromkeys(key for _, score in scores for key in score):
        weights, values = zip(*((n, s[key]) for n, s in scores if key in s), strict=True)
        if key == "n_windows":
            pooled[key] = sum(values)
        elif None in values:
            pooled[key] = None
        elif len(values) == 1:
            pooled[key] = values[0]
        elif not sum(weights):
            raise DataError("no window has a known activity, so there is nothing to score")
        else:
            pooled[key] = float(np.average(values, weights=weights))
    return pooled


def _units(dataset: WindowedDataset) -> tuple[str, list[str]]:
    """Return what splits keep whole, and the names of those that have windows."""
    over, names = dataset.units()
    return over, sort_names(names[i] for i in np.unique(dataset.recording_indices).tolist())


def _draw(units: list[str], share: float, rng: np.random.Generator) -> list[str]:
    """Draw a share of units, rounded up, in the order of the units; one is left at least."""
    n_drawn = min(math.ceil(share * len(units) - 1e-9), len(units) - 1)
    return [units[i] for i in sorted(rng.permutation(len(units))[:n_drawn])]


def _deal(units: list[str], n_folds: int, rng: np.random.Generator) -> list[list[str]]:
    """Deal units into folds of about the same number, all in the order of the units."""
    folds = np.array_split(rng.permutation(len(units)), n_folds)
    return [[units[i] for i in fold] for fold in sorted(sorted(f.tolist()) for f in folds)]
