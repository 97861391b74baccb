"""Run a grid of trainings in processes of their own, so that it can go on where it was."""

import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeclust.errors import ConfigError, DataError, RunError
from edgeclust.files import write_atomically
from edgeclust.processes import MOST_JOBS, n_cores, one_line, run_all

if TYPE_CHECKING:
    from edgeclust.card import AnyCard
    from edgeclust.train.grid import Cell, Grid

CELLS, ROWS, TABLE = "cells", "runs.csv", "table.md"


@dataclass(frozen=True)
class Progress:
    """How far a grid is, told after each cell that ends.

    Parameters
    ----------
    n_done, n_cells : int
        Cells that have ended, those of earlier times among them, and all.
    cell : str
        Which has ended.
    outcome : str
        Its scores, or what went wrong.
    seconds_left : float
        About, by the cells of this time.
    """

    n_done: int
    n_cells: int
    cell: str
    outcome: str
    seconds_left: float


@dataclass(frozen=True)
class Report:
    """What a grid came to.

    Parameters
    ----------
    rows : list of dict
        Rows of ``runs.csv``.
    summary : list of dict
        What ``table.md`` shows.
    failed : list of str
        Cells that failed, each with what went wrong.
    n_missing : int
        Cells that were not reached before it was stopped.
    """

    rows: list[dict[str, Any]]
    summary: list[dict[str, Any]]
    failed: list[str]
    n_missing: int


@dataclass
class _Job:
    """A result to be had: the first cell that asks for it, and where it goes."""

    cell: "Cell"
    key: str
    path: Path


