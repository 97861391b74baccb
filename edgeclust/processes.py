"""Work in several processes: how many cores there are, tasks handed out, an end with the parent."""

import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from edgeclust.errors import EdgeclustError

MOST_JOBS = 8
"""Processes at most where nobody says how many: each holds its libraries and its data."""

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Died:
    """What is known of a task whose process died, as where memory is short."""

    exit_code: int | None

    def __str__(self) -> str:
        """Say so."""
        return f"its process died with exit code {self.exit_code}"


@dataclass
class _Worker(Generic[Task]):
    """A process that does one task after the other."""

    connection: Connection
    process: Any
    task: Task


def n_cores() -> int:
    """Return how many cores this process may use, at least 1.

    Examples
    --------
    >>> from edgeclust.processes import n_cores
    >>> n_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(
    tasks: Sequence[Task],
    start: Callable[[], Callable[[Task], Result]],
    n_workers: int,
    *,
    n_threads: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
    choose: Callable[[Task | None, Sequence[Task]], int] = lambda before, waiting: -1,
) -> Iterator[tuple[Task, Result | Died]]:
    """Do tasks in processes, and yield each that has ended with what came of it.

    A process that dies (out of memory, a crash) costs its task alone; another takes its place.
    When the loop is left, the processes are ended.

    Parameters
    ----------
    tasks : sequence
        What can be sent to a process.
    start : callable
        Called once in each process; returns what does a task there. Can be sent to a process. An
        error that it lets out ends the process.
    n_workers : int
        Processes, at least 1. They are started anew, so a script needs its
        ``if __name__ == "__main__":``.
    n_threads : int
        ``OMP_NUM_THREADS`` of each.
    should_stop : callable
        Asked all the time; when it says True, tasks that are running are given up.
    choose : callable
        From the task that a process did before, if any, and those that wait, in reverse, to the
        place of the one it gets; the first that waits if left out.

    Yields
    ------
    task, result
        In the order they end.
    """
    waiting = [*reversed(tasks)]
    workers: list[_Worker[Task]] = []
    try:
        while (waiting or workers) and not should_stop():
            while waiting and len(workers) < n_workers:
                task = waiting.pop(choose(None, waiting))
                workers.append(_start_worker(start, task, n_threads))
            # Woken now and then to ask whether to stop.
            ready = wait([worker.connection for worker in workers], timeout=0.2)
            for worker in [worker for worker in workers if worker.connection in ready]:
                task = worker.task
                try:
                    result: Result | Died = worker.connection.recv()
                except (EOFError, OSError):
                    worker.process.join()
                    result = Died(worker.process.exitcode)
                    workers.remove(worker)
                else:
                    if waiting:
                        worker.task = waiting.pop(choose(task, waiting))
                        _send(worker.connection, worker.task)
                    else:
                        _send(worker.connection, None)
                        worker.process.join()
                        workers.remove(worker)
                yield task, result
    finally:
        for worker in workers:
            worker.process.kill()
            worker.process.join()


def _start_worker(
    start: Callable[[], Callable[[Task], Any]], task: Task, n_threads: int
) -> _Worker[Task]:
    """Start a process and hand it its first task."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, start))
    with _environment(OMP_NUM_THREADS=str(n_threads)):
        process.start()
    theirs.close()  # so that the pipe ends with the process
    _send(ours, task)
    return _Worker(ours, process, task)


def _send(connection: Connection, task: Any) -> None:
    """Send a task, or None for the end; that a process has died shows when it is heard."""
    with suppress(OSError):
        connection.send(task)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set variables for processes that are started meanwhile: libraries read them when loaded."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(connection: Connection, start: Callable[[], Callable[[Any], Any]]) -> None:
    """Do tasks until None comes; what a process of its own does."""
    obey_parent()
    do = start()
    with suppress(EOFError):  # nobody is left to ask for more
        while (task := connection.recv()) is not None:
            connection.send(do(task))


def one_line(error: Exception) -> str:
    """Return what went wrong with a task; of a bug, stderr gets the rest."""
    text = " ".join(str(error).split())
    if isinstance(error, EdgeclustError | OSError):
        return text
    traceback.print_exception(error)
    return f"{type(error).__name__}: {text}"


def obey_parent() -> None:
    """Let this process ignore Ctrl-C and end when the one that started it is gone, even killed.

    Ctrl-C reaches all processes of a terminal; the first one alone decides what follows.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """Wait for the end of the parent, and end."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
