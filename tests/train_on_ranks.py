"""Train as torchrun starts it, on each of its processes, and keep what came of it.

It is given a folder, in which rank 0 writes ``NAME.npz`` for each of `CASES`.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn

from edgeclust import ArrayDataset, WindowedDataset
from edgeclust.train import TrainConfig, evaluate, train
from edgeclust.train.norms import RankedBatchNorm, share_norms
from edgeclust.train.ranks import all_rows, joined, own_rows, rank, total
from edgeclust.train.trainer import Trainer

from toy import TOY_CARD, TOY_IMAGE_CARD, toy_images, toy_recordings

QUICK: dict[str, Any] = {
    "n_clusters": 3,
    "epochs": 2,
    "batch_size": 32,
    "restarts": 1,
    "learning_rate": 1e-3,
}

CASES: dict[str, dict[str, Any]] = {
    "vote": {"epochs": 3, "restarts": 2},
    "one_block": {"balance": "batch"},
    "reseated": {"n_clusters": 12},
    "learned": {"prior": "learned"},
    "ent": {"method": "ent"},
    "ckm": {"method": "ckm"},
    "images": {"encoder": "conv2d"},
}


def train_case(name: str) -> dict[str, NDArray[Any]]:
    """Train one of the cases and return what came of it."""
    config = TrainConfig(**QUICK | CASES[name])
    dataset: Any = WindowedDataset(TOY_CARD, toy_recordings(n_subjects=2, seconds=20))
    if name == "images":
        dataset = ArrayDataset(TOY_IMAGE_CARD, *toy_images())
    result = train(dataset, config)
    return {
        "labels": evaluate(result.model, dataset).labels,
        "loss": np.array([report.loss for report in result.reports]),
        "sigma": np.array([report.sigma for report in result.reports]),
        "log_prior": result.model.clusters.log_prior,
        "centroids": result.model.clusters.centroids,
        "names": np.array(list(result.model.encoder.state_dict())),
    }


def check_norm() -> None:
    """Compare the normalisation over ranks with torch's over all rows."""
    rng = torch.Generator().manual_seed(0)
    for n_rows in (7, 2):
        features = torch.randn(n_rows, 4, 5, generator=rng) * 3 + 2
        pull = torch.randn(n_rows, 4, 5, generator=rng)
        whole, own = nn.BatchNorm1d(4), own_rows(n_rows)
        ranked = share_norms(nn.Sequential(nn.BatchNorm1d(4)), torch.device("cpu"))
        assert isinstance(ranked[0], RankedBatchNorm)  # type: ignore[index]
        one, part = features.clone().requires_grad_(), features[own].clone().requires_grad_()
        expected, found = whole(one), ranked(part)
        (expected * pull).sum().backward()
        (found * pull[own]).sum().backward()
        torch.testing.assert_close(all_rows(found.detach(), n_rows), expected.detach())
        assert one.grad is not None
        torch.testing.assert_close(part.grad, one.grad[own])
        for weight, ranked_weight in zip(whole.parameters(), ranked.parameters(), strict=True):
            assert ranked_weight.grad is not None
            torch.testing.assert_close(total(ranked_weight.grad.clone()), weight.grad)
        for buffer, ranked_buffer in zip(whole.buffers(), ranked.buffers(), strict=True):
            torch.testing.assert_close(ranked_buffer, buffer)


def check_share_of_none() -> None:
    """Take a step on a batch of fewer windows than ranks."""
    dataset = WindowedDataset(TOY_CARD, toy_recordings(n_subjects=1, seconds=10))
    trainer = Trainer(dataset, TrainConfig(**QUICK), seed=0)
    loss, _ = trainer.step([np.array([3])])
    assert loss.isfinite()
    assert all(torch.isfinite(p).all() for p in trainer.encoder.parameters())


def main(folder: Path) -> None:
    """Train all cases; say on every rank where it has other weights than the first."""
    with joined(torch.device("cpu")):
        check_norm()
        check_share_of_none()
        for name in CASES:
            found = train_case(name)
            for key in ("labels", "centroids"):
                values: list[Any] = [found[key]]
                dist.broadcast_object_list(values)
                np.testing.assert_array_equal(values[0], found[key], f"{name}: {key}")
            if rank() == 0:
                np.savez(folder / f"{name}.npz", **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
