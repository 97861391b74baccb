import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from edgeclust import ArrayDataset, ConfigError, Dataset, RunError, WindowedDataset
from edgeclust.har_data import write_recordings_folder
from edgeclust.train import Checkpoint, Run, TrainConfig, TrainResult, train
from edgeclust.train.run import CHECKPOINT

from command import fails_with, run
from toy import TOY_CARD, TOY_IMAGE_CARD, toy_images, toy_recordings

QUICK = TrainConfig(n_clusters=3, epochs=4, batch_size=32, restarts=3)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums come out the same to the bit in one order alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def small() -> WindowedDataset:
    return WindowedDataset(TOY_CARD, toy_recordings(n_subjects=2, seconds=20))


def _kept(dataset: Dataset, config: TrainConfig) -> tuple[TrainResult, list[bytes]]:
    """Train, and keep the content of each checkpoint."""
    contents: list[bytes] = []
    result = train(
        dataset, config, on_checkpoint=lambda checkpoint: contents.append(checkpoint.to_bytes())
    )
    return result, contents


def _all_but_time(result: TrainResult) -> dict[str, Any]:
    """Return all that a training came to, as it compares."""
    timeless = [replace(report, seconds=0, windows_per_s=0) for report in result.reports]
    tensors = result.model.encoder.state_dict()
    return {
        "reports": timeless,
        "criteria": result.criteria,
        "sigma": result.model.clusters.sigma,
        "arrays": save(
            {name: tensor.contiguous() for name, tensor in tensors.items()}
            | {"centroids": torch.from_numpy(result.model.clusters.centroids)}
        ),
    }


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"n_clusters": 12},
        {"prior": "learned"},
        {"sigma": 5.0},
        {"method": "none"},
        {"method": "sinkhorn", "restarts": 1},
    ],
    ids=str,
)
def test_a_training_goes_on_from_any_epoch_as_if_nothing_had_been(
    small: WindowedDataset, change: dict[str, Any]
) -> None:
    config = replace(QUICK, **change)
    expected, contents = _kept(small, config)
    for content in contents[:: 3 if change else 1]:
        result = train(small, config, resume=Checkpoint.from_bytes(content, "here"))
        assert _all_but_time(result) == _all_but_time(expected)
        assert result.finished


def test_a_training_on_images_goes_on(small: WindowedDataset) -> None:
    images = ArrayDataset(TOY_IMAGE_CARD, *toy_images())
    config = replace(QUICK, epochs=2, restarts=1)
    expected, contents = _kept(images, config)
    result = train(images, config, resume=Checkpoint.from_bytes(contents[0], "here"))
    assert _all_but_time(result) == _all_but_time(expected)


def test_steps_are_counted_on_where_they_were(small: WindowedDataset) -> None:
    all_steps: list[tuple[int, int]] = []
    _, contents = _kept(small, QUICK)
    train(small, QUICK, on_step=lambda *step: all_steps.append(step))
    later: list[tuple[int, int]] = []
    train(
        small,
        QUICK,
        on_step=lambda *step: later.append(step),
        resume=Checkpoint.from_bytes(contents[3], "here"),
    )
    assert later == all_steps[-len(later) :]
    assert 0 < len(later) < len(all_steps)


