"""New clusters for what no cluster knows: opened when novel windows persist and agree.

What an encoder never saw it puts near the clusters that it knows, often within their radius, but
off the directions in which their windows differ. So distances are measured in units of how windows
of the training lie about their centroids; and as single windows scatter, it is the mean of several
in a row that is judged. What the training never saw comes in bouts that lie in one place, beside
the wearer's own way of doing what it did see.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.clusters import Clusters
from edgeclust.errors import ConfigError, DataError

MOST_SLOTS = 32
"""New clusters that can be asked for, at most."""

RUN = 5
"""Windows in a row that a run takes, each within two units of their mean, which fades over ten."""

REACH = 2.0
"""Units from the run's mean within which the next window goes on with it."""

N_RUNS = 2
"""Runs in one place that a cluster takes, with other windows between them."""

N_WINDOWS = 24
"""Windows that those runs have in all, and that the cluster next to it has in runs elsewhere."""

FAR = 2.0
"""Units from every centroid beyond which a spot does not wait for the cluster next to it."""

N_SPOTS = 4
"""Places of runs that are remembered; a new one takes that which was not visited for longest."""

MEMORY = 256
"""Windows that the mean of a cluster's windows is of, about, at most."""


class ClusterGrowth:
    """Open new clusters in a stream, in fixed memory; those exported keep their ids.

    A unit is how far training windows lie from their centroid, the root of the mean square, where
    the metric makes all directions in which they differ count alike. Five windows in a row, each
    within two units of their mean, are a run. It is novel if its mean lies beyond a unit from each
    centroid, as exported and as it is today. Novel runs whose means lie within a unit of each other
    share a spot. A spot of two runs and 24 windows, beyond a unit from each centroid, becomes the
    next cluster (n_clusters, n_clusters + 1 and so on) once the exported cluster nearest to it has
    had as many windows in runs of its own, whose mean is beyond a unit from the spot: until then it
    may be the wearer's way of doing that. Beyond two units it does not wait.

    A window goes to the new cluster that it is nearest to in units, if no exported one is nearer.
    The centroid goes on as the mean of the windows in its runs. For `extend` and its events a new
    cluster's radius is the median of the exported ones, its prior their mean.

    Parameters
    ----------
    clusters : Clusters
        As exported. Not modified.
    radii : sequence of float
        Distance within which 99 % of each cluster's training windows lie.
    n_slots : int
        New clusters at most, from 1 to 32.
    metric : float array of shape (n_features, n_features), optional
        What differences of embeddings are multiplied by to have them in units, as
        `edgeclust.export.metric` measures it. Left out, as by older files: a unit is the median
        radius, in all directions.

    Attributes
    ----------
    n_born : int
        New clusters so far.

    Raises
    ------
    ConfigError
        If `n_slots` is out of range.

    Examples
    --------
    Two bouts at 5, where no cluster is, with something known between them.

    >>> import numpy as np
    >>> from edgeclust import Clusters
    >>> from edgeclust.growth import ClusterGrowth
    >>> clusters = Clusters(np.float32([[0], [10]]), sigma=2.0, log_prior=np.log([0.5, 0.5]))
    >>> growth = ClusterGrowth(clusters, radii=[1.0, 1.0], n_slots=1)
    >>> for value in [5.0] * 12 + [0.0] + [5.5] * 12:
    ...     embedding, today = np.float32([value]), growth.extend(clusters)
    ...     born = growth.update(embedding, today, growth.label(embedding, today, nearest=0))
    >>> born, growth.extend(clusters).centroids.ravel().tolist()
    (2, [0.0, 10.0, 5.25])
    """

    def __init__(
        self,
        clusters: Clusters,
        radii: Any,
        n_slots: int,
        metric: NDArray[np.floating[Any]] | None = None,
    ) -> None:
        if not 1 <= n_slots <= MOST_SLOTS:
            raise ConfigError(f"grow should be from 0 to {MOST_SLOTS} clusters, got {n_slots}")
        self._n_exported, n_features = map(int, clusters.centroids.shape)
        self._exported_radii = np.asarray(radii, np.float64)
        self._radius = float(np.median(self._exported_radii))
        if metric is None:
            metric = np.eye(n_features) / max(self._radius, float(np.finfo(np.float32).tiny))
        self._metric = np.asarray(metric, np.float64)
        self._exported_points = clusters.centroids @ self._metric.T
        self._shape = n_slots, n_features
        self._ones = np.ones(n_features)  # sums over features at a fraction of the cost of `sum`
        self._extended: tuple[Clusters, Clusters] | None = None
        self._points: tuple[Clusters, NDArray[np.float64]] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the new clusters, and what might have become one."""
        n_slots, n_features = self._shape
        self.n_born = 0
        self._centroids = np.zeros((n_slots, n_features), np.float32)
        self._sizes = np.zeros(n_slots, np.uint32)
        self._overlaps = np.full(n_slots, -1, np.int32)
        self._spots = np.zeros((N_SPOTS, n_features), np.float32)
        self._runs = np.zeros(N_SPOTS, np.uint32)
        self._windows = np.zeros(N_SPOTS, np.uint32)
        self._visited = np.zeros(N_SPOTS, np.uint64)  # when last
        self._own = np.zeros((self._n_exported, n_features), np.float32)
        self._seen = np.zeros(self._n_exported, np.uint32)  # windows that those are the means of
        self._time = 0
        self._changed()
        self.restart()

    def restart(self) -> None:
        """Forget the run under way, as after a gap; what was finished stays."""
        self._run = 0  # windows of it; the first becomes the mean
        self._mean = np.zeros(self._shape[1])
        self._spot = -1
        self._counted = False  # as one of its spot's, though its mean may come and go

    @property
    def radii(self) -> NDArray[np.float64]:
        """Radii of the exported clusters and those opened since."""
        return self._radii

    def extend(self, clusters: Clusters) -> Clusters:
        """Return today's exported clusters with those opened since behind them.

        Parameters
        ----------
        clusters : Clusters
            As many as were exported. Not modified.
        """
        if not self.n_born:
            return clusters
        if self._extended is None or self._extended[0] is not clusters:
            own = np.full(self.n_born, np.log(np.exp(clusters.log_prior).mean()))
            more = replace(
                clusters,
                centroids=np.concatenate([clusters.centroids, self._centroids[: self.n_born]]),
                log_prior=np.concatenate([clusters.log_prior, own]),
            )
            self._extended = clusters, more
        return self._extended[1]

    def label(self, embedding: NDArray[np.float32], clusters: Clusters, nearest: int) -> int:
        """Return the new cluster that a window belongs to, or the exported one it is nearest to.

        Parameters
        ----------
        embedding : float32 array of shape (n_features,)
            Finite. Not modified.
        clusters : Clusters
            As `extend` returns them today.
        nearest : int
            Which of the exported ones the window is labelled as.
        """
        if not self.n_born:
            return nearest
        away = self._away(embedding, clusters)
        cluster = int(away.argmin())
        return cluster if cluster >= self._n_exported else nearest

    def update(
        self, embedding: NDArray[np.float32], clusters: Clusters, cluster: int
    ) -> int | None:
        """Take the next window of the stream, once it has its label.

        Parameters
        ----------
        embedding : float32 array of shape (n_features,)
            Finite. Not modified.
        clusters : Clusters
            As `extend` returned them for this window.
        cluster : int
            As `label` returned it for this window.

        Returns
        -------
        born : int or None
            Id of the cluster that was opened now, if one was.
        """
        self._time += 1
        if not self._norm(embedding - self._mean) <= REACH:
            self.restart()
        self._run += 1
        self._mean += (embedding - self._mean) / min(self._run, 2 * RUN)
        if self._run < RUN:
            return None
        n_windows, mean = (RUN, self._mean) if self._run == RUN else (1, embedding)
        away = self._away(self._mean, clusters)
        near = int(away.argmin())
        if away[near] <= 1:
            self._spot = -1
            owner = near if self._run == RUN else cluster  # of five windows, or of the last
            if owner >= self._n_exported:
                _add(self._centroids, self._sizes, owner - self._n_exported, mean, n_windows)
                self._extended = None
            elif near < self._n_exported:
                _add(self._own, self._seen, near, mean, n_windows)
            return None
        if self.n_born == len(self._sizes):
            return None
        if self._spot < 0:
            self._spot = self._find_spot()
            if not self._counted:
                n_windows, mean = RUN, self._mean
                self._runs[self._spot] += 1
                self._counted = True
        _add(self._spots, self._windows, self._spot, mean, n_windows, most=2**32 - 1)
        self._visited[self._spot] = self._time
        return self._open(self._spot, clusters)

    def note_overlaps(self, clusters: Clusters) -> None:
        """Note, for `fields`, which new clusters and others lie within a unit of each other.

        Parameters
        ----------
        clusters : Clusters
            As `extend` returns them today. Not modified.
        """
        for slot in range(self.n_born):
            own = self._n_exported + slot
            away = self._away(clusters.centroids[own], clusters)
            away[own:] = np.inf  # a pair of new ones is the younger's to tell
            other = int(away.argmin())
            self._overlaps[slot] = other if away[other] < 1 else -1

    def fields(self) -> dict[str, NDArray[Any]]:
        """Return what outlasts a restart, as copies; the shapes follow from those given."""
        return {
            "centroids": self._centroids.astype("<f4"),
            "sizes": self._sizes.astype("<u4"),
            "overlaps": self._overlaps.astype("<i4"),
            "spots": self._spots.astype("<f4"),
            "runs": self._runs.astype("<u4"),
            "windows": self._windows.astype("<u4"),
            "visited": self._visited.astype("<u8"),
            "own": self._own.astype("<f4"),
            "seen": self._seen.astype("<u4"),
            "time": np.array(self._time, "<u8"),
        }

    def restore(self, fields: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `fields` returned; no run is under way then.

        Parameters
        ----------
        fields : mapping of str to array
            Not modified.

        Raises
        ------
        DataError
            If a place is not finite, a later cluster is there and an earlier one is not, a cluster
            overlaps one that is not there, or a spot was visited later than the last window.
        """
        sizes, overlaps, time = fields["sizes"], fields["overlaps"], int(fields["time"])
        n_born = int(np.count_nonzero(sizes))
        if not all(np.isfinite(fields[name]).all() for name in ("centroids", "spots", "own")):
            raise DataError("new clusters, spots and means should be finite")
        if sizes[n_born:].any() or (sizes > MEMORY).any():
            raise DataError(f"new clusters should come in their order, got sizes {sizes.tolist()}")
        most = self._n_exported + n_born
        if not ((overlaps >= -1) & (overlaps < most)).all() or (fields["visited"] > time).any():
            raise DataError("new clusters overlap others than there are, or spots are of later")
        self.n_born = n_born
        self._centroids = fields["centroids"].astype(np.float32)
        self._sizes = sizes.astype(np.uint32)
        self._overlaps = overlaps.astype(np.int32)
        self._spots = fields["spots"].astype(np.float32)
        self._runs = fields["runs"].astype(np.uint32)
        self._windows = fields["windows"].astype(np.uint32)
        self._visited = fields["visited"].astype(np.uint64)
        self._own = fields["own"].astype(np.float32)
        self._seen = fields["seen"].astype(np.uint32)
        self._time = time
        self._changed()
        self.restart()

    def _norm(self, difference: NDArray[Any]) -> float:
        """Length of a difference of embeddings, in units."""
        difference = self._metric.dot(difference)
        return math.sqrt(difference.dot(difference))

    def _away(self, embedding: NDArray[Any], clusters: Clusters) -> NDArray[np.float64]:
        """Units to each cluster: of an exported one to where it was exported or is today."""
        if self._points is None or self._points[0] is not clusters:
            points = clusters.centroids.astype(np.float64) @ self._metric.T
            self._points = clusters, np.concatenate([points, self._exported_points])
        difference = self._points[1] - self._metric.dot(embedding)
        difference *= difference
        away: NDArray[np.float64] = np.sqrt(difference.dot(self._ones))
        today, exported = away[: -self._n_exported], away[-self._n_exported :]
        np.minimum(today[: self._n_exported], exported, out=today[: self._n_exported])
        return today

    def _find_spot(self) -> int:
        """Return the spot that the run's mean is near, else that which was visited longest ago."""
        away = np.array([self._norm(spot - self._mean) for spot in self._spots])
        away[self._runs == 0] = np.inf
        spot = int(away.argmin())
        if not away[spot] <= 1:
            spot = int(self._visited.argmin())
            self._runs[spot] = self._windows[spot] = 0
        return spot

    def _open(self, spot: int, clusters: Clusters) -> int | None:
        """Make a spot a cluster where it is time; return its id."""
        if self._runs[spot] < N_RUNS or self._windows[spot] < N_WINDOWS:
            return None
        centroid, slot = self._spots[spot].copy(), self.n_born
        away = self._away(centroid, clusters)
        near = int(away.argmin())
        if away[near] <= 1 or (away[near] <= FAR and not self._is_beside(centroid, near)):
            return None
        self._centroids[slot] = centroid
        self._sizes[slot] = min(int(self._windows[spot]), MEMORY)
        self._runs[spot] = self._windows[spot] = self._visited[spot] = 0
        self.n_born += 1
        self._changed()
        self.restart()
        return self._n_exported + slot

    def _is_beside(self, centroid: NDArray[np.float32], near: int) -> bool:
        """Say whether what the wearer did of a cluster lies elsewhere."""
        if near >= self._n_exported:
            return False
        return self._seen[near] >= N_WINDOWS and self._norm(centroid - self._own[near]) > 1

    def _changed(self) -> None:
        """Forget what follows from the clusters."""
        self._extended = self._points = None
        own = np.full(self.n_born, self._radius)
        self._radii = np.concatenate([self._exported_radii, own])


def _add(
    means: NDArray[np.float32],
    sizes: NDArray[np.uint32],
    row: int,
    mean: NDArray[Any],
    n_windows: int,
    most: int = MEMORY,
) -> None:
    """Let windows of one mean count for a row of means, whose older ones fade."""
    size = min(int(sizes[row]) + n_windows, most)
    means[row] += (mean - means[row]) * (n_windows / size)
    sizes[row] = size
