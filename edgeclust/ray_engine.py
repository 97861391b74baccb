"""Label recordings on Ray, on this machine or on many that see the same files."""

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgeclust.errors import RunError
from edgeclust.extras import require_extra
from edgeclust.population import Job, Outcome, open_worker

require_extra("ray", "the engine ray", ("ray",))

MOST_TRIES = 3
"""How often a recording is tried again when its worker dies."""

OBJECT_STORE_BYTES = 128 * 2**20
"""Room that a local cluster keeps for what it passes on: names alone."""


def run_on_ray(
    jobs: Sequence[Job], model: Path, workers: int, should_stop: Callable[[], bool]
) -> Iterator[tuple[Job, Outcome]]:
    """Label recordings by Ray Data, each worker with a session of its own.

    The cluster is that of ``RAY_ADDRESS``, where model, recordings and labels have the same paths
    on all machines; or one on this machine, for as long as it takes. When a worker dies, another
    one labels its recording again; what it had written by then is whole and left alone.

    Parameters
    ----------
    jobs, model, workers, should_stop
        As `edgeclust.population.run_here` takes them.

    Yields
    ------
    job, outcome
        In the order they end, each once.
    """
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    logging.getLogger("ray").setLevel(logging.ERROR)
    ours = not ray.is_initialized()
    here: dict[str, Any] = {
        "num_cpus": workers,
        "object_store_memory": OBJECT_STORE_BYTES,
        "include_dashboard": False,
    }
    if ours:
        elsewhere = "RAY_ADDRESS" in os.environ
        try:
            ray.init(
                log_to_driver=False, logging_level=logging.ERROR, **({} if elsewhere else here)
            )
        except Exception as error:  # Ray has no common base for what it raises here
            raise RunError(f"Ray does not start: {' '.join(str(error).split())}") from error
    try:
        context = DataContext.get_current()
        context.enable_progress_bars = False
        context.max_errored_blocks = -1  # a recording that kills its workers costs itself alone
        indices = ray.data.from_items([*range(len(jobs))], override_num_blocks=len(jobs))
        with warnings.catch_warnings():  # Ray names no other way yet to say how often to try
            warnings.simplefilter("ignore")
            outcomes = indices.map_batches(
                _Worker,
                fn_constructor_args=(list(jobs), model),
                batch_size=1,
                compute=ActorPoolStrategy(size=workers),
                ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": MOST_TRIES},
            )
        missing = dict(enumerate(jobs))
        for row in outcomes.iter_rows():
            index = int(row.pop("index"))
            yield missing.pop(index), Outcome(**{k: _plain(v) for k, v in row.items()})
            if should_stop():
                return
        for job in missing.values():
            yield job, Outcome(error=f"{job.input}: its worker died, as where memory is short")
    finally:
        if ours:
            ray.shutdown()


class _Worker:
    """Labels recordings, named by their places among all."""

    def __init__(self, jobs: list[Job], model: Path) -> None:
        self._jobs = jobs
        self._label = open_worker(model)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Label a batch of one, as Ray Data wants it: columns in, columns out."""
        (index,) = batch["item"]
        outcome = self._label(self._jobs[int(index)])
        return {"index": [int(index)], **{k: [v] for k, v in asdict(outcome).items()}}


def _plain(value: Any) -> Any:
    """Return the Python value of a numpy one."""
    return value.item() if hasattr(value, "item") else value
