"""Two processes that train together, as torchrun starts them, through gloo."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeclust.har_data import write_recordings_folder
from edgeclust.train import Run

from command import fails_with, run
from toy import TOY_CARD, toy_recordings
from train_on_ranks import CASES, train_case

HERE = Path(__file__).parents[1]


def _on_two(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the tests on two processes, one thread each, and the installed package."""
    torchrun = [sys.executable, "-P", "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    return subprocess.run(
        [*torchrun, str(script), *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1", "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope="module")
def of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("of_two")
    done = _on_two(HERE / "train_on_ranks.py", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("case", CASES)
def test_two_processes_find_the_clusters_of_one(of_two: Path, case: str) -> None:
    found, expected = np.load(of_two / f"{case}.npz"), train_case(case)
    assert (found["labels"] == expected["labels"]).mean() > 0.95
    for key in ("loss", "sigma", "log_prior", "centroids"):
        np.testing.assert_allclose(found[key], expected[key], rtol=0.02, atol=0.02, err_msg=key)
    assert found["names"].tolist() == expected["names"].tolist()


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_a_killed_process_ends_the_training_which_then_goes_on(tmp_path: Path) -> None:
    folder, out = tmp_path / "mine", tmp_path / "run"
    write_recordings_folder(TOY_CARD, toy_recordings(n_subjects=2, seconds=20), folder)
    options = [str(folder), "--out", str(out), "--epochs", "4", "--batch-size", "32"]
    options += ["--restarts", "1", "--device", "cpu"]
    # Rank 1 dies in the third epoch of four steps.
    died = _on_two(HERE / "train_and_die.py", "10", "1", "train", *options)
    assert died.returncode == 1
    (error,) = [line for line in died.stderr.splitlines() if line.startswith("error:")]
    assert "process 0 of the training has lost another" in error
    assert "the same command with --resume goes on from the last whole epoch" in error
    assert "site-packages/edgeclust/" not in died.stderr  # no traceback of ours
    assert "use --resume to go on with it" in fails_with(run("train", *options))
    # As many processes as are left may go on.
    went_on = run("train", *options, "--resume")
    assert went_on.exit_code == 0, went_on.output
    assert "epoch 2/4" not in went_on.stderr
    assert "epoch 3/4" in went_on.stderr
    assert Run.open(out).summary()["finished"]
