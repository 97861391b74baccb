"""Which windows meet in a batch, and which of them share the counts of the assignment."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCKS = 4
"""Blocks that meet in a batch, about, where there are as many subjects, and at most."""

FEWEST_BLOCKS = 2
"""Blocks that meet there at least: with one, a batch could be left with a single window."""

PER_CLUSTER = 4
"""Windows of a block for each cluster, about, at least: with fewer there is little to share."""


def n_batches(n_windows: int, batch_size: int) -> int:
    """Return how many batches one pass over at least two windows makes."""
    # A batch of one window has no spread to normalise by.
    return min(-(-n_windows // batch_size), n_windows // 2)


def draw_batches(
    groups: NDArray[Any], batch_size: int, n_clusters: int, rng: np.random.Generator
) -> Iterator[list[NDArray[np.intp]]]:
    """Deal all windows into batches, each a few blocks of windows of one group.

    Parameters
    ----------
    groups : array of shape (n_windows,)
        Windows of one value share blocks: the subject of each, or one value for all.
    batch_size : int
        Windows that a batch has at most, about.
    n_clusters : int
        Clusters that share a block.
    rng : Generator
        Shuffles the windows of each group, and then the blocks.

    Yields
    ------
    blocks : list of intp arrays
        Indices of the windows of one batch, block by block. A block has at most `batch_size`
        windows over the number of groups, or over 4 where there are more groups, or over 3 or 2
        where that leaves less than 4 windows a cluster; over all batches every window comes once.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.train.batches import draw_batches
    >>> groups = np.array(["anna", "anna", "ben", "ben"])
    >>> batches = draw_batches(groups, batch_size=16, n_clusters=2, rng=np.random.default_rng(0))
    >>> [[sorted(block.tolist()) for block in batch] for batch in batches]
    [[[0, 1], [2, 3]]]
    """
    names, group_of = np.unique(groups, return_inverse=True)
    shared = max(FEWEST_BLOCKS, batch_size // (PER_CLUSTER * n_clusters))
    n_blocks = min(BLOCKS, len(names), shared)
    block_size = max(1, batch_size // n_blocks)
    blocks = []
    for group in range(len(names)):
        windows = rng.permutation(np.flatnonzero(group_of == group))
        blocks += np.array_split(windows, -(-len(windows) // block_size))
    blocks = [blocks[position] for position in rng.permutation(len(blocks))]
    sizes = np.array([len(block) for block in blocks])
    count = n_batches(len(groups), batch_size)
    # Each block goes to the batch in whose share of the windows its middle lies.
    batch_of = ((np.cumsum(sizes) - sizes / 2) * count // len(groups)).astype(np.intp)
    for batch in range(count):
        yield [blocks[position] for position in np.flatnonzero(batch_of == batch)]
