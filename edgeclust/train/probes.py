"""What a simple classifier reads out of the embeddings, of people it was not fitted on."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.errors import DataError
from edgeclust.train.leaks import check_disjoint
from edgeclust.train.settings import N_FOLDS

N_NEIGHBOURS = 10
"""Neighbours that vote, as in the paper's code."""


@dataclass(frozen=True)
class ProbeScores:
    """How well classifiers on the embeddings tell the activities apart.

    Parameters
    ----------
    n_folds : int
        How often a classifier was fitted on some and asked about the others.
    folds_over : str
        ``subjects``: nobody is in both; ``sessions`` or ``recordings`` where all windows are of
        one subject; ``windows`` where data have none.
    n_windows : int
        Labelled windows, each asked about once.
    logistic_acc, logistic_macro_f1 : float
        Of logistic regression: share of right answers, and F1 as the mean over the activities.
    knn_acc, knn_macro_f1 : float
        The same of the 10 nearest neighbours.
    """

    n_folds: int
    folds_over: str
    n_windows: int
    logistic_acc: float
    logistic_macro_f1: float
    knn_acc: float
    knn_macro_f1: float

    def to_json(self) -> dict[str, Any]:
        """Return the scores as one flat object."""
        return asdict(self)


def probe(embedding: NDArray[np.float32], dataset: Dataset) -> ProbeScores:
    """Fit classifiers on the labelled windows of some subjects and ask them about the others.

    Where there is one subject, sessions or recordings take the place of subjects.

    Features are standardised by the subjects fitted on. Labels serve these scores alone.

    Parameters
    ----------
    embedding : float32 array of shape (n_windows, n_features)
        Of all windows of the data set.
    dataset : Dataset
        Says which activity and whose each window is. Where it is no `WindowedDataset` (images),
        each sample stands for itself and the folds are over samples, drawn at random.

    Returns
    -------
    scores : ProbeScores

    Raises
    ------
    DataError
        If fewer than two subjects (or sessions, or recordings) have labelled windows, if all but
        one did the same single activity, or if the recordings of two of them share samples.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.har_data import open_dataset
    >>> from edgeclust.train.features import window_features
    >>> from edgeclust.train.probes import probe
    >>> watch = open_dataset("watch")
    >>> features = window_features(watch.gather(np.arange(len(watch)))).astype(np.float32)
    >>> scores = probe(features, watch)
    >>> scores.folds_over, scores.n_folds, scores.logistic_acc > 0.8
    ('subjects', 5, True)
    """
    known = np.flatnonzero(dataset.labels >= 0)
    activities, features = dataset.labels[known], embedding[known]
    folds = _folds(dataset, known)
    if any(len(np.unique(activities[fit])) < 2 for fit, _ in folds):
        raise DataError(
            f"a probe needs two activities to tell apart, and without one fold of "
            f"{dataset.card.name!r} there is one"
        )
    answers = {}
    for name, classifier in _classifiers(min(len(fit) for fit, _ in folds)).items():
        answer = np.empty_like(activities)
        for fit, asked in folds:
            model = make_pipeline(StandardScaler(), classifier)
            answer[asked] = model.fit(features[fit], activities[fit]).predict(features[asked])
        occurring = np.unique(activities)
        answers[f"{name}_acc"] = float(accuracy_score(activities, answer))
        answers[f"{name}_macro_f1"] = float(
            f1_score(activities, answer, labels=occurring, average="macro", zero_division=0)
        )
    over = dataset.units()[0] if isinstance(dataset, WindowedDataset) else "windows"
    return ProbeScores(len(folds), over, len(known), **answers)


def _classifiers(n_fitted: int) -> dict[str, ClassifierMixin]:
    """Return the classifiers by name, for at least so many windows to fit."""
    return {
        "logistic": LogisticRegression(max_iter=1000),
        "knn": KNeighborsClassifier(min(N_NEIGHBOURS, n_fitted)),
    }


def _folds(
    dataset: Dataset, known: NDArray[np.intp]
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return which of the known windows to fit and which to ask about, fold by fold."""
    if not isinstance(dataset, WindowedDataset):
        if len(known) < 2:
            raise DataError(f"{dataset.card.name!r} has no two labelled samples to probe")
        return list(KFold(min(N_FOLDS, len(known)), shuffle=True, random_state=0).split(known))
    over, names = dataset.units()
    units = np.array(names)[dataset.recording_indices[known]]
    n_units = len(np.unique(units))
    if n_units < 2:
        raise DataError(
            f"a probe is fitted on some {over} and asked about others, and {n_units} of "
            f"{dataset.card.name!r} has labelled windows: it needs at least two"
        )
    folds = list(GroupKFold(min(N_FOLDS, n_units)).split(known, groups=units))
    for fit, asked in folds:
        check_disjoint(dataset, dataset, known[fit], known[asked])
    return folds
