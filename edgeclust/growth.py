"""New clusters for what no cluster knows: opened when novel windows persist and agree.

One window in a hundred of a known activity lies beyond its cluster's radius, alone or two or three
in a row, and in all directions. What the training never saw comes in bouts, hours or days apart,
that lie in one place. So a cluster is opened for runs of windows, never for a number of them.
"""

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
"""Windows in a row that a run takes, all beyond every radius and near their own mean."""

N_RUNS = 2
"""Runs in one place that a cluster takes, with other windows between them."""

N_WINDOWS = 24
"""Windows that those runs have in all."""

N_SPOTS = 4
"""Places of runs that are remembered; a new one takes that which was not visited for longest."""

MEMORY = 256
"""Windows that a new cluster's centroid is the mean of, about, at most."""


class ClusterGrowth:
    """Open new clusters in a stream, in fixed memory; those exported keep their ids.

    A window beyond the radius of every cluster is novel. Five of them in a row that lie within a
    radius (the median of the exported ones) of their mean are a run; runs whose means lie within a
    radius of each other share a spot. A spot of two runs and 24 windows becomes the next cluster
    (n_clusters, n_clusters + 1 and so on) unless it lies within a cluster's radius. Its radius is
    the median of the exported ones, its prior their mean; its centroid goes on as the mean of the
    windows that come to it and lie within its radius.

    Parameters
    ----------
    clusters : Clusters
        As exported. Not modified.
    radii : sequence of float
        Distance within which 99 % of each cluster's training windows lie.
    n_slots : int
        New clusters at most, from 1 to 32.

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
    ...     distances = np.sqrt(today.squared_distances(embedding[None])[0])
    ...     born = growth.update(embedding, today, distances, int(distances.argmin()))
    >>> born, growth.extend(clusters).centroids.ravel().tolist()
    (2, [0.0, 10.0, 5.25])
    """

    def __init__(self, clusters: Clusters, radii: Any, n_slots: int) -> None:
        if not 1 <= n_slots <= MOST_SLOTS:
            raise ConfigError(f"grow should be from 0 to {MOST_SLOTS} clusters, got {n_slots}")
        self._n_exported, n_features = map(int, clusters.centroids.shape)
        self._exported_radii = np.asarray(radii, np.float64)
        self._radius = float(np.median(self._exported_radii))
        self._shape = n_slots, n_features
        self._extended: tuple[Clusters, Clusters] | None = None
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
        self._time = 0
        self._changed()
        self.restart()

    def restart(self) -> None:
        """Forget the run under way, as after a gap; what was finished stays."""
        self._run = 0
        self._mean = np.zeros(self._shape[1])
        self._spot = -1

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

    def update(
        self,
        embedding: NDArray[np.float32],
        clusters: Clusters,
        distances: NDArray[np.float64],
        nearest: int,
    ) -> int | None:
        """Take the next window of the stream, once it has its label.

        Parameters
        ----------
        embedding : float32 array of shape (n_features,)
            Finite. Not modified.
        clusters : Clusters
            As `extend` returned them for this window.
        distances : float64 array of shape (n_clusters + n_born,)
            Of the window to their centroids. Not modified.
        nearest : int
            Which of them it is labelled as.

        Returns
        -------
        born : int or None
            Id of the cluster that was opened now, if one was.
        """
        self._time += 1
        if (distances <= self._radii).any():
            self.restart()
            slot = nearest - self._n_exported
            if slot >= 0 and distances[nearest] <= self._radius:
                self._sizes[slot] = size = min(int(self._sizes[slot]) + 1, MEMORY)
                self._centroids[slot] += (embedding - self._centroids[slot]) / size
                self._extended = None
            return None
        if self.n_born == len(self._sizes):
            return None
        if not np.linalg.norm(embedding - self._mean) <= self._radius:
            self.restart()
        self._run += 1
        self._mean += (embedding - self._mean) / self._run if self._run > 1 else embedding
        if self._run < RUN:
            return None
        if self._run == RUN:
            self._spot = self._find_spot()
            self._add(self._mean, RUN)
            self._runs[self._spot] += 1
        else:
            self._add(embedding, 1)
        return self._open(self._spot, clusters)

    def note_overlaps(self, clusters: Clusters) -> None:
        """Note, for `fields`, which new clusters and others lie within each other's radius.

        Parameters
        ----------
        clusters : Clusters
            As `extend` returns them today. Not modified.
        """
        for slot in range(self.n_born):
            own = self._n_exported + slot
            away = clusters.centroids.astype(np.float64) - clusters.centroids[own]
            within = np.linalg.norm(away, axis=1) / np.maximum(self._radii, self._radius)
            within[own:] = np.inf  # a pair of new ones is the younger's to tell
            other = int(within.argmin())
            self._overlaps[slot] = other if within[other] < 1 else -1

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
        if not (np.isfinite(fields["centroids"]).all() and np.isfinite(fields["spots"]).all()):
            raise DataError("new clusters and spots should be finite")
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
        self._time = time
        self._changed()
        self.restart()

    def _find_spot(self) -> int:
        """Return the spot that the run's mean is near, else that which was visited longest ago."""
        away = np.linalg.norm(self._spots - self._mean, axis=1)
        away[self._runs == 0] = np.inf
        spot = int(away.argmin())
        if not away[spot] <= self._radius:
            spot = int(self._visited.argmin())
            self._runs[spot] = self._windows[spot] = 0
        return spot

    def _add(self, mean: NDArray[Any], n_windows: int) -> None:
        """Let windows count for the spot of the run under way."""
        spot = self._spot
        total = min(int(self._windows[spot]) + n_windows, 2**32 - 1)
        if self._windows[spot]:
            self._spots[spot] += (mean - self._spots[spot]) * (n_windows / total)
        else:
            self._spots[spot] = mean
        self._windows[spot], self._visited[spot] = total, self._time

    def _open(self, spot: int, clusters: Clusters) -> int | None:
        """Make a spot a cluster where it is time; return its id."""
        if self._runs[spot] < N_RUNS or self._windows[spot] < N_WINDOWS:
            return None
        centroid, slot = self._spots[spot].copy(), self.n_born
        if (np.linalg.norm(clusters.centroids - centroid, axis=1) <= self._radii).any():
            return None
        self._centroids[slot] = centroid
        self._sizes[slot] = min(int(self._windows[spot]), MEMORY)
        self._runs[spot] = self._windows[spot] = self._visited[spot] = 0
        self.n_born += 1
        self._changed()
        self.restart()
        return self._n_exported + slot

    def _changed(self) -> None:
        """Forget what follows from the clusters."""
        self._extended = None
        own = np.full(self.n_born, self._radius)
        self._radii = np.concatenate([self._exported_radii, own])
