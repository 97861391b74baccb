"""The programs in examples/ run as they are, with the base install."""

import ast
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgeclust import Labeler

from toy import TOY_CARD, toy_recordings

EXAMPLES = Path(__file__).parent.parent / "examples"
STREAM = toy_recordings(n_subjects=1, seconds=8, seed=7)[0].signal.T.astype(np.float64)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "walk.csv"
    np.savetxt(path, STREAM, delimiter=",", header="ax,ay,az", comments="", fmt="%.9g")
    return path


def start(name: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_replayed_sensor_is_labelled(toy_model: Path, recording: Path) -> None:
    process = start("replay_sensor.py", toy_model, recording, "--speed", 100)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    changes: list[str] = []
    for event in Labeler.open(toy_model).push(STREAM, np.arange(len(STREAM)) / 25):
        if not changes or not changes[-1].endswith(f"cluster {event.cluster}"):
            changes.append(f"{event.t:7.1f} s  cluster {event.cluster}")
    assert out.splitlines() == changes


def test_lines_over_udp_are_labelled(toy_model: Path, recording: Path) -> None:
    with start("udp_reader.py", toy_model, "--port", 0) as receiver:
        assert receiver.stdout is not None
        port = receiver.stdout.readline().split()[-1]
        sender = start("udp_reader.py", toy_model, "--port", port, "--send", recording)
        assert sender.communicate(timeout=60) == ("", "")
        out, said = receiver.communicate(timeout=60)
    assert (receiver.returncode, said) == (0, "")
    *events, last = out.splitlines()
    expected = Labeler.open(toy_model).push(STREAM)
    assert [ast.literal_eval(line)["cluster"] for line in events] == [e.cluster for e in expected]
    assert last == "23 windows, 0 skipped, 0 late samples"


def test_a_datagram_of_something_else_is_left_out(toy_model: Path) -> None:
    with start("udp_reader.py", toy_model, "--port", 0) as receiver:
        assert receiver.stdout is not None
        port = int(receiver.stdout.readline().split()[-1])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in (b"hello", b"1,2", b"nan,1,2,3", b"1,2,3,4\n5", b"0,1,2,3", b""):
                sender.sendto(datagram, ("127.0.0.1", port))
        out, said = receiver.communicate(timeout=60)
    assert (receiver.returncode, said) == (0, "")
    left_out = "left out a datagram that holds other than time and channels"
    assert out.splitlines() == [left_out] * 4 + ["0 windows, 0 skipped, 0 late samples"]


def test_after_a_crash_it_goes_on_from_the_last_save(toy_model: Path, tmp_path: Path) -> None:
    for first, resumed, last in ((0, 20, 71), (71, 90, 141)):
        out, said = start("resume.py", toy_model, tmp_path / "state").communicate(timeout=60)
        assert said == ""
        assert out.splitlines() == [
            f"starting with {first} windows seen",
            f"power cut after {first + 28} windows",
            f"starting with {resumed} windows seen",
            f"saved with {last} windows seen",
        ]


def test_clusters_are_named_after_a_day(toy_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    rows = [
        ",".join([*map(repr, sample), TOY_CARD.classes[index // 200]])
        for index, sample in enumerate(STREAM.tolist())
    ]
    path.write_text("\n".join(["ax,ay,az,label", *rows]) + "\n")
    process = start("name_after_a_day.py", toy_model, path, tmp_path / "mine")
    out, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")
    day, *clusters, last = out.splitlines()
    assert day.startswith("the day: {0: ")
    named = {line.split(" is ")[1] for line in clusters if line.startswith("cluster")}
    assert named == {"rest", "walk", "run"}
    assert last == "the day after begins with rest"
    with Labeler.open(toy_model, state=tmp_path / "mine") as labeler:
        assert set(labeler.tally.names) == named