def reproduce(
    grid: "Grid",
    folder: Path,
    *,
    jobs: int | None = None,
    on_done: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Report:
    """Run all cells of a grid that the folder does not hold yet, and write what they came to.

    A cell's result is a file of its own, named by everything it depends on: settings, content of
    the data, versions. So a grid that was killed goes on where it was, and one that was changed
    runs what is new. ``runs.csv``, ``table.md`` and a chart for each data and setting show the
    cells of this grid alone.

    Parameters
    ----------
    grid : Grid
        What to run.
    folder : Path
        Made if it is not there; else one that an earlier grid made.
    jobs : int, optional
        Processes; what the grid says, or the number of cores up to 8, if left out. Cores are
        shared among them, but none has more threads than ``OMP_NUM_THREADS`` says.
    on_done : callable
        Called after each cell.
    should_stop : callable
        Asked all the time; when it says True, cells that are running are given up.

    Raises
    ------
    ConfigError, DataError
        If data cannot be opened, or settings are outside their range; nothing is run then.
    RunError
        If the folder holds other things than a grid.
    """
    cells, needed = _plan(grid, folder / CELLS)
    _make_folder(folder)
    results = {key: found for key, job in needed.items() if (found := _read(job.path))}
    errors: dict[str, str] = {}
    pending = [job for key, job in needed.items() if key not in results]
    n_found, started = len(results), time.monotonic()

    def write_rows() -> list[dict[str, Any]]:
        from edgeclust.train.tables import to_csv

        rows = [_row(cell, key, card, results, errors) for cell, key, card in cells]
        rows = [row for row in rows if "error" in row]
        write_atomically(folder / ROWS, to_csv(rows).encode())
        return rows

    for job, error in _run_all(pending, jobs or grid.jobs, should_stop):
        result = _read(job.path)
        if result and not error:
            results[job.key] = result
            outcome = ", ".join(
                f"{name} {result['scores'][name]:.3f}"
                for name in ("acc", "nmi")
                if name in result["scores"]
            )
        else:
            errors[job.key] = outcome = error or "left no result"
        write_rows()
        n_done = len(results) + len(errors)
        left = (time.monotonic() - started) / (n_done - n_found) * (len(needed) - n_done)
        on_done(Progress(n_done, len(needed), str(job.cell), outcome, left))
    rows = write_rows()
    return Report(
        rows,
        _write_tables(folder, rows),
        [f"{cell}: {errors[key]}" for cell, key, _ in cells if key in errors],
        len(needed) - len(results) - len(errors),
    )


def those_there(data: Sequence[str], root: Path | None) -> list[str]:
    """Return the names of the data sets that can be opened here, their files under a root.

    Raises
    ------
    DataError
        If there is none.
    """
    from edgeclust.har_data import open_dataset

    found = []
    for name in data:
        with suppress(DataError):
            open_dataset(name, root=root)
            found.append(name)
    if not found:
        raise DataError(f"none of {', '.join(data)} is there: say which data to use")
    return found


def _plan(
    grid: "Grid", folder: Path
) -> tuple[list[tuple["Cell", str, "AnyCard"]], dict[str, _Job]]:
    """Open all data once, check all settings, and name the cells by what they depend on."""
    from edgeclust.har_data import absolute_source, open_dataset
    from edgeclust.train.grid import cell_key
    from edgeclust.train.identity import fingerprint

    opened = {}
    for name in grid.data:
        dataset = open_dataset(
            name, root=grid.root, labels=grid.labels, max_missing=grid.max_missing
        )
        opened[name] = (dataset.card, fingerprint(dataset))
    if len({_title(name) for name in opened}) < len(opened):
        raise ConfigError(f"data should have names of their own, got {', '.join(opened)}")
    cells: list[tuple[Cell, str, AnyCard]] = []
    needed: dict[str, _Job] = {}
    for cell in grid.cells():
        card, content = opened[cell.data]
        try:
            key = cell_key(absolute_source(cell.data), content, cell.settings(card))
        except ConfigError as error:
            raise ConfigError(f"{cell}: {error}") from error
        cells.append((cell, key, card))
        needed.setdefault(key, _Job(cell, key, folder / f"{key}.json"))
    return cells, needed


def _make_folder(folder: Path) -> None:
    """Make the folder of a grid, but not among other things."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / CELLS).is_dir():
        raise RunError(f"{folder}: exists and holds other things than a grid: use another --out")
    (folder / CELLS).mkdir(parents=True, exist_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    """Read the result of a cell if it is there and whole."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return content


def _title(data: str) -> str:
    """Return what data are called in tables and charts: the name, or that of the folder."""
    return Path(data).resolve().name


def _row(
    cell: "Cell",
    key: str,
    card: "AnyCard",
    results: Mapping[str, dict[str, Any]],
    errors: Mapping[str, str],
) -> dict[str, Any]:
    """Return a cell's line of ``runs.csv``; one without the column error was not reached."""
    row: dict[str, Any] = {"data": _title(cell.data), "setting": cell.setting}
    row |= {"variant": cell.variant, **cell.settings(card), "key": key}
    if result := results.get(key):
        row |= {"n_parts": len(result["parts"]), "split_over": result.get("split_over", "")}
        row |= result["scores"]
        row |= {name: result[name] for name in ("seconds", "n_threads")}
        row |= {f"version_{name}": text for name, text in result["versions"].items()}
        return row | {"error": ""}
    return row | ({"error": errors[key]} if key in errors else {})


def _write_tables(folder: Path, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Write ``table.md`` and a chart for each data and setting."""
    from edgeclust.train.tables import by_data_and_setting, draw_bars, summarise, to_markdown

    summary = summarise(rows)
    write_atomically(folder / TABLE, to_markdown(summary).encode())
    for (data, setting), lines in by_data_and_setting(summary).items():
        if any("acc" in line for line in lines):
            picture = io.BytesIO()
            draw_bars(lines).savefig(picture, dpi=120)
            write_atomically(folder / f"{data}-{setting}.png".replace(" ", "-"), picture.getvalue())
    return summary


def _run_all(
    pending: Sequence[_Job], jobs: int | None, should_stop: Callable[[], bool]
) -> Iterator[tuple[_Job, str]]:
    """Run jobs, and yield each that has ended with what went wrong, or nothing.

    A process that dies (out of memory, a crash) costs its job alone; another takes its place.
    """
    n_workers = max(1, min(jobs or min(n_cores(), MOST_JOBS), len(pending)))
    n_threads = max(1, n_cores() // n_workers)
    if (limit := os.environ.get("OMP_NUM_THREADS", "")).isdigit():
        n_threads = max(1, min(n_threads, int(limit)))
    ended = run_all(
        pending,
        partial(_start, n_threads),
        n_workers,
        n_threads=n_threads,
        should_stop=should_stop,
        choose=_same_data,
    )
    for job, error in ended:
        yield job, str(error)


def _same_data(before: _Job | None, waiting: Sequence[_Job]) -> int:
    """Choose the job that is next, one on the data that a process has open if there is such."""
    data = before.cell.data if before else None
    return next((i for i in reversed(range(len(waiting))) if waiting[i].cell.data == data), -1)


def _start(n_threads: int) -> Callable[[_Job], str]:
    """Return what runs a job in a process of its own and says what went wrong, or nothing."""
    import torch

    from edgeclust.har_data import open_dataset
    from edgeclust.train.grid import run_cell, versions

    torch.set_num_threads(n_threads)
    opened: dict[str, Any] = {}

    def run(job: _Job) -> str:
        cell = job.cell
        try:
            if cell.data not in opened:
                opened.clear()
                opened[cell.data] = open_dataset(
                    cell.data, root=cell.root, labels=cell.labels, max_missing=cell.max_missing
                )
            about = {"cell": str(cell), "n_threads": n_threads, "versions": versions()}
            text = json.dumps(about | run_cell(cell, opened[cell.data]), indent=1, allow_nan=False)
            write_atomically(job.path, f"{text}\n".encode())
            return ""
        except Exception as error:
            return one_line(error)

    return run
