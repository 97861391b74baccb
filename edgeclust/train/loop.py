"""The training loop: restarts, epochs and batches, and what is reported of them."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from edgeclust.alignment import RIGID_MOUNTS, GravityAlignment, align, fit_alignment
from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.errors import ConfigError, DataError
from edgeclust.train.alarms import warn_of_empty, warn_of_gap
from edgeclust.train.batches import n_batches
from edgeclust.train.checkpoint import Checkpoint
from edgeclust.train.config import TrainConfig
from edgeclust.train.identity import identify
from edgeclust.train.inputs import Inputs
from edgeclust.train.model import TrainedModel
from edgeclust.train.ranks import agreed, n_ranks, on_any, rank
from edgeclust.train.tournament import Tournament
from edgeclust.train.trainer import pick_device
from edgeclust.train.training import EpochReport, Training

logger = logging.getLogger(__name__)

N_STEPS = 800
"""Steps that a training makes at least when its epochs are not given."""

MIN_EPOCHS = 4
"""Passes over the data that it makes at least then."""


@dataclass(frozen=True)
class TrainResult:
    """What a training came to.

    Parameters
    ----------
    model : TrainedModel
        As it was after the last step of the restart that was kept, on the CPU.
    reports : list of EpochReport
        Of that restart.
    criteria : list of float
        Of each restart the criterion when it ended, before the vote, less the `agreement` of its
        labels with those of the others. Of those that ran to the end and left fewest clusters
        empty the lowest was kept.
    finished : bool
        Whether it came to its end: False where it was stopped.
    """

    model: TrainedModel
    reports: list[EpochReport]
    criteria: list[float]
    finished: bool = True


def train(
    dataset: Dataset,
    config: TrainConfig,
    *,
    on_epoch: Callable[[EpochReport], None] = lambda report: None,
    on_step: Callable[[int, int], None] = lambda n_done, n_planned: None,
    on_checkpoint: Callable[[Checkpoint], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    resume: Checkpoint | None = None,
) -> TrainResult:
    """Train an encoder and its clusters; the labels of the data serve the reports alone.

    Each step encodes a batch, takes its loss from the method of `config` (``hard``: the mean cost
    of the assigned windows; no gradient passes the assignment) and makes one Adam step on the
    encoder and the centroids. Counts start at zero in every batch and, unless `config` says
    otherwise, anew for each subject in it, so that no cluster can hold one wearer instead of one
    activity.

    From the half of its epochs on, a cluster that an epoch has left empty starts anew at a window
    of the largest, under ``hard`` with a calibrated sigma and a prior that is not learnt.

    Restarts are a tournament: all train for half of the epochs, the better half of them for
    another quarter, the half of those to the end, and the best is kept: that with the fewest empty
    clusters, and among equals that of the lowest `criterion` less the `agreement` of its labels
    with those of all others, stopped or not. At the end all `vote` on the label of each window,
    and the one that was kept trains for another quarter of the epochs with these labels, unless
    the vote leaves a cluster next to nothing that has windows in it. So 8 restarts cost as much as
    5.75 whole trainings.

    Where `torch.distributed` has brought several processes together, as under torchrun, each
    encodes its part of every batch, and all come to what one would, but for rounding.

    Parameters
    ----------
    dataset : Dataset
        At least as many windows as clusters.
    config : TrainConfig
        All settings, the seed among them: the same seed on the same machine gives the same model.
    on_epoch : callable
        Called with a report after each epoch.
    on_step : callable
        Called after each step with the steps done and the steps planned, of all restarts.
    on_checkpoint : callable, optional
        Called after each whole epoch with all that it takes to go on from there. Its tensors
        change with the next step.
    should_stop : callable
        Asked after each step; training ends there when it says True on any process.
    resume : Checkpoint, optional
        Where to go on: what comes out is what would have, had the training not been cut off,
        to the last bit on a CPU with one thread and as many processes.

    Returns
    -------
    result : TrainResult

    Raises
    ------
    ConfigError
        If there are more clusters than windows, or CUDA is asked for and not there, or another
        process has other data or settings.
    DataError
        If gravity alignment is asked for and the data do not allow it.
    RunError
        If `resume` is of other data, settings or versions, or another process is lost.
    """
    config.check_windows(len(dataset))
    if n_ranks() > len(dataset):
        raise ConfigError(f"{n_ranks()} processes are more than the {len(dataset)} windows")
    identity: dict[str, Any] = {}
    if on_checkpoint is not None or resume is not None or n_ranks() > 1:
        identity = identify(dataset, config)
    if identity != agreed(identity):
        raise ConfigError(f"process {rank()} has other data or settings than process 0")
    if resume is not None:
        resume.check(identity, "the checkpoint")
    alignment = choose_alignment(dataset, config.align)
    if alignment is not None:
        assert isinstance(dataset, WindowedDataset)
        dataset = align(dataset, alignment)
    n_steps = n_batches(len(dataset), config.batch_size)  # of an epoch
    n_epochs = config.epochs or max(MIN_EPOCHS, math.ceil(N_STEPS / n_steps))
    inputs = Inputs(dataset, pick_device(config.device))  # one for all restarts
    trainings = [
        Training(dataset, config, restart, alignment is not None, inputs)
        for restart in range(config.restarts)
    ]
    tournament = Tournament(trainings, n_epochs)
    reports: list[EpochReport] = []
    gap_is_wide = stopped = False
    if resume is not None:
        reports += resume.reports
        gap_is_wide = resume.state["gap_is_wide"]
        tournament.restore(resume.state["tournament"], resume.tensors, reports)
    n_done = n_steps * len(reports)

    def stops() -> bool:
        nonlocal stopped
        stopped = stopped or on_any(should_stop())
        return stopped

    def count_step() -> bool:
        nonlocal n_done
        n_done += 1
        on_step(n_done, n_steps * tournament.n_turns)
        return stops()

    for training, epoch, n_of_all, labels in tournament.turns():
        whole = training.run_epoch(epoch, n_of_all, count_step, labels)
        reports.append(training.reports[-1])
        on_epoch(reports[-1])
        if config.method == "hard" and not gap_is_wide:
            gap_is_wide = warn_of_gap(training.trainer.gap, training.block_size)
        if whole and on_checkpoint is not None:
            facts, tensors = tournament.state()
            state = {"gap_is_wide": gap_is_wide, "tournament": facts}
            on_checkpoint(Checkpoint(identity, reports, state, tensors))
        if stops():
            break
    tournament.end()
    kept = tournament.kept
    n_empty = config.n_clusters - max(r.metrics["clusters_used"] for r in kept.reports[-2:])
    if n_empty and not gap_is_wide:
        warn_of_empty(n_empty, config.n_clusters, config.method)
    model = TrainedModel.measured(
        dataset.card,
        kept.trainer.encoder.cpu().eval(),
        kept.clusters,
        kept.embedding,
        alignment,
    )
    return TrainResult(model, kept.reports, tournament.criteria, finished=not stopped)


def choose_alignment(dataset: Dataset, name: str) -> GravityAlignment | None:
    """Fit the gravity alignment that is asked for, or that the mount of the sensor allows.

    Parameters
    ----------
    dataset : Dataset
        What is to be trained on.
    name : str
        ``gravity``, ``none``, or ``auto``: where the mount is rigid and the data allow it.

    Raises
    ------
    ConfigError, DataError
        If ``gravity`` is asked for and the data are of another kind, or do not allow it.
    """
    if name == "none":
        return None
    if not isinstance(dataset, WindowedDataset):
        if name == "gravity":
            raise ConfigError(f"{dataset.card.name!r} has no recordings to align: use --align auto")
        return None
    if name == "auto" and dataset.card.mount not in RIGID_MOUNTS:
        return None
    try:
        return fit_alignment(dataset)
    except DataError as error:
        if name == "gravity":
            raise
        logger.warning("trained without alignment: %s", error)
        return None
