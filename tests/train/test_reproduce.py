"""A grid run in processes: what it writes, and how it goes on after being stopped or killed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from edgeclust import DataError
from edgeclust.cli import app
from edgeclust.har_data import write_recordings_folder
from edgeclust.reproduce import _Job, _run_all, those_there
from edgeclust.train.grid import Cell

from toy import TOY_CARD, toy_recordings

GRID = """\
methods = ["hard", "kmeans"]
seeds = [0, 1]
jobs = 1
[train]
epochs = 2
batch_size = 32
restarts = 2
[[variant]]
name = "hard, restarts 1"
restarts = 1
"""

N_CELLS = 6


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["reproduce", *(str(argument) for argument in arguments)])


def fails_with(result: Result) -> str:
    assert result.exit_code == 1, result.output
    return result.stderr.splitlines()[-1]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "mine"
    write_recordings_folder(TOY_CARD, toy_recordings(), folder)
    return folder


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grid") / "grid.toml"
    path.write_text(GRID)
    return path


@dataclass
class Finished:
    out: Path
    result: Result


@pytest.fixture(scope="module")
def finished(toy: Path, grid: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A grid that nothing interrupted."""
    out = tmp_path_factory.mktemp("results") / "grid"
    return Finished(out, run(toy, "--grid", grid, "--out", out))


def rows_of(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "runs.csv").read_text().splitlines()))


def results_of(out: Path) -> list[Path]:
    return sorted((out / "cells").glob("*.json"))


