"""A labeler that goes on where it was saved."""

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from edgeclust import ConfigError, GravityAlignment, Labeler, StateError
from edgeclust.alignment import Unit
from edgeclust.model_facts import model_facts
from edgeclust.model_file import ModelMetadata
from edgeclust.state import read_state
from edgeclust.state_fields import unpack

from toy import state_stream, toy_images

STREAM = state_stream()


def generation(folder: Path) -> int:
    saved = read_state(folder)
    return saved.generation if saved else 0


@pytest.fixture
def aligned_model(toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The toy model, as if it had been trained with alignment."""
    alignment = GravityAlignment((Unit((0, 1, 2), ()),), ((0.0, 0.0, 1.0),))
    read = ModelMetadata.from_json
    monkeypatch.setattr(
        ModelMetadata, "from_json", lambda text: replace(read(text), alignment=alignment)
    )
    return toy_model


def test_what_was_counted_is_found_again(toy_model: Path, tmp_path: Path) -> None:
    with Labeler.open(toy_model, state=tmp_path, learn="off") as labeler:
        events = labeler.push(STREAM)
    with Labeler.open(toy_model, state=tmp_path, learn="off") as labeler:
        tally = labeler.tally
        assert (tally.n_windows, tally.n_skipped) == (24, 1)
        assert tally.counts.tolist() == [sum(e.cluster == k for e in events) for k in range(3)]
        assert labeler.n_windows == 0  # since it was opened
        assert labeler.push(STREAM) == events  # the stream starts anew, at 0 s
    with Labeler.open(toy_model, state=tmp_path, learn="off") as labeler:
        assert labeler.tally.n_windows == 48


def test_gravity_is_found_again_and_turns_the_first_window(
    aligned_model: Path, tmp_path: Path
) -> None:
    upside_down = STREAM[:600] * np.array([1, -1, -1], np.float32)
    with Labeler.open(aligned_model, state=tmp_path) as labeler:
        labeler.push(upside_down)
        second = labeler.predict(upside_down[:50].T[None])
        assert labeler._turn is not None
    with Labeler.open(aligned_model, state=tmp_path) as labeler:
        assert labeler.predict(upside_down[:50].T[None]).tolist() == second.tolist()
        assert labeler.push(upside_down[:50])[0].cluster == second[0]
        assert labeler._turn is not None
    fresh = Labeler.open(aligned_model)
    assert fresh.push(upside_down[:50])[0].cluster != second[0]


def test_it_is_saved_every_so_many_windows_however_they_come(
    toy_model: Path, tmp_path: Path
) -> None:
    saved = []
    for name, cuts in (("whole", []), ("parts", [1, 7, 330, 331])):
        folder = tmp_path / name
        labeler = Labeler.open(toy_model, state=folder, save_windows=5)
        for chunk in np.split(STREAM, cuts):
            labeler.push(chunk)
        assert generation(folder) == 4  # at windows 5, 10, 15 and 20 of 24
        saved.append((folder / "state-b.bin").read_bytes())
        labeler.close()
        assert generation(folder) == 5
        state = read_state(folder)
        assert state is not None
        assert unpack(state.payload)["tally.counts"].sum() == 23
    assert saved[0] == saved[1]


def test_it_is_saved_every_so_many_seconds_of_stream(toy_model: Path, tmp_path: Path) -> None:
    with Labeler.open(toy_model, state=tmp_path, save_s=10) as labeler:
        labeler.push(STREAM)  # 24 s: windows start a second apart
        assert generation(tmp_path) == 2
    with Labeler.open(toy_model, state=tmp_path, save_s=0.001, save_windows=10**9) as labeler:
        labeler.push(STREAM[:100])  # more often than each window it cannot be
        assert generation(tmp_path) == 3 + 3


def test_a_crash_loses_the_windows_since_the_last_save_alone(
    toy_model: Path, tmp_path: Path
) -> None:
    labeler = Labeler.open(toy_model, state=tmp_path / "state", save_windows=10)
    labeler.push(STREAM)
    shutil.copytree(tmp_path / "state", tmp_path / "after the crash")
    labeler.close()
    with Labeler.open(toy_model, state=tmp_path / "after the crash") as labeler:
        assert labeler.tally.n_windows == 20


def test_a_state_of_version_1_is_restored(toy_model: Path, tmp_path: Path) -> None:
    shutil.copy(toy_model.with_name("state_v1.bin"), tmp_path / "state-b.bin")
    with Labeler.open(toy_model, state=tmp_path) as labeler:
        assert (labeler.tally.n_windows, labeler.tally.n_skipped) == (24, 1)
        assert labeler.tally.names == ["resting", "läuft", None]
        names = {event.cluster: event.name for event in labeler.push(STREAM[:600])}
        assert names == {0: "resting", 1: "läuft", 2: None}


def test_images_have_a_state_too(image_model: Path, tmp_path: Path) -> None:
    images, _ = toy_images(9)
    with Labeler.open(image_model, state=tmp_path, save_windows=4) as labeler:
        assert len([*labeler.label_images(images)]) == 9
        assert generation(tmp_path) == 2
    with Labeler.open(image_model, state=tmp_path) as labeler:
        assert labeler.tally.n_windows == 9


def save_nothing_learnt(model: Path, state: Path) -> None:
    with Labeler.open(model, state=state) as labeler:
        labeler.save()


@pytest.mark.parametrize("kind", ["toy_model", "aligned_model", "image_model"])
def test_the_model_says_beforehand_how_large_its_state_is(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    model = request.getfixturevalue(kind)
    with Labeler.open(model, state=tmp_path) as labeler:
        if labeler.metadata.image is None:
            labeler.push(STREAM)
        else:
            [*labeler.label_images(toy_images(3)[0])]
    (slot,) = tmp_path.glob("*.bin")
    assert model_facts(model)["state_bytes"] == slot.stat().st_size


def test_frozen_it_counts_what_it_saw_and_learns_nothing(toy_model: Path, tmp_path: Path) -> None:
    with Labeler.open(toy_model, state=tmp_path, freeze=True, learn="free") as labeler:
        labeler.push(STREAM)
        assert not labeler.learning
    saved = read_state(tmp_path)
    assert saved is not None
    fields = unpack(saved.payload)
    assert not fields["tally.shift"].any()
    assert fields["tally.counts"].sum() == labeler.n_windows - labeler.n_skipped > 0


def test_who_saw_nothing_leaves_no_state(toy_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    Labeler.open(toy_model, state=folder).close()
    assert not folder.exists()
    (tmp_path / "theirs").mkdir()
    Labeler.open(toy_model, state=tmp_path / "theirs").close()
    assert read_state(tmp_path / "theirs") is None
    Labeler.open(toy_model, state=folder, grow=2).close()  # 0 slots were never said
    with Labeler.open(toy_model, state=folder) as labeler:
        labeler.name(STREAM[:50].T[None], ["rest"])  # names alone are kept
    with Labeler.open(toy_model, state=folder) as labeler:
        assert "rest" in labeler.tally.names


def test_predict_leaves_the_state_alone(toy_model: Path, tmp_path: Path) -> None:
    with Labeler.open(toy_model, state=tmp_path) as labeler:
        labeler.predict(STREAM[:50].T[None])
        labeler.save()
    state = read_state(tmp_path)
    assert state is not None
    assert unpack(state.payload)["tally.counts"].tolist() == [0, 0, 0]


def test_a_full_disk_does_not_stop_the_labels(
    toy_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(descriptor: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Labeler.open(toy_model, state=tmp_path, save_windows=10) as labeler:
        labeler.push(STREAM[:275])
        monkeypatch.setattr(os, "fsync", full)
        assert len(labeler.push(STREAM[275:])) == 14
        (said,) = caplog.messages
        assert said == (
            f"{tmp_path}: the state was not saved and generation 1 is kept: No space left on "
            "device; labelling goes on, and the next save tries again"
        )
        with pytest.raises(StateError, match="the state was not saved and generation 1 is kept"):
            labeler.save()
        monkeypatch.undo()
    assert generation(tmp_path) == 2


def test_a_labeler_that_cannot_save_at_its_end_lets_the_folder_go(
    toy_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labeler = Labeler.open(toy_model, state=tmp_path)
    labeler.push(STREAM[:50])

    def full(descriptor: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="was not saved and nothing is there: No space left"):
        labeler.close()
    monkeypatch.undo()
    Labeler.open(toy_model, state=tmp_path).close()


def test_another_model_s_state_is_refused(
    toy_model: Path, image_model: Path, tmp_path: Path
) -> None:
    save_nothing_learnt(toy_model, tmp_path)
    with pytest.raises(StateError, match=r"holds what the model bed1139a5766 has learnt, this mod"):
        Labeler.open(image_model, state=tmp_path)


def test_a_state_of_other_fields_is_refused_with_the_way_out(
    toy_model: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    save_nothing_learnt(toy_model, tmp_path)
    request.getfixturevalue("aligned_model")
    with pytest.raises(StateError, match=r"keep the same: gravity.*; to forget it: edgeclust stat"):
        Labeler.open(toy_model, state=tmp_path)
    Labeler.open(toy_model, state=tmp_path / "other").close()  # what was refused lets go


def test_without_a_folder_nothing_can_be_saved(toy_model: Path) -> None:
    with Labeler.open(toy_model) as labeler, pytest.raises(StateError, match="state=FOLDER"):
        labeler.save()


@pytest.mark.parametrize("every", [{"save_windows": 0}, {"save_s": 0.0}, {"save_s": np.nan}])
def test_saves_need_some_distance(toy_model: Path, tmp_path: Path, every: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="save_windows should be at least 1 and save_s above 0"):
        Labeler.open(toy_model, state=tmp_path, **every)  # type: ignore[arg-type]


def test_an_interrupt_amid_a_window_leaves_a_state_that_is_whole(
    toy_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labeler = Labeler.open(toy_model, state=tmp_path)
    labeler.push(STREAM[:100])

    def interrupt(cluster: int | None) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(labeler.tally, "add", interrupt)
    with pytest.raises(KeyboardInterrupt), labeler:
        labeler.push(STREAM[100:])
    with Labeler.open(toy_model, state=tmp_path) as labeler:
        assert labeler.tally.n_windows == 3
