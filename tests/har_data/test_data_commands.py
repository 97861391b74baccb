"""``edgeclust data list`` and ``show``: what is here, what it is, and what was found."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgeclust import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.har_data import READERS, write_recordings_folder

from command import fails_with, run
from layouts import lines, unpacked, zipped

ACC = tuple(Channel(f"acc_{axis}", "g") for axis in "xyz")

HEADER = "timestamp,back_x,back_y,back_z,thigh_x,thigh_y,thigh_z,label"


def harth_files() -> dict[str, str | bytes]:
    """Return one person who stands for 7 s at 50 Hz, with 3 s missing, the thigh in m/s²."""
    rows = [
        (f"2019-01-12 00:00:{number / 50:06.3f}", 0, 0.6, -0.8, 9.80665, 0, 0, 6)
        for number in range(500)
        if not 200 <= number < 350
    ]
    return {"harth/S006.csv": lines([HEADER.split(","), *rows], ",")}


def test_the_list_says_what_is_here(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        **harth_files(),
        "hapt/RawData/acc_exp01_user01.txt": "",
        "WISDM_ar_latest.tar.gz": b"",
        "cifar10/data_batch_1.bin": b"",
        "subject3_self.log": "",
        "stl10_binary.tar.gz": b"",  # has to be unpacked
        "train-images-idx3-ubyte.gz": b"",  # of four files
    }
    root = unpacked(files, tmp_path)
    listed = json.loads(run("data", "list", "--root", root, "--json").stdout)["data"]
    assert {name for name, facts in listed.items() if facts["here"]} == {
        *("watch", "digits", "hapt", "harth", "wisdm-v1", "cifar10"),
        *("realdisp", "realdisp-self"),
    }
    shown = run("data", "list", "--root", root).stdout
    (row,) = (line for line in shown.splitlines() if " harth " in line)
    assert READERS["harth"].what in row
    assert " here " in row
    assert " not here " not in row
    assert shown.count("not here") == len(READERS) - 8


def test_a_published_set_is_shown_with_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "harth.zip").write_bytes(zipped(harth_files()))
    shown = run("data", "show", "harth", "--root", tmp_path)
    assert shown.exit_code == 0, shown.output
    said = " ".join(shown.stdout.split())
    for text in (
        "back_x (g), back_y (g)",
        "walking; running; shuffling",
        "null_class │ none",
        "harth.zip (checksum unknown)",
        "Logacjov, Bach",
        "CC BY 4.0",
        "measured_rate_hz │ 50",
        "n_gaps │ 1",
        "nan_share │ 0.000%",
        "repairs │ 1 gaps cut",
        "at rest: back_x, back_y, back_z │ 1.000 g, over 7 s",
        "at rest: thigh_x, thigh_y, thigh_z │ 9.807 g, over 7 s",
        "minutes by subject ┃ standing ┃ all",
        "S006 │ 0.1 │ 0.1",
    ):
        assert text in said
    assert shown.stderr == (
        "doubtful: thigh_x, thigh_y, thigh_z: 9.81 g at rest, 1 g is expected: the values seem to "
        "be in m/s²\n"
    )
    facts = json.loads(run("data", "show", "harth", "--root", tmp_path, "--json").stdout)
    assert facts["minutes_by_activity"]["S006"]["standing"] == pytest.approx(7 / 60, abs=1e-4)
    assert facts["repairs"] == {"gaps cut": 1}
    assert facts["at_rest"][0]["doubt"] == ""
    assert "m/s²" in facts["at_rest"][1]["doubt"]


def test_what_is_not_here_is_shown_by_its_card(tmp_path: Path) -> None:
    shown = run("data", "show", "hapt", "--root", tmp_path)
    said = fails_with(shown)
    assert "has neither RawData/acc_exp*_user*.txt nor smartphone+based+" in said
    assert "HAPT Data Set.zip" in said
    assert "transitions, and what lies between activities" in shown.stdout
    facts = run("data", "show", "hapt", "--root", tmp_path, "--json")
    assert json.loads(facts.stdout)["rate_hz"] == 50
    assert fails_with(facts) == said
    assert not run("data", "show", tmp_path / "nowhere").stdout


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    root = unpacked({"RawData/acc_exp01_user01.txt": "1 2 3\n"}, tmp_path)
    shown = run("data", "show", "hapt", "--root", root)
    assert fails_with(shown).endswith("is not the official data, it has no RawData/labels.txt")
    assert "HAPT Data Set.zip" in shown.stdout


def test_a_folder_of_your_own_is_shown_and_drawn(tmp_path: Path) -> None:
    card = Card("mine", 20.0, ACC, window=20, stride=20, classes=tuple("abcd"))
    signal = np.tile(np.array([[0.0], [0.0], [0.01]], np.float32), 400)
    labels = np.repeat([0, 1, 2, 3], 100)
    write_recordings_folder(card, [Recording(signal, "1", "1", labels)], tmp_path / "mine")
    picture = tmp_path / "classes.png"
    shown = run("data", "show", tmp_path / "mine", "--plot", picture)
    assert shown.exit_code == 0, shown.output
    assert "gravity seems to be removed" in shown.stderr
    assert "minutes by activity" in shown.stdout  # one subject, four activities
    assert picture.read_bytes().startswith(b"\x89PNG")
    said = fails_with(run("data", "show", tmp_path / "mine", "--plot", "classes.doc"))
    assert "--plot should end in .png or another of" in said
