"""``edgeclust state``, and ``edgeclust label --state``."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeclust import Labeler
from edgeclust.state import StateStore, read_state

from command import fails_with, run
from toy import state_stream


@pytest.fixture
def state(toy_model: Path, tmp_path: Path) -> Path:
    """What was learnt on the toy stream, as released."""
    folder = tmp_path / "mine"
    folder.mkdir()
    shutil.copy(toy_model.with_name("state_v1.bin"), folder / "state-a.bin")
    return folder


def test_show_says_what_was_learnt(state: Path) -> None:
    result = run("state", "show", state, "--json")
    facts = json.loads(result.stdout)
    assert result.stderr == ""
    assert facts["model_id"].startswith("bed1139a5766")
    assert (facts["generation"], facts["n_windows"], facts["n_skipped"]) == (1, 24, 1)
    assert facts["clusters"][0] == {
        "cluster": 0,
        "name": "resting",
        "n_windows": 7,
        "share": round(7 / 23, 4),
        "shift": pytest.approx(0.0139, abs=1e-3),
    }
    table = run("state", "show", state).stdout
    for part in ("bed1139a5766", "resting", "läuft", "0.3043", "shift"):
        assert part in table
    assert sorted(path.name for path in state.iterdir()) == [
        "state-a.bin"
    ]  # looking leaves nothing


def test_show_works_while_a_labeler_is_at_it(state: Path, toy_model: Path) -> None:
    with Labeler.open(toy_model, state=state):
        assert run("state", "show", state).exit_code == 0
        assert "in use by another labeler" in fails_with(run("state", "reset", state, "--yes"))


def test_export_prints_the_rest_of_the_state_too(state: Path) -> None:
    shown = json.loads(run("state", "show", state, "--json").stdout)
    exported = json.loads(run("state", "export", state).stdout)
    fields = exported.pop("fields")
    assert exported == shown
    assert not any(name.startswith("tally.") for name in fields)


def test_reset_asks_first(state: Path) -> None:
    for answer in ("n\n", ""):
        result = run("state", "reset", state, stdin=answer)
        assert result.exit_code == 1
        assert "mine: is kept; --yes forgets it without asking" in result.stderr
        assert read_state(state) is not None
    result = run("state", "reset", state, stdin="y\n")
    assert result.exit_code == 0
    assert result.stderr.endswith(f"forgotten: {state}\n")
    assert read_state(state) is None
    assert "mine: holds no state" in fails_with(run("state", "reset", state, "--yes"))


@pytest.mark.parametrize("command", ["show", "export"])
def test_where_nothing_was_learnt_one_line_says_so(tmp_path: Path, command: str) -> None:
    assert "gone: holds no state" in fails_with(run("state", command, tmp_path / "gone"))
    assert not (tmp_path / "gone").exists()


def test_a_damaged_slot_is_said(state: Path) -> None:
    (state / "state-b.bin").write_bytes(b"")
    result = run("state", "show", state, "--json")
    assert result.exit_code == 0
    assert "state-b.bin: is damaged: it has 0 bytes" in result.stderr


def test_bytes_that_are_no_fields_end_with_one_line(tmp_path: Path) -> None:
    with StateStore(tmp_path, "00" * 32) as store:
        store.save(b"")
    assert "fields of the state cannot be read" in fails_with(run("state", "show", tmp_path))


def test_label_goes_on_where_it_was_saved(toy_model: Path, state: Path, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "walk.csv", state_stream(), delimiter=",", header="ax,ay,az", comments="")
    for n_windows in (48, 72):
        result = run("label", toy_model, tmp_path / "walk.csv", "--freeze", "--state", state)
        assert result.exit_code == 0
        assert json.loads(result.stdout.splitlines()[0])["name"] == "resting"
        facts = json.loads(run("state", "show", state, "--json").stdout)
        assert facts["n_windows"] == n_windows


def test_a_state_in_use_ends_with_one_line(toy_model: Path, state: Path) -> None:
    with Labeler.open(toy_model, state=state):
        said = fails_with(run("label", toy_model, "-", "--state", state, stdin="ax,ay,az\n"))
    assert said.startswith(f"error: {state}: is in use by another labeler")


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_stream_with_its_state_saved(
    toy_model: Path, tmp_path: Path, number: signal.Signals
) -> None:
    state = tmp_path / "mine"
    command = [sys.executable, "-P", "-m", "edgeclust", "label", str(toy_model), "-", "--freeze"]
    with subprocess.Popen(
        [*command, "--state", str(state)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"ax,ay,az\n" + b"0,0,1\n" * 75)
        process.stdin.flush()
        assert [json.loads(process.stdout.readline())["t"] for _ in range(2)] == [0, 1]
        assert read_state(state) is None
        process.send_signal(number)
        process.communicate(timeout=20)
    assert process.returncode == 0
    assert json.loads(run("state", "show", state, "--json").stdout)["n_windows"] == 2
