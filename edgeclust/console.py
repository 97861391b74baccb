"""What the command line shows: results on stdout, progress and remarks on stderr."""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as ProgressBar
from rich.table import Table
from rich.text import Text

from edgeclust.errors import EdgeclustError

if TYPE_CHECKING:
    from edgeclust.population import PopulationProgress
    from edgeclust.reproduce import Progress
    from edgeclust.train import EpochReport

T = TypeVar("T")

N_PLAIN_LINES = 10
"""Lines of progress, about, that each restart prints where stderr is no terminal."""


class OneLineErrors(typer.core.TyperGroup):
    """Commands whose errors are one line on stderr and exit code 1."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; what a user can mend is said, anything else keeps its traceback."""
        try:
            with say_remarks():
                sys.exit(super().main(*args, **kwargs | {"standalone_mode": False}))
        except EdgeclustError as error:
            fail(str(error))
        except OSError as error:
            fail(": ".join(str(part) for part in (error.filename, error.strerror) if part))
        except Exception as error:
            # Usage errors; their class is click's or typer's own, as typer's version has it.
            if not hasattr(error, "format_message"):
                raise
            # A group called bare shows its help instead of a message.
            if message := error.format_message():
                fail(message)


def fail(message: str) -> None:
    """Say in one line what was wrong and exit with 1."""
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    sys.exit(1)


def remark(message: str) -> None:
    """Say something beside the results."""
    typer.echo(message, err=True)


@contextmanager
def silence(unless: bool) -> Iterator[None]:
    """Say nothing, errors that end the command aside, unless told to speak."""
    if unless:
        yield
        return
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    typer.echo(json.dumps(content, allow_nan=False))


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Print a table of names and values."""
    table = Table(title=Text(title), title_justify="left", show_header=False)
    for name, value in facts.items():
        table.add_row(name, Text(format_value(value)))
    _print_table(table)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table with a header."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(format_value(value)) for value in row))
    _print_table(table)


def _print_table(table: Table) -> None:
    """Print a table, in full also where no terminal says how wide it is."""
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(table)


def format_value(value: Any) -> str:
    """Return a value as a person reads it."""
    match value:
        case float():
            return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
        case bool() | str():
            return str(value)
        case int():
            return f"{value:,}"
        case list() | tuple():
            return ", ".join(format_value(entry) for entry in value)
        case None:
            return "-"
    return str(value)


class _Remarks(logging.Handler):
    """Says what the library remarks, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        remark(record.getMessage())


@contextmanager
def say_remarks() -> Iterator[None]:
    """Say on stderr what the library warns of, and what it finds worth a line."""
    logger, remarks = logging.getLogger("edgeclust"), _Remarks()
    level = logger.level
    logger.addHandler(remarks)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(remarks)
        logger.setLevel(level)