def _metrics(folder: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's metrics without what is timed."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [{k: v for k, v in x.items() if k not in ("seconds", "windows_per_s")} for x in lines]


def test_a_stopped_run_goes_on_to_that_of_one_never_stopped(
    small: WindowedDataset, tmp_path: Path
) -> None:
    whole = Run.create(tmp_path / "whole", small, QUICK, data="toy")
    steps = []

    def stop_within_an_epoch() -> bool:
        steps.append(1)
        return len(steps) > 25

    stopped = Run.create(
        tmp_path / "run", small, QUICK, data="toy", should_stop=stop_within_an_epoch
    )
    assert not stopped.summary()["finished"]
    assert stopped.load_model().counts.sum() == len(small)
    # What a process was writing when it was killed.
    (tmp_path / "run" / f".{CHECKPOINT}.a1b2").write_bytes(b"half")
    went_on = Run.create(tmp_path / "run", small, QUICK, data="toy", resume=True)
    assert sorted(os.listdir(went_on.folder)) == sorted(os.listdir(whole.folder))
    assert _metrics(went_on.folder) == _metrics(whole.folder)
    models = [
        (folder / "model.safetensors").read_bytes() for folder in (went_on.folder, whole.folder)
    ]
    assert models[0] == models[1]
    with pytest.raises(RunError, match=r"nothing to resume, its training came to its end"):
        Run.create(tmp_path / "run", small, QUICK, data="toy", resume=True)


def test_a_training_that_is_stopped_in_its_first_epoch_says_to_begin_anew(
    small: WindowedDataset, tmp_path: Path
) -> None:
    stopped = Run.create(tmp_path, small, QUICK, data="toy", should_stop=lambda: True)
    assert stopped.way_on() == "no epoch had ended: begin anew with --overwrite"
    with pytest.raises(RunError, match=r"no epoch had ended there: begin with --overwrite"):
        Run.create(tmp_path, small, QUICK, data="toy", resume=True)


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_a_killed_training_goes_on_to_the_bytes_of_one_never_killed(tmp_path: Path) -> None:
    folder, out, whole = tmp_path / "mine", tmp_path / "run", tmp_path / "whole"
    write_recordings_folder(TOY_CARD, toy_recordings(n_subjects=2, seconds=20), folder)
    options = [str(folder), "--epochs", "4", "--batch-size", "32", "--restarts", "2"]
    options += ["--device", "cpu", "--out"]
    script = Path(__file__).parents[1] / "train_and_die.py"
    died = subprocess.run(
        [sys.executable, "-P", str(script), "18", "0", "train", *options, str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert sorted(os.listdir(out)) == ["checkpoint.safetensors", "config.json", "metrics.jsonl"]
    assert run("train", *options, whole).exit_code == 0
    went_on = run("train", *options, out, "--resume")
    assert went_on.exit_code == 0, went_on.output
    assert _metrics(out) == _metrics(whole)
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_other_data_settings_and_versions_are_refused(
    small: WindowedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(QUICK, epochs=1, restarts=1)
    checkpoint = Checkpoint.from_bytes(_kept(small, config)[1][0], "here")
    with pytest.raises(RunError, match=r"the setting n_clusters was 3, now it is 4: go on with"):
        train(small, replace(config, n_clusters=4), resume=checkpoint)
    fewer = small.select(np.arange(50))
    with pytest.raises(RunError, match=r"'toy' of 118 windows, now they are 'toy' of 50 windows"):
        train(fewer, config, resume=checkpoint)
    others = WindowedDataset(TOY_CARD, toy_recordings(n_subjects=2, seconds=20, seed=1))
    with pytest.raises(RunError, match=r"now they are others: go on with the same, or begin"):
        train(others, config, resume=checkpoint)
    recordings = [replace(r, session=f"{n}") for n, r in enumerate(small.recordings)]
    with pytest.raises(RunError, match=r"now they are others"):  # cut into sessions otherwise
        train(WindowedDataset(TOY_CARD, recordings), config, resume=checkpoint)
    monkeypatch.setattr("edgeclust.train.identity.version", lambda name: "99")
    with pytest.raises(RunError, match=r"the version of edgeclust was .*, now it is 99"):
        train(small, config, resume=checkpoint)


def test_what_cannot_be_resumed_says_why(small: WindowedDataset, tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def resume() -> None:
        Run.create(folder, small, QUICK, data="toy", resume=True)

    with pytest.raises(RunError, match=r"no epoch had ended there: begin without --resume"):
        resume()
    assert not folder.exists()
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with pytest.raises(RunError, match=r"no epoch had ended there: begin with --overwrite"):
        resume()
    _, contents = _kept(small, replace(QUICK, epochs=1, restarts=1, encoder="filterbank"))
    newer = contents[0].replace(b'{\\"version\\": 1', b'{\\"version\\": 2')
    assert newer != contents[0]
    for content, message in (
        (b"cut", r"run/checkpoint.safetensors: is damaged or no checkpoint"),
        (save({"a": torch.zeros(1)}), r"is damaged or no checkpoint \('__metadata__'\)"),
        (contents[0][:-9], r"is damaged or no checkpoint"),
        (newer, r"has layout 2, this version reads 1"),
        (contents[0], r"the setting epochs was 1, now it is 4"),
    ):
        (folder / CHECKPOINT).write_bytes(content)
        with pytest.raises(RunError, match=message):
            resume()
    with pytest.raises(ConfigError, match=r"--overwrite begins a run anew and --resume goes on"):
        Run.create(folder, small, QUICK, data="toy", resume=True, overwrite=True)
    Run.create(folder, small, replace(QUICK, epochs=1), data="toy", overwrite=True)


def test_a_run_that_was_never_begun_ends_with_one_line(tmp_path: Path) -> None:
    refused = fails_with(run("train", "watch", "--out", tmp_path / "run", "--resume"))
    assert "has nothing to resume, no epoch had ended there: begin without --resume" in refused
