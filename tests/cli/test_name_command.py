"""``edgeclust name``."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgeclust import Labeler

from command import fails_with, run
from toy import TOY_CARD, toy_recordings


def write(path: Path, header: str = "ax,ay,az,label", name: str = "") -> Path:
    """Ten seconds of each activity, of which the last three have a label."""
    recording = toy_recordings(n_subjects=1, seconds=10, seed=3)[0]
    rows = [header]
    for index, sample in enumerate(recording.signal.T.tolist()):
        activity = name or TOY_CARD.classes[index // 250]
        rows.append(",".join([*map(repr, sample), activity if index % 250 >= 175 else ""]))
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    return write(tmp_path / "some.csv")


def test_names_are_printed_kept_and_told(toy_model: Path, labelled: Path, tmp_path: Path) -> None:
    state = tmp_path / "mine"
    result = run("name", toy_model, labelled, "--state", state)
    assert (result.exit_code, result.stderr) == (0, "")
    for part in ("cluster", "2 rest", "2 walk", "2 run"):
        assert part in result.stdout
    shown = json.loads(run("state", "show", state, "--json").stdout)
    assert sorted(cluster["name"] for cluster in shown["clusters"]) == ["rest", "run", "walk"]
    events = map(
        json.loads, run("label", toy_model, labelled, "--state", state).stdout.splitlines()
    )
    assert {event["name"] for event in events if event["t"] < 8} == {"rest"}


def test_json_says_conflicts(toy_model: Path, tmp_path: Path) -> None:
    labelled = write(tmp_path / "some.csv", name="moving")
    result = run("name", toy_model, labelled, "--state", tmp_path / "mine", "--json")
    facts = json.loads(result.stdout)
    assert [cluster["name"] for cluster in facts["clusters"]] == ["moving"] * 3
    assert [cluster["examples"] for cluster in facts["clusters"]] == [{"moving": 2}] * 3
    assert facts["conflicts"] == ["examples of moving lie in clusters 0 (2), 1 (2), 2 (2)"]
    assert facts["state"] == str(tmp_path / "mine")
    table = run("name", toy_model, labelled, "--state", tmp_path / "mine")
    assert table.stderr == "examples of moving lie in clusters 0 (2), 1 (2), 2 (2)\n"


@pytest.mark.parametrize(
    ("header", "name", "said"),
    [
        ("ax,ay,az,activity", "", "some.csv: has no column label; its columns are ax, ay, az, act"),
        ("ax,ay,z,label", "", "some.csv: has no column az"),
        ("ax,ay,az,label", "x" * 33, "some.csv: a name should take 32 bytes of UTF-8 at most"),
        ("ax,ay,az,label", " ", "some.csv: no window lies within one label: it needs 2 s"),
    ],
)
def test_what_cannot_name_is_said_in_one_line(
    toy_model: Path, tmp_path: Path, header: str, name: str, said: str
) -> None:
    labelled = write(tmp_path / "some.csv", header, name)
    assert said in fails_with(run("name", toy_model, labelled, "--state", tmp_path / "mine"))
    assert not (tmp_path / "mine").exists()


def test_a_state_in_use_is_left_alone(toy_model: Path, labelled: Path, tmp_path: Path) -> None:
    with Labeler.open(toy_model, state=tmp_path / "mine"):
        failed = run("name", toy_model, labelled, "--state", tmp_path / "mine")
        assert "in use by another labeler" in fails_with(failed)


def test_images_are_for_python(image_model: Path, labelled: Path, tmp_path: Path) -> None:
    failed = run("name", image_model, labelled, "--state", tmp_path / "mine")
    assert "name its clusters by Labeler.name in Python" in fails_with(failed)


def test_a_file_that_is_not_there_is_said(toy_model: Path, tmp_path: Path) -> None:
    failed = run("name", toy_model, tmp_path / "none.csv", "--state", tmp_path / "mine")
    assert "No such file" in fails_with(failed)


def test_stamped_samples_of_another_rate_are_resampled(toy_model: Path, tmp_path: Path) -> None:
    recording = toy_recordings(n_subjects=1, seconds=10, seed=3)[0]
    twice = np.repeat(recording.signal.T, 2, axis=0)
    rows = ["time,ax,ay,az,label"]
    for index, sample in enumerate(twice.tolist()):
        rows.append(",".join([f"{index / 50:.3f}", *map(repr, sample), f"a{index // 500}"]))
    (tmp_path / "some.csv").write_text("\n".join(rows))
    result = run("name", toy_model, tmp_path / "some.csv", "--state", tmp_path / "mine", "--json")
    clusters = json.loads(result.stdout)["clusters"]
    assert sorted(cluster["name"] for cluster in clusters) == ["a0", "a1", "a2"]


def test_new_clusters_show_in_the_state_and_in_events(toy_model: Path, tmp_path: Path) -> None:
    wave = 3 * np.sign(np.sin(2 * np.pi * 8 * np.arange(500) / 25))[:, None] * [1, -1, 0.5]
    known = toy_recordings(n_subjects=1, seconds=20, seed=3)[0].signal.T[:500]
    day = np.concatenate([known, wave - [2, 0, 0], known, wave - [2, 0, 0], known])
    path, state = tmp_path / "day.csv", tmp_path / "mine"
    np.savetxt(path, day, delimiter=",", header="ax,ay,az", comments="")
    result = run("label", toy_model, path, "--state", state, "--grow", 2, "--format", "csv")
    header, *events = result.stdout.splitlines()
    assert header == "t,cluster,name,distance,confidence,novel,skipped,born"
    assert [line.split(",")[-1] for line in events if not line.endswith(",")] == ["3"]
    facts = json.loads(run("state", "show", state, "--json").stdout)
    assert [cluster["cluster"] for cluster in facts["clusters"]] == [0, 1, 2, 3]
    assert (facts["n_new"], facts["n_slots_free"], facts["overlaps"]) == (1, 1, [])
    failed = run("label", toy_model, path, "--state", state, "--grow", 1)
    assert "its state reserves 2 new clusters, not 1: leave grow out" in fails_with(failed)
    again = run("label", toy_model, path, "--state", state)
    assert {json.loads(line)["cluster"] for line in again.stdout.splitlines()} >= {3}


def test_overlaps_are_suggested_and_no_more(toy_model: Path, tmp_path: Path) -> None:
    with Labeler.open(toy_model, state=tmp_path, grow=1) as labeler:
        assert labeler._growth is not None
        fields = labeler._growth.fields()
        fields["centroids"][0] = labeler.metadata.centroids[1] + 1e-3
        fields["sizes"][0] = 24
        labeler._growth.restore(fields)
        labeler.save()
    result = run("state", "show", tmp_path)
    assert result.stderr == (
        "cluster 3 and cluster 1 lie close together: if they are one activity, give both its name\n"
    )
    assert json.loads(run("state", "show", tmp_path, "--json").stdout)["overlaps"] == [[3, 1]]
