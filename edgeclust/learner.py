"""Centroids that follow the wearer: what a device learns from its stream, without labels.

A stream is not i.i.d.: it lies in bed for hours. Balancing its last windows would spread one
activity over all clusters, and a running mean would follow it. So the learner does not balance
windows but *places*: it keeps up to 64 spots of the embedding, each the mean of the windows that
came near it. Hours of one activity fill a few of them, and leave the others as they were.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.assignment import assign
from edgeclust.clusters import Clusters
from edgeclust.errors import ConfigError, DataError

MODES = {"gated": 3.0, "free": 0.5}
"""Visits that the exported place of a centroid counts for, by mode."""

N_PLACES = 64
"""Places that are remembered; a new one takes that which was not visited for longest."""

RADIUS = 0.02
"""Squared distance within which a window visits a place, over the centroids' mean one."""

MEMORY = 16
"""Windows that a place is the mean of, about, at most."""

MOST_WEIGHT = 4
"""Visits that a place counts for in the mean of its cluster, at most."""

EVERY = 4
"""Admissions from one update of the centroids to the next."""

RATE = 0.4
"""Part of the way to where the places say it is that a centroid goes in one update."""

_MOST_VISITS = 2**32 - 1


class CentroidLearner:
    """Move centroids to where the windows of a stream lie, in fixed memory.

    A window visits the place it is near, or opens one. A place that was visited twice counts: now,
    at the third and fourth visit, and whenever its visits have doubled, it is admitted. Every 4
    admissions the places are assigned to the clusters with the hard regularisation of training;
    each centroid then goes part of the way to the mean of its places, shrunk towards where it was
    exported, and never further from there than `max_shift`. The same windows in the same order
    give the same centroids, and cluster k stays cluster k.

    Parameters
    ----------
    clusters : Clusters
        As exported. Not modified.
    mode : str
        ``gated`` for everybody. ``free`` trusts the places more: its centroids go further, to the
        good of some wearers and the harm of others.
    max_shift : float
        How far a centroid may go from where it was exported, as a share of the distance to the
        nearest other one there. Below 0.5 no centroid can come to where another one was nearest.

    Attributes
    ----------
    clusters : Clusters
        With today's centroids, float32; another object after each update.

    Raises
    ------
    ConfigError
        If the mode is unknown, or `max_shift` is not from 0 to 0.5.

    Examples
    --------
    The wearer's second activity lies at 9, where the training's lay at 10.

    >>> import numpy as np
    >>> from edgeclust import Clusters
    >>> from edgeclust.learner import CentroidLearner
    >>> clusters = Clusters(np.float32([[0], [10]]), sigma=20.0, log_prior=np.log([0.5, 0.5]))
    >>> learner = CentroidLearner(clusters)
    >>> for value in [0, 9] * 100:
    ...     embedding = np.float32([value])
    ...     learner.update(embedding)
    >>> learner.clusters.centroids.ravel().astype(float).round(1).tolist()
    [0.0, 9.6]
    """

    def __init__(self, clusters: Clusters, mode: str = "gated", *, max_shift: float = 0.5) -> None:
        if mode not in MODES:
            raise ConfigError(f"unknown mode {mode!r} of learning: known are {', '.join(MODES)}")
        if not 0 <= max_shift <= 0.5:
            raise ConfigError(f"max_shift should be from 0 to 0.5, got {max_shift}")
        self._trust = MODES[mode]
        self._exported = replace(clusters, centroids=clusters.centroids.astype(np.float32))
        between = clusters.squared_distances(self._exported.centroids)
        self._radius = RADIUS * float(between.mean())
        np.fill_diagonal(between, np.inf)
        nearest = np.sqrt(between.min(axis=1, keepdims=True))
        nearest[np.isinf(nearest)] = 0  # of one cluster there is nothing to learn
        n_features = clusters.centroids.shape[1]
        self._ones, self._away = np.ones(n_features), np.empty((N_PLACES, n_features))
        self._most = np.maximum(max_shift * nearest, np.finfo(np.float32).tiny)
        self.reset()

    def reset(self) -> None:
        """Go back to the exported centroids, and forget all places."""
        self.clusters = self._exported
        # Rounded to float32, as they are saved; infinitely far until the first visit.
        self._places = np.full((N_PLACES, self._exported.centroids.shape[1]), np.inf)
        self._visits = [0] * N_PLACES
        self._visited = [0] * N_PLACES  # when last
        self._time = 0
        self._n_admitted = 0

    def update(self, embedding: NDArray[np.float32]) -> None:
        """Learn from the next window of the stream, once it has its label.

        Parameters
        ----------
        embedding : float32 array of shape (n_features,)
            Finite. Not modified.
        """
        if self._visit(embedding):
            self._n_admitted += 1
            if self._n_admitted % EVERY == 0:
                self._move()

    def fields(self) -> dict[str, NDArray[Any]]:
        """Return all that it learnt, as copies; the shapes follow from those of the centroids."""
        return {
            "centroids": self.clusters.centroids.astype("<f4"),
            "places": np.where(np.isfinite(self._places), self._places, 0).astype("<f4"),
            "visits": np.array(self._visits, "<u4"),
            "visited": np.array(self._visited, "<u8"),
            "time": np.array([self._time, self._n_admitted], "<u8"),
        }

    def restore(self, fields: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `fields` returned, and go on as if nothing had happened.

        Parameters
        ----------
        fields : mapping of str to array
            Not modified.

        Raises
        ------
        DataError
            If a shape is another, a value is not finite, a centroid is further from where it was
            exported than it may go, or a place was visited later than the last window.
        """
        for name, here in self.fields().items():
            if fields[name].shape != here.shape or not np.isfinite(fields[name]).all():
                raise DataError(
                    f"{name} of the learner should be finite numbers of shape {here.shape}, "
                    f"got shape {fields[name].shape}"
                )
        centroids = fields["centroids"].astype(np.float32)
        moved = np.linalg.norm(centroids.astype(np.float64) - self._exported.centroids, axis=1)
        if (moved > self._most[:, 0] * (1 + 1e-4) + 1e-6).any():  # rounded to float32 since
            raise DataError("centroids of the learner are further from the exported than they go")
        time, n_admitted = fields["time"].tolist()
        if (fields["visited"] > time).any() or n_admitted > time:
            raise DataError(f"the learner's places were visited after its last window, {time}")
        self.clusters = replace(self._exported, centroids=centroids)
        self._visits, self._visited = fields["visits"].tolist(), fields["visited"].tolist()
        known = fields["visits"][:, None] > 0
        self._places = np.where(known, fields["places"].astype(np.float64), np.inf)
        self._time, self._n_admitted = time, n_admitted

    def _visit(self, embedding: NDArray[np.float32]) -> bool:
        """Note that a window came by; return whether the place is admitted for it."""
        self._time += 1
        point = embedding.astype(np.float64)
        np.subtract(self._places, point, out=self._away)
        np.square(self._away, out=self._away)
        squared = self._away.dot(self._ones)
        place = int(squared.argmin())
        if squared[place] <= self._radius:
            visits = min(self._visits[place] + 1, _MOST_VISITS)
            here = self._places[place]
            here = here + (point - here) / min(visits, MEMORY)
            self._places[place] = here.astype(np.float32)
        else:
            place, visits = self._visited.index(min(self._visited)), 1
            self._places[place] = point
        self._visits[place], self._visited[place] = visits, self._time
        return visits in (2, 3) or (visits >= 4 and visits & (visits - 1) == 0)

    def _move(self) -> None:
        """Assign the places that count, and move each centroid towards the mean of its own."""
        visits = np.array(self._visits)
        known = visits >= 2
        weights = np.minimum(visits[known], MOST_WEIGHT).astype(np.float64)
        places, start = self._places[known], self._exported.centroids.astype(np.float64)
        cost = self.clusters.cost(self.clusters.squared_distances(places))
        labels = assign(cost)
        total = np.bincount(labels, weights, minlength=len(start))[:, None]
        shift = np.zeros_like(start)
        np.add.at(shift, labels, weights[:, None] * (places - start[labels]))
        shift /= total + self._trust
        before = self.clusters.centroids - start
        shift = before + RATE * (shift - before)
        length = np.sqrt((shift * shift).sum(axis=1, keepdims=True))
        shift *= self._most / np.maximum(length, self._most)
        self.clusters = replace(self._exported, centroids=(start + shift).astype(np.float32))
