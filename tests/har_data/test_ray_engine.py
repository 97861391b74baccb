"""Labelling on a local Ray cluster, a worker of which is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet
import pytest

from edgeclust.har_data.recording_files import FORMATS

from toy import TOY_CARD, toy_recordings

pytest.importorskip("ray", reason="needs edgeclust[ray]")


def workers_of(mark: str) -> list[int]:
    """Return the processes of a cluster, known by its environment, that label."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            labels = b"MapWorker" in (path / "cmdline").read_bytes()
            if labels and mark.encode() in (path / "environ").read_bytes():
                found.append(int(path.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(
    toy_model: Path, tmp_path: Path
) -> None:
    files, out = tmp_path / "recordings", tmp_path / "labels"
    files.mkdir()
    (recording,) = toy_recordings(n_subjects=1, seconds=8)
    n_files = 60
    for i in range(n_files):
        FORMATS[".npz"].write(files / f"{i:02d}.npz", TOY_CARD, recording, {})
    command = [sys.executable, "-P", "-m", "edgeclust", "label-many", str(toy_model), "--json"]
    command += [f"{files}/*.npz", "--out", str(out), "--engine", "ray", "--workers", "2"]
    environment = os.environ | {"MARK": str(tmp_path), "RAY_TMPDIR": "/tmp"}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,  # the workers of Ray look for modules where they are started
    ) as process:
        while len([*out.glob("*.parquet")]) < 3:
            if process.poll() is not None:
                _, said = process.communicate()
                assert "Ray does not start" in said, said
                pytest.skip("Ray gives itself 30 s to start, too few on this busy machine")
            time.sleep(0.005)
        killed = workers_of(str(tmp_path))[0]
        os.kill(killed, signal.SIGKILL)
        told, said = process.communicate(timeout=500)
    assert process.returncode == 0, said
    assert f'"n_recordings": {n_files}, "n_labelled": ' in told
    assert '"n_failed": 0' in told
    assert "deprecated" not in said
    written = sorted(path.name for path in out.iterdir() if path.suffix == ".parquet")
    assert written == [f"{i:02d}.parquet" for i in range(n_files)]
    assert {pyarrow.parquet.read_metadata(out / name).num_rows for name in written} == {23}