def without_times(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_a_row_says_everything_about_its_run(finished: Finished) -> None:
    assert finished.result.exit_code == 0, finished.result.output
    rows = rows_of(finished.out)
    assert [(row["variant"], row["seed"]) for row in rows] == [
        (variant, seed) for variant in ("hard", "kmeans", "hard, restarts 1") for seed in ("0", "1")
    ]
    first = rows[0]
    for name, value in {
        "data": "mine",
        "setting": "pooled",
        "method": "hard",
        "n_clusters": "3",
        "epochs": "2",
        "batch_size": "32",
        "restarts": "2",
        "n_restarts": "2",
        "last_epoch": "2",
        "error": "",
    }.items():
        assert first[name] == value, name
    for name in ("acc", "macro_f1", "kl_star", "version_torch", "version_scikit-learn", "seconds"):
        assert first[name], name
    assert rows[2]["batch_size"] == ""  # k-means has none


def test_tables_and_charts_are_written_and_shown(finished: Finished) -> None:
    names = sorted(os.listdir(finished.out))
    assert names == ["cells", "mine-pooled.png", "runs.csv", "table.md"]
    table = (finished.out / "table.md").read_text()
    assert "| hard, restarts 1 | 2 |" in table
    assert (finished.out / "mine-pooled.png").stat().st_size > 5_000
    assert "kmeans" in finished.result.stdout
    assert f"{N_CELLS}/{N_CELLS} mine" not in finished.result.stdout
    assert f"{N_CELLS}/{N_CELLS} " in finished.result.stderr
    assert "left)" in finished.result.stderr


def test_a_grid_that_is_done_runs_nothing(finished: Finished, toy: Path, grid: Path) -> None:
    before = [path.stat().st_mtime_ns for path in results_of(finished.out)]
    result = run(toy, "--grid", grid, "--out", finished.out, "--json")
    content = json.loads(result.stdout)
    assert (content["n_cells"], content["n_failed"], content["failed"]) == (N_CELLS, 0, [])
    assert [line["variant"] for line in content["summary"]] == [
        "hard",
        "kmeans",
        "hard, restarts 1",
    ]
    assert result.stderr == ""
    assert [path.stat().st_mtime_ns for path in results_of(finished.out)] == before


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_grid_that_was_ended_goes_on_where_it_was(
    finished: Finished, toy: Path, grid: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-P", "-m", "edgeclust", "reproduce", str(toy)]
    command += ["--grid", str(grid), "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not results_of(out):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        # Ends when no process holds the pipe any more: none is left behind.
        _, said = process.communicate(timeout=60)
    assert "Traceback" not in said
    if number != signal.SIGKILL:
        assert process.returncode == 1
        assert "runs to do: the same command goes on" in said.splitlines()[-1]
        assert 0 < len(rows_of(out)) < N_CELLS
    done = {path: path.stat().st_mtime_ns for path in results_of(out)}
    assert 0 < len(done) < N_CELLS
    assert run(toy, "--grid", grid, "--out", out).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert len(results_of(out)) == N_CELLS
    assert without_times(rows_of(out)) == without_times(rows_of(finished.out))


def test_a_cell_that_fails_is_told_and_the_others_go_on(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text(
        'methods = ["kmeans"]\nseeds = [0]\n[[variant]]\nname = "too many"\nn_clusters = 100_000\n'
    )
    arguments = (toy, "--grid", tmp_path / "grid.toml", "--out", tmp_path / "out", "--jobs", 1)
    said = fails_with(run(*arguments))
    assert said.startswith("error: 1 runs failed: ")
    assert "mine, pooled, too many, seed 0: n_clusters should be at most the number of" in said
    kmeans, failed = rows_of(tmp_path / "out")
    assert kmeans["acc"]
    assert kmeans["error"] == ""
    assert failed["error"].startswith("n_clusters should be at most the number of windows")
    assert "too many" not in (tmp_path / "out" / "table.md").read_text()


class Deadly:
    """A cell that ends the process which unpacks it."""

    data = "toy"

    def __reduce__(self) -> tuple[Any, tuple[int]]:
        return os._exit, (3,)


def test_a_process_that_dies_costs_its_cell_alone(toy: Path, tmp_path: Path) -> None:
    cell = Cell(str(toy), "pooled", "kmeans", "kmeans", 0, {})
    deadly: Any = Deadly()
    jobs = [_Job(deadly, "a", tmp_path / "a.json"), _Job(cell, "b", tmp_path / "b.json")]
    ended = {job.key: error for job, error in _run_all(jobs, 1, lambda: False)}
    assert ended == {"a": "its process died with exit code 3", "b": ""}
    assert (tmp_path / "b.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "unknown data 'nowhere': known are capture-24"),
        (["watch", "--methods", "hrad"], "unknown method 'hrad': known are hard"),
        (["watch", "--seeds", "0,x"], "seeds should be whole numbers, as in 0,1,2, got 'x'"),
        (["watch", "--settings", "none"], "unknown setting 'none': known are pooled"),
        ([], "the command line: say which data, as in edgeclust reproduce watch"),
        (["--preset", "my"], "--preset: unknown preset 'my': known are har, paper"),
        (["--preset", "har", "--grid", "x.toml"], "--grid and --preset are both a whole grid"),
        (["--grid", "gone.toml"], "gone.toml: No such file"),
    ],
)
def test_bad_settings_end_with_one_line_and_no_folder(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = run(*arguments, "--out", tmp_path / "out")
    assert message in fails_with(result)
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_values_out_of_range_are_told_before_anything_runs(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.toml").write_text("[train]\nsigma = -1.0\n")
    result = run(toy, "--grid", tmp_path / "grid.toml", "--out", tmp_path / "out")
    assert "pooled, hard, seed 0: sigma should be above 0" in fails_with(result)
    assert not (tmp_path / "out").exists()


def test_folders_of_other_things_are_left_alone(toy: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "holds other things than a grid" in fails_with(run(toy, "--out", tmp_path))
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_data_of_one_name_are_refused(toy: Path, tmp_path: Path) -> None:
    recordings = [replace(r, session="2") for r in toy_recordings(1)]
    write_recordings_folder(TOY_CARD, recordings, tmp_path / "mine")
    result = run(toy, tmp_path / "mine", "--out", tmp_path / "out")
    assert "data should have names of their own" in fails_with(result)


def test_presets_leave_out_data_that_are_not_there(toy: Path) -> None:
    assert those_there([str(toy), "nowhere"], None) == [str(toy)]
    with pytest.raises(DataError, match=r"none of a, b is there: say which data to use"):
        those_there(["a", "b"], None)
