"""Make classes of a data set rarer, as the paper does to show what a prior is for."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgeclust.dataset import Dataset
from edgeclust.errors import ConfigError, DataError

SETTINGS = (1, 2, 3)
"""From a little imbalance to much."""


Data = TypeVar("Data", bound=Dataset)


def keep_probabilities(setting: int, n_classes: int) -> NDArray[np.float64]:
    """Return the share of each class's windows that is kept, in the order of the classes.

    Parameters
    ----------
    setting : int
        1: half of the classes whole, the others falling evenly to 0.8; 2: all falling evenly
        from 1 to (1 + 1 / n_classes) / 2; 3: from 1 to 1 / n_classes.
    n_classes : int
        At least 2.

    References
    ----------
    Mahon and Lukasiewicz (AAAI 2024), the three imbalanced settings.

    Examples
    --------
    >>> from edgeclust.train.imbalance import keep_probabilities
    >>> [keep_probabilities(setting, 4).round(3).tolist() for setting in (1, 2, 3)]
    [[1.0, 1.0, 0.9, 0.8], [1.0, 0.875, 0.75, 0.625], [1.0, 0.75, 0.5, 0.25]]
    """
    if setting == 1:
        n_rarer = n_classes // 2
        return np.concatenate([np.ones(n_classes - n_rarer), np.linspace(1, 0.8, n_rarer + 1)[1:]])
    least = 1 / n_classes
    return np.linspace(1, (1 + least) / 2 if setting == 2 else least, n_classes)


def make_imbalanced(dataset: Data, setting: int, seed: int = 0) -> Data:
    """Return a data set with windows of some classes left out at random.

    Every window is kept with the probability of its class; windows of unknown class are left
    out. The labels serve to make the data, and nothing that learns sees them.

    Parameters
    ----------
    dataset : Dataset
        Of at least two classes.
    setting : int
        1, 2 or 3: see `keep_probabilities`.
    seed : int
        Of the choice; the same windows for the same seed.

    Raises
    ------
    ConfigError
        If there is no such setting.
    DataError
        If the data name no two classes, or no window's class is known.
    """
    if setting not in SETTINGS:
        raise ConfigError(f"imbalance should be 1, 2 or 3, got {setting}")
    card, labels = dataset.card, dataset.labels
    if len(card.classes) < 2 or not (labels >= 0).any():
        raise DataError(f"imbalance needs windows of two known classes, {card.name!r} has none")
    # One more at the end, for -1: windows of unknown class.
    keep = np.append(keep_probabilities(setting, len(card.classes)), 0.0)
    chance = np.random.default_rng([seed, setting]).random(len(labels))
    return dataset.select(np.flatnonzero(chance < keep[labels]))


def class_shares(dataset: Dataset) -> tuple[float, ...]:
    """Return the share of each class among the windows whose class is known.

    Parameters
    ----------
    dataset : Dataset
        With at least one such window.
    """
    known = dataset.labels[dataset.labels >= 0]
    counts = np.bincount(known, minlength=len(dataset.card.classes))
    return tuple((counts / counts.sum()).tolist())
