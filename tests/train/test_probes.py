from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeclust import DataError, WindowedDataset
from edgeclust.train.probes import probe

from toy import TOY_CARD, toy_recordings


def told_by(dataset: WindowedDataset) -> NDArray[np.float32]:
    """Embeddings that give the activity away."""
    noise = np.random.default_rng(0).normal(0, 0.1, (len(dataset), 3))
    embedding: NDArray[np.float32] = (np.eye(4)[dataset.labels][:, :3] + noise).astype(np.float32)
    return embedding


def test_embeddings_that_give_the_activity_away_score_1(toy_dataset: WindowedDataset) -> None:
    scores = probe(told_by(toy_dataset), toy_dataset)
    assert scores.to_json() == {
        "n_folds": 3,
        "folds_over": "subjects",
        "n_windows": int((toy_dataset.labels >= 0).sum()),
        "logistic_acc": 1.0,
        "logistic_macro_f1": 1.0,
        "knn_acc": 1.0,
        "knn_macro_f1": 1.0,
    }


def test_embeddings_that_give_the_subject_away_do_not_help(toy_dataset: WindowedDataset) -> None:
    # Within a subject, time tells the activity: a probe that saw the subject would score high.
    who = np.unique(toy_dataset.groups, return_inverse=True)[1]
    order = np.argsort(who, kind="stable")
    embedding = np.zeros((len(who), 1), np.float32)
    for n, subject in enumerate(range(3)):
        mine = order[who[order] == subject]
        # The same activities, in another place for each subject.
        embedding[mine, 0] = 100 * ((toy_dataset.labels[mine] + n) % 3) + 10 * n
    scores = probe(embedding, toy_dataset)
    assert scores.knn_acc < 0.5


def test_unknown_windows_are_left_out(toy_dataset: WindowedDataset) -> None:
    embedding = told_by(toy_dataset)
    embedding[toy_dataset.labels < 0] = 1e6
    assert probe(embedding, toy_dataset).logistic_acc == 1.0


def test_fewer_than_two_labelled_subjects_are_refused() -> None:
    recordings = toy_recordings(2)
    recordings[1] = replace(recordings[1], labels=None)
    dataset = WindowedDataset(TOY_CARD, recordings)
    with pytest.raises(DataError, match=r"1 of 'toy' has labelled windows: it needs at least two"):
        probe(told_by(dataset), dataset)


def test_sessions_of_one_subject_are_probed_and_said(toy_dataset: WindowedDataset) -> None:
    recordings = [
        replace(recording, subject="", session=f"{number}")
        for number, recording in enumerate(toy_dataset.recordings)
    ]
    dataset = WindowedDataset(TOY_CARD, recordings)
    scores = probe(told_by(dataset), dataset)
    assert (scores.folds_over, scores.n_folds, scores.knn_acc) == ("sessions", 3, 1.0)


def test_one_activity_is_refused() -> None:
    recordings = [replace(r, labels=np.zeros_like(r.labels)) for r in toy_recordings(3)]
    dataset = WindowedDataset(TOY_CARD, recordings)
    with pytest.raises(DataError, match="needs two activities to tell apart"):
        probe(told_by(dataset), dataset)


def test_samples_without_subjects_are_dealt_singly_and_said_so(
    toy_dataset: WindowedDataset,
) -> None:
    class Images:
        card = TOY_CARD
        labels = toy_dataset.labels
        groups = np.full(len(toy_dataset), "")
        followers = np.empty((0, 2), np.intp)
        n_skipped = 0

        def __len__(self) -> int:
            return len(toy_dataset)

        def gather(self, indices: NDArray[np.intp]) -> NDArray[np.float32]:
            return toy_dataset.gather(indices)

        def select(self, indices: NDArray[np.intp]) -> "Images":
            raise NotImplementedError

    scores = probe(told_by(toy_dataset), Images())
    assert (scores.folds_over, scores.n_folds, scores.knn_acc) == ("windows", 5, 1.0)
