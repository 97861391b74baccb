"""Name clusters after a few labelled examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeclust.assignment import assign
from edgeclust.errors import DataError


@dataclass(frozen=True)
class Naming:
    """What examples say of clusters.

    Parameters
    ----------
    activities : tuple of str
        In the order of their first examples.
    counts : intp array of shape (n_clusters, n_activities)
        How many examples of each activity lie in each cluster.
    names : tuple of str or None
        Activity that each cluster is named after; None where no example lies in it.
    """

    activities: tuple[str, ...]
    counts: NDArray[np.intp]
    names: tuple[str | None, ...]

    def conflicts(self) -> list[str]:
        """Return where activities and clusters do not go together one to one, a sentence each."""
        said = []
        for activity, column in zip(self.activities, self.counts.T, strict=True):
            found = np.flatnonzero(column).tolist()
            if len(found) > 1:
                where = ", ".join(f"{k} ({column[k]})" for k in found)
                said.append(f"examples of {activity} lie in clusters {where}")
            if activity not in self.names:
                said.append(
                    f"no cluster is named {activity}: others have as many examples there or more"
                )
        for cluster, row in enumerate(self.counts):
            found = np.flatnonzero(row).tolist()
            if len(found) > 1:
                which = ", ".join(f"{self.activities[a]} ({row[a]})" for a in found)
                said.append(f"cluster {cluster} holds examples of {which}")
        return said

    def to_json(self) -> dict[str, Any]:
        """Return what ``edgeclust name`` prints."""
        clusters = [
            {
                "cluster": cluster,
                "name": name,
                "examples": {self.activities[a]: int(row[a]) for a in np.flatnonzero(row)},
            }
            for cluster, (name, row) in enumerate(zip(self.names, self.counts, strict=True))
        ]
        return {"clusters": clusters, "conflicts": self.conflicts()}


def name_clusters(
    clusters: NDArray[np.integer[Any]], activities: Sequence[str], n_clusters: int
) -> Naming:
    """Name clusters after the examples that lie in them.

    Each activity gets the cluster of its own that it can: of all one-to-one namings that which
    most examples agree with. A cluster that is left over and holds examples takes the name that
    most of them have.

    Parameters
    ----------
    clusters : int array of shape (n_examples,)
        Cluster that each example lies in, in [0, n_clusters). Not modified.
    activities : sequence of str
        What each example is; at least one example.
    n_clusters : int
        Clusters there are.

    Returns
    -------
    naming : Naming

    Raises
    ------
    DataError
        If there is no example, or not an activity for each.

    References
    ----------
    Kuhn, "The Hungarian method for the assignment problem", 1955: the same optimum is found by
    the exact assignment of training, at a price that no cluster bears twice.

    Examples
    --------
    Sitting is at home in cluster 0 and strays into 2; cluster 3 holds no example.

    >>> import numpy as np
    >>> from edgeclust.naming import name_clusters
    >>> found = np.array([0, 0, 2, 1, 1])
    >>> naming = name_clusters(found, ["sitting"] * 3 + ["walking"] * 2, n_clusters=4)
    >>> naming.names
    ('sitting', 'walking', 'sitting', None)
    >>> naming.conflicts()
    ['examples of sitting lie in clusters 0 (2), 2 (1)']
    """
    if not len(clusters) or len(clusters) != len(activities):
        raise DataError(
            "each example should have an activity, and one example is needed: got "
            f"{len(clusters)} examples and {len(activities)} activities"
        )
    known = tuple(dict.fromkeys(activities))
    counts = np.zeros((n_clusters, len(known)), np.intp)
    for cluster, activity in zip(clusters.tolist(), activities, strict=True):
        counts[cluster, known.index(activity)] += 1
    names: list[str | None] = [known[r.argmax()] if r.any() else None for r in counts]
    for row, column in _match(counts):
        names[row] = known[column]
    return Naming(known, counts, tuple(names))


def _match(counts: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return the pairs, no row and no column twice, whose counts have the greatest sum."""
    if len(counts) < counts.shape[1]:
        return [(row, column) for column, row in _match(counts.T)]
    # A second one in a row costs more than all examples could gain.
    rows = assign(-counts.T.astype(np.float64), solver="exact", weight=2.0 * counts.sum())
    return [(int(row), column) for column, row in enumerate(rows) if counts[row, column]]