@contextmanager
def training_progress() -> Iterator[
    tuple[Callable[["EpochReport"], None], Callable[[int, int], None]]
]:
    """Show a training on stderr: a bar on a terminal, else a few lines.

    What is shown is the restart, its epoch, the loss, the clusters used, and the speed.

    Yields
    ------
    on_epoch, on_step : callables
        To hand to the training.
    """
    console = Console(stderr=True)
    bar = ProgressBar(
        BarColumn(bar_width=10),
        TimeRemainingColumn(),
        TextColumn("{task.fields[state]}"),
        console=console,
        disable=not console.is_terminal,
    )
    task = bar.add_task("training", state="")

    def on_epoch(report: "EpochReport") -> None:
        state = (
            f"{report.restart + 1}: epoch {report.epoch}/{report.n_epochs} "
            f"loss {report.loss:.2f} clusters used {report.metrics['clusters_used']} "
            f"{report.windows_per_s:,.0f} windows/s"
        )
        bar.update(task, state=state)
        every = max(1, report.n_epochs // N_PLAIN_LINES)
        if bar.disable and (report.epoch % every == 0 or report.epoch == report.n_epochs):
            remark(state)

    def on_step(n_done: int, n_planned: int) -> None:
        bar.update(task, completed=n_done, total=n_planned)

    with bar:
        yield on_epoch, on_step


@contextmanager
def download_progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show downloads on stderr: a bar for each file on a terminal, else a line for each.

    Yields
    ------
    on_bytes : callable
        To hand to the download.
    """
    console = Console(stderr=True)
    bar = ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    tasks: dict[str, Any] = {}

    def on_bytes(file: str, n_done: int, n_all: int | None) -> None:
        if file not in tasks:
            tasks[file] = bar.add_task(file)
            if bar.disable:
                remark(f"downloading {file}")
        bar.update(tasks[file], completed=n_done, total=n_all)

    with bar:
        yield on_bytes


@contextmanager
def reading_progress() -> Iterator[Callable[[int, int], None]]:
    """Show on stderr how far data are read, how fast, and the time left: on a terminal alone.

    Yields
    ------
    on_part : callable
        To hand to the preparation: told the bytes that are read, and all.
    """
    console = Console(stderr=True)
    bar = ProgressBar(
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    task = bar.add_task("reading", start=False, total=None)

    def on_part(n_done: int, n_all: int) -> None:
        if not bar.tasks[task].started:  # what was done before says nothing of the speed
            bar.reset(task, completed=n_done, total=n_all)
        bar.update(task, completed=n_done)

    with bar:
        yield on_part


@contextmanager
def grid_progress() -> Iterator[Callable[["Progress"], None]]:
    """Show a grid on stderr: a line for each cell, and on a terminal a bar below them.

    Yields
    ------
    on_done : callable
        To hand to `reproduce`.
    """
    console = Console(stderr=True)
    bar = ProgressBar(
        BarColumn(bar_width=20),
        TextColumn("{task.completed}/{task.total} {task.fields[left]}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    task = bar.add_task("grid", total=None, left="cells")

    def on_done(progress: "Progress") -> None:
        left = f"{timedelta(seconds=round(progress.seconds_left))} left"
        bar.update(task, completed=progress.n_done, total=progress.n_cells, left=left)
        said = f"{progress.n_done}/{progress.n_cells} {progress.cell}: {progress.outcome}"
        console.print(Text(said if console.is_terminal else f"{said} ({left})"), soft_wrap=True)

    with bar:
        yield on_done


@contextmanager
def population_progress() -> Iterator[Callable[["PopulationProgress"], None]]:
    """Show on stderr how many recordings are labelled: a bar on a terminal, else a few lines.

    Yields
    ------
    on_done : callable
        To hand to `label_population`.
    """
    console = Console(stderr=True)
    bar = ProgressBar(
        BarColumn(bar_width=20),
        TextColumn("{task.fields[state]}"),
        console=console,
        disable=not console.is_terminal,
    )
    task = bar.add_task("labelling", total=None, state="")

    def on_done(progress: "PopulationProgress") -> None:
        n_ended, n_recordings = progress.n_ended, progress.n_recordings
        failed = f", {progress.n_failed} failed" if progress.n_failed else ""
        state = (
            f"{n_ended}/{n_recordings} recordings{failed}, {progress.windows_per_s:,.0f} "
            f"windows/s, {timedelta(seconds=round(progress.seconds_left))} left"
        )
        bar.update(task, completed=n_ended, total=n_recordings, state=state)
        every = max(1, n_recordings // N_PLAIN_LINES)
        if bar.disable and (n_ended % every == 0 or n_ended == n_recordings):
            remark(state)

    with bar:
        yield on_done


@contextmanager
def stop_on_signal(
    message: str = "stopping after this step, the run is kept", patient: bool = False
) -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a wish to stop; the second interrupts at once.

    Parameters
    ----------
    message : str
        Said when the wish is made.
    patient : bool
        Whether the second does nothing: torchrun hands on each Ctrl-C that the terminal has
        already sent.

    Yields
    ------
    should_stop : callable
        Says whether the wish was made.
    """
    asked = False

    def ask(number: int, frame: Any) -> None:
        nonlocal asked
        if asked and not patient:
            raise KeyboardInterrupt
        if not asked:
            asked = True
            remark(message)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, ask) for number in numbers]
    try:
        yield lambda: asked
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


class _Stopped(BaseException):
    """Ends a wait for input."""


class StopAtReads:
    """Let Ctrl-C and SIGTERM end a loop where it reads, at once; the work in between is finished.

    So what the work changes is whole when the loop ends. A second signal interrupts at once.

    Attributes
    ----------
    asked : bool
        Whether a signal came.
    """

    def __init__(self) -> None:
        self.asked = False
        self._reads = False

    def __enter__(self) -> "StopAtReads":
        """Take the signals over."""
        self._before = [(n, signal.signal(n, self._ask)) for n in (signal.SIGINT, signal.SIGTERM)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Hand the signals back."""
        for number, handler in self._before:
            signal.signal(number, handler)
        return kind is _Stopped

    def read(self, source: Iterable[T]) -> Iterator[T]:
        """Yield what a source does until it ends or a signal comes."""
        items = iter(source)
        while True:
            try:
                self._reads = True
                if self.asked:
                    return
                item = next(items)
                self._reads = False
            except (StopIteration, _Stopped):
                return
            finally:
                self._reads = False
            yield item

    def _ask(self, number: int, frame: Any) -> None:
        """Take a signal."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self._reads:
            raise _Stopped
