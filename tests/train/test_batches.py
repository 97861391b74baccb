import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgeclust.train.batches import draw_batches, n_batches


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    batch_size=st.integers(2, 40),
    n_clusters=st.integers(1, 20),
    seed=st.integers(0, 3),
)
def test_every_window_comes_once_in_blocks_of_one_group(
    sizes: list[int], batch_size: int, n_clusters: int, seed: int
) -> None:
    assume(sum(sizes) >= 2)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    batches = list(draw_batches(groups, batch_size, n_clusters, np.random.default_rng(seed)))
    assert len(batches) == n_batches(len(groups), batch_size)
    assert min(sum(map(len, batch)) for batch in batches) >= 2
    blocks = [block for batch in batches for block in batch]
    assert sorted(np.concatenate(blocks)) == list(range(len(groups)))
    assert all(len(np.unique(groups[block])) == 1 for block in blocks)
    n_blocks = min(4, len(sizes), max(2, batch_size // (4 * n_clusters)))
    assert max(map(len, blocks)) <= batch_size // n_blocks


@pytest.mark.parametrize(
    ("n_clusters", "largest"), [(6, 64), (16, 64), (20, 85), (30, 128), (99, 128)]
)
def test_many_clusters_share_larger_blocks(n_clusters: int, largest: int) -> None:
    groups = np.repeat(np.arange(10), 5 * largest)
    batches = draw_batches(groups, 256, n_clusters, np.random.default_rng(0))
    assert {len(block) for batch in batches for block in batch} == {largest}


@pytest.mark.parametrize("n_windows", [100, 256, 257, 700, 2229])
def test_one_group_makes_batches_of_one_block(n_windows: int) -> None:
    groups = np.zeros(n_windows, np.intp)
    batches = list(draw_batches(groups, 256, 6, np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [1] * n_batches(n_windows, 256)
    assert max(len(batch[0]) for batch in batches) <= 256


def test_batches_are_near_the_size_asked_for() -> None:
    groups = np.repeat(np.arange(10), 223)
    batches = list(draw_batches(groups, 256, 6, np.random.default_rng(0)))
    sizes = [sum(map(len, batch)) for batch in batches]
    assert 150 <= min(sizes) <= max(sizes) <= 320
