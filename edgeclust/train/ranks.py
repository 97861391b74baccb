"""The processes that train together, as torchrun starts them, and what they tell one another.

Each is a rank, numbered from 0, and goes through the same batches with the same weights. Alone, a
process is rank 0 of 1, and what is asked of others here is what it has itself.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from edgeclust.errors import ConfigError, EdgeclustError, RunError

T = TypeVar("T")

PATIENCE = timedelta(minutes=10)
"""How long a rank waits for the others: longer than any of them scores, or writes, a run."""


class LostRankError(RunError):
    """Another process of a training has ended, or does not answer."""


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Join the other processes if torchrun has started this one among several.

    Parameters
    ----------
    device : device
        Where the training computes: the ranks talk through gloo, on CUDA through nccl, each with
        the GPU of its number on the machine.

    Raises
    ------
    ConfigError
        If there are more processes than GPUs.
    LostRankError
        If the others do not come.
    """
    if not dist.is_available() or not dist.is_torchelastic_launched() or _env("WORLD_SIZE") == 1:
        yield
        return
    backend = "gloo"
    if device.type == "cuda":
        n_gpus, local = torch.cuda.device_count(), _env("LOCAL_RANK")
        if local >= n_gpus:
            raise ConfigError(
                f"device cuda has {n_gpus} GPUs here, one for each process: "
                f"use --nproc-per-node {n_gpus}, or --device cpu"
            )
        torch.cuda.set_device(local)
        backend = "cpu:gloo,cuda:nccl"
    with _others_there():
        dist.init_process_group(backend, timeout=PATIENCE)
    yield
    # After an error the others may be gone, and nccl would wait for them.
    dist.destroy_process_group()


def n_ranks() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return which of them this one is; 0 writes, and speaks."""
    return dist.get_rank() if n_ranks() > 1 else 0


def own_rows(n_rows: int) -> slice:
    """Return which of some rows are this rank's: as many as another's, or one more or less.

    Examples
    --------
    >>> from edgeclust.train.ranks import own_rows
    >>> own_rows(5)
    slice(0, 5, None)
    """
    return slice(n_rows * rank() // n_ranks(), n_rows * (rank() + 1) // n_ranks())


def total(tensor: Tensor) -> Tensor:
    """Replace a tensor by the sum of all ranks' and return it, the same to the bit for all."""
    if n_ranks() > 1:
        with _others_there():
            dist.all_reduce(tensor)
    return tensor


def all_rows(rows: Tensor, n_rows: int) -> Tensor:
    """Return the rows of all ranks, in order, from each rank's own.

    Parameters
    ----------
    rows : Tensor of shape (n, ...)
        Those of `own_rows`.
    n_rows : int
        How many there are in all.

    Returns
    -------
    rows : Tensor of shape (n_rows, ...)
        A gradient passes this rank's own; those of the others are constants. So gradients of
        what depends on all rows, summed over ranks, are those that one process would find.
    """
    if n_ranks() == 1:
        return rows
    own = own_rows(n_rows)
    table = torch.zeros((n_rows, *rows.shape[1:]), dtype=rows.dtype, device=rows.device)
    table[own] = rows.detach()
    total(table)
    return torch.cat([table[: own.start], rows, table[own.stop :]])


def add_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace the gradients of parameters by their sums over ranks."""
    if n_ranks() == 1:
        return
    learnt = list(parameters)
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in learnt]
    sums = total(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = torch.split(sums, [gradient.numel() for gradient in gradients])
    for parameter, gradient, part in zip(learnt, gradients, parts, strict=True):
        # Copied, as a fused optimiser goes by the order of the weights in memory.
        parameter.grad = gradient.copy_(part.view_as(gradient))


def label_blocks(
    blocks: Sequence[NDArray[np.float64]],
    assign: Callable[[NDArray[np.float64]], NDArray[np.intp]],
) -> list[NDArray[np.intp]]:
    """Return the labels of the windows of each block; ranks deal the blocks among them.

    Parameters
    ----------
    blocks : sequence of float64 arrays of shape (n, n_clusters)
        Costs, the same on all ranks.
    assign : callable
        From the costs of a block to its labels.
    """
    here, n = rank(), n_ranks()
    labels = [
        assign(block) if number % n == here else np.zeros(len(block), np.intp)
        for number, block in enumerate(blocks)
    ]
    if n > 1:
        edges = np.cumsum([len(block) for block in blocks])[:-1]
        labels = np.split(total(torch.from_numpy(np.concatenate(labels))).numpy(), edges)
    return labels


def agreed(value: T) -> T:
    """Return rank 0's value: what all go by where arithmetic could differ between machines."""
    if n_ranks() > 1:
        values: list[Any] = [value]
        with _others_there():
            dist.broadcast_object_list(values, device=torch.device("cpu"))
        value = values[0]
    return value


def on_first(function: Callable[[], T]) -> T:
    """Return what a function does on rank 0, which alone calls it; what it raises all raise.

    Parameters
    ----------
    function : callable
        May raise an `EdgeclustError` or an `OSError`.
    """
    outcome: tuple[T | None, Exception | None] = None, None
    if rank() == 0:
        try:
            outcome = function(), None
        except (EdgeclustError, OSError) as error:
            outcome = None, error
    result, failure = agreed(outcome)
    if failure is not None:
        raise failure
    return result  # type: ignore[return-value]


def on_any(flag: bool) -> bool:
    """Return whether a flag is set on any rank."""
    return bool(total(torch.tensor(int(flag))).item()) if n_ranks() > 1 else flag


def _env(name: str) -> int:
    """Return a number that torchrun has set."""
    return int(os.environ.get(name, 1))


@contextmanager
def _others_there() -> Iterator[None]:
    """Say so if the others are not there; torch says it by a RuntimeError of the network."""
    try:
        yield
    except RuntimeError as error:
        raise LostRankError(
            f"process {os.environ.get('RANK', 0)} of the training has lost another, "
            "which ended or does not answer"
        ) from error
