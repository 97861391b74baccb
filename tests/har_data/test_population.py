"""A population labelled: what is written, what is left alone, and what may go wrong."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

import edgeclust.population
from edgeclust import Card, Channel, DataError, Labeler
from edgeclust.encoder import OnnxEncoder, open_encoder
from edgeclust.har_data import write_recordings_folder
from edgeclust.har_data.recording_files import FORMATS
from edgeclust.population import VERSION, find_recordings, label_file, label_population, open_worker

from command import fails_with, run
from toy import TOY_CARD, toy_recordings

COLUMNS = ["subject", "session", "t", "cluster", "name", "distance", "confidence", "novel"]
RECORDINGS = toy_recordings(n_subjects=4, seconds=8)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two people with a day each, called the same, and one file of each other kind."""
    folder = tmp_path / "recordings"
    names = ["a/day.parquet", "b/day.parquet", "b/night.csv", "c.npz"]
    for name, recording in zip(names, RECORDINGS, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        FORMATS[path.suffix].write(path, TOY_CARD, recording, {})
    return folder


def written(out: Path) -> dict[str, int]:
    """Return the files of a folder, and when each was written."""
    return {
        path.relative_to(out).as_posix(): path.stat().st_mtime_ns
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def label_many(model: Path, files: Path, *options: object) -> list[str]:
    out = files.parent / "labels"
    return [
        str(part)
        for part in ("label-many", model, f"{files}/**/*", "--out", out, "--workers", 1, *options)
    ]


def test_without_onnxruntime_numpy_labels_them(
    toy_model: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # so that it cannot be imported
    metadata = open_encoder(toy_model).metadata
    jobs = find_recordings(f"{files}/b/*.csv", files.parent / "labels", metadata)
    (files.parent / "labels" / "b").mkdir(parents=True)
    (job,) = jobs
    assert open_worker(toy_model)(job).n_windows == 23


def test_each_recording_gets_a_file_of_its_labels(toy_model: Path, files: Path) -> None:
    result = run(*label_many(toy_model, files, "--json"))
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["n_recordings"], told["n_labelled"], told["n_failed"]) == (4, 4, 0)
    assert told["n_windows"] == 4 * 23
    assert "4/4 recordings" in result.stderr
    out = files.parent / "labels"
    assert [*written(out)] == ["a/day.parquet", "b/day.parquet", "b/night.parquet", "c.parquet"]
    table = pd.read_parquet(out / "b" / "night.parquet")
    assert [*table.columns] == [*COLUMNS, "skipped"]
    assert {*table.subject} == {"b"}
    assert {*table.session} == {"night"}
    events = Labeler.open(toy_model, learn="off").push(RECORDINGS[2].signal.T)
    assert table.cluster.tolist() == [event.cluster for event in events]
    np.testing.assert_allclose(table.t, [event.t for event in events])
    distances = np.array([event.distance for event in events], np.float64)
    np.testing.assert_allclose(table.distance, distances, atol=1e-5)
    assert table.novel.tolist() == [event.novel for event in events]
    assert table.name.isna().all()
    assert table.skipped.isna().all()
    alone = pd.read_parquet(out / "c.parquet")
    assert ({*alone.subject}, {*alone.session}) == ({""}, {"c"})


def test_what_is_labelled_is_left_alone_until_something_changes(
    toy_model: Path, files: Path
) -> None:
    out = files.parent / "labels"
    label_one = open_worker(toy_model)

    def label(rate_hz: float | None = None) -> list[str]:
        jobs = find_recordings(f"{files}/**/*", out, OnnxEncoder(toy_model).metadata, rate_hz)
        before = written(out) if out.is_dir() else {}
        for job in jobs:
            job.output.parent.mkdir(parents=True, exist_ok=True)
        outcomes = [label_one(job) for job in jobs]
        assert {(outcome.error, outcome.n_windows) for outcome in outcomes} == {("", 23)}
        after = written(out)
        changed = [name for name in after if after[name] != before.get(name)]
        assert sum(outcome.was_done for outcome in outcomes) == len(after) - len(changed)
        return changed

    assert len(label()) == 4
    assert label() == []
    (files / "c.npz").touch()
    assert label() == []
    FORMATS[".npz"].write(files / "c.npz", TOY_CARD, RECORDINGS[0], {})
    assert label() == ["c.parquet"]
    assert len(label(rate_hz=25.0)) == 4
    (out / "a" / "day.parquet").unlink()
    assert label(rate_hz=25.0) == ["a/day.parquet"]


def test_another_model_or_version_labels_anew(
    toy_model: Path, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = OnnxEncoder(toy_model)
    (job,) = find_recordings(str(files / "c.npz"), tmp_path, encoder.metadata)
    assert job.output == tmp_path / "c.parquet"
    assert not label_file(encoder, job).was_done
    assert label_file(encoder, job).was_done
    encoder.model_id = "another"
    assert not label_file(encoder, job).was_done
    monkeypatch.setattr(edgeclust.population, "VERSION", VERSION + 1)
    assert not label_file(encoder, job).was_done


def test_a_recordings_folder_says_whose_its_files_are(toy_model: Path, tmp_path: Path) -> None:
    swapped = (2, 0, 1)
    channels = tuple(TOY_CARD.channels[i] for i in swapped)
    card = Card("mine", 25.0, (*channels, Channel("pulse", "1/min")), window=50, stride=25)
    recordings = [
        type(recording)(
            np.concatenate([recording.signal[[*swapped]], recording.signal[:1]]),
            f"person {recording.subject}",
            "monday",
        )
        for recording in RECORDINGS
    ]
    write_recordings_folder(card, recordings, tmp_path / "mine", "npz")
    report = label_population(toy_model, str(tmp_path / "mine"), tmp_path / "out", workers=1)
    assert report.n_labelled == 4
    written = tmp_path / "out" / "0001_person_2_monday.parquet"
    table = pd.read_parquet(written)
    assert ({*table.subject}, {*table.session}) == ({"person 2"}, {"monday"})
    events = Labeler.open(toy_model, learn="off").push(RECORDINGS[1].signal.T)
    assert table.cluster.tolist() == [event.cluster for event in events]


def test_units_that_are_not_the_models_are_converted_or_refused(
    toy_model: Path, tmp_path: Path
) -> None:
    channels = tuple(Channel(name, "m/s^2") for name in TOY_CARD.channel_names)
    card = Card("mine", 25.0, channels, window=50, stride=25)
    metric = [type(r)(r.signal * np.float32(9.80665), r.subject, r.session) for r in RECORDINGS[:1]]
    write_recordings_folder(card, metric, tmp_path / "mine", "npz")
    report = label_population(toy_model, str(tmp_path / "mine"), tmp_path / "out", workers=1)
    assert report.n_labelled == 1
    (written,) = (tmp_path / "out").glob("*.parquet")
    events = Labeler.open(toy_model, learn="off").push(RECORDINGS[0].signal.T)
    table = pd.read_parquet(written)
    assert table.cluster.tolist() == [event.cluster for event in events]
    distances = np.array([event.distance for event in events], float)
    np.testing.assert_allclose(table.distance, distances, rtol=1e-4)
    lux = replace(card, channels=tuple(Channel(name, "lux") for name in TOY_CARD.channel_names))
    write_recordings_folder(lux, metric, tmp_path / "lux")
    said = fails_with(run("label-many", toy_model, tmp_path / "lux", "--out", tmp_path / "out"))
    assert "the model takes ax (g), the channels here are ax (lux)" in said


def test_bad_recordings_are_told_at_the_end_and_the_rest_is_labelled(
    toy_model: Path, files: Path
) -> None:
    cut = (files / "a" / "day.parquet").read_bytes()
    (files / "a" / "day.parquet").write_bytes(cut[: len(cut) // 2])
    table = pd.read_csv(files / "b" / "night.csv").drop(columns="az")
    table.to_csv(files / "b" / "night.csv", index=False)
    FORMATS[".csv"].write(files / "short.csv", TOY_CARD, toy_recordings(1, 0, 1)[0], {})
    (files / "short.csv").write_text("ax,ay,az\n" + "0,0,1\n" * 49)
    (files / "fast.csv").write_text(
        "time,ax,ay,az\n" + "".join(f"{i / 5000},0,0,1\n" for i in range(20_000))
    )
    result = run(*label_many(toy_model, files))
    assert result.exit_code == 1
    *failures, last = [
        line for line in result.stderr.splitlines() if line.startswith(("failed", "error"))
    ]
    assert last == "error: 4 of 6 recordings failed"
    for failure, name, told in zip(
        failures,
        ["a/day.parquet", "b/night.csv", "fast.csv", "short.csv"],
        [
            "is no Parquet file, or is damaged or cut",
            "has no column az; its columns are time, ax, ay, label",
            "5000 Hz cannot be resampled to 25 Hz",
            "has 49 samples, and no window of 50 at 25 Hz",
        ],
        strict=True,
    ):
        assert f"failed: {files / name}: " in failure
        assert told in failure
    assert [*written(files.parent / "labels")] == ["b/day.parquet", "c.parquet"]


def test_windows_that_lack_samples_have_a_row_without_a_label(
    toy_model: Path, tmp_path: Path
) -> None:
    signal = RECORDINGS[0].signal.copy()
    signal[1, 60] = np.nan
    recording = type(RECORDINGS[0])(signal, "1", "1")
    FORMATS[".parquet"].write(tmp_path / "holes.parquet", TOY_CARD, recording, {})
    report = label_population(
        toy_model, str(tmp_path / "*.parquet"), tmp_path / "labels", workers=1
    )
    assert (report.n_windows, report.n_skipped) == (23, 2)
    table = pd.read_parquet(tmp_path / "labels" / "holes.parquet")
    missing = table.loc[table.skipped.notna()]
    assert missing.t.tolist() == [1.0, 2.0]
    assert {*missing.skipped} == {"missing or infinite samples"}
    assert missing[["cluster", "distance", "confidence", "novel"]].isna().all(axis=None)


def test_labels_of_the_data_may_be_any(toy_model: Path, files: Path) -> None:
    table = pd.read_parquet(files / "a" / "day.parquet").assign(label="juggling")
    table.to_parquet(files / "a" / "day.parquet")
    table.to_csv(files / "b" / "night.csv")
    samples = table[TOY_CARD.channel_names].to_numpy()
    np.savez(files / "c.npz", signal=samples, label=np.full(len(samples), 77))
    assert run(*label_many(toy_model, files)).exit_code == 0


@pytest.mark.parametrize(
    ("pattern", "out", "told"),
    [
        ("nothing/**/*.parquet", "labels", "there is no .csv, .parquet, .npz file that is called"),
        ("recordings", "labels", "is no recordings folder, it has no dataset.json; of other files"),
        ("recordings/*.npz", "recordings", "is the folder of the recordings: name another one"),
        ("missing.csv", "labels", "missing.csv: there is no"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    toy_model: Path, files: Path, pattern: str, out: str, told: str
) -> None:
    root = files.parent
    said = fails_with(run("label-many", toy_model, root / pattern, "--out", root / out))
    assert told in said
    assert not (root / "labels").exists()


def test_two_recordings_never_share_an_output(toy_model: Path, files: Path) -> None:
    FORMATS[".csv"].write(files / "c.csv", TOY_CARD, RECORDINGS[0], {})
    said = fails_with(run(*label_many(toy_model, files)))
    assert "c.csv and " in said
    assert said.endswith("label one of them into another folder")


def test_labels_below_the_recordings_are_not_taken_for_recordings(
    toy_model: Path, files: Path
) -> None:
    for _ in range(2):
        report = label_population(toy_model, f"{files}/**/*", files / "labels", workers=1)
        assert (report.n_recordings, report.failed) == (4, [])


def test_what_others_wrote_is_never_replaced(toy_model: Path, files: Path) -> None:
    out = files.parent / "labels"
    out.mkdir()
    RECORDINGS_TABLE = pd.DataFrame({"ax": [1.0]})
    RECORDINGS_TABLE.to_parquet(out / "c.parquet")
    (files / "c.npz").rename(out.parent / "kept.npz")
    FORMATS[".csv"].write(files / "c.csv", TOY_CARD, RECORDINGS[0], {})
    report = label_population(toy_model, str(files / "c.csv"), out, workers=1)
    (failure,) = report.failed
    assert "c.parquet: is in the way, label-many did not write it" in failure
    assert pd.read_parquet(out / "c.parquet").equals(RECORDINGS_TABLE)


def test_a_full_disk_leaves_no_half_file(
    toy_model: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = files.parent / "labels"
    out.mkdir()
    encoder = OnnxEncoder(toy_model)
    (job,) = find_recordings(str(files / "c.npz"), out, encoder.metadata)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            label_file(encoder, job)
    assert [*out.iterdir()] == []
    assert label_file(encoder, job).n_windows == 23


def test_a_model_of_images_is_refused(toy_model: Path, files: Path) -> None:
    with pytest.raises(DataError, match="takes images"):
        label_population(
            Path(__file__).parent.parent / "data" / "model_v2.onnx", str(files), files.parent / "x"
        )


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_ended_goes_on_and_labels_everything_once(
    toy_model: Path, tmp_path: Path, number: signal.Signals
) -> None:
    files, out = tmp_path / "recordings", tmp_path / "labels"
    files.mkdir()
    for i in range(40):
        FORMATS[".npz"].write(files / f"{i:02d}.npz", TOY_CARD, RECORDINGS[i % 4], {})
    command = [sys.executable, "-P", "-m", "edgeclust", "label-many", str(toy_model)]
    command += [f"{files}/*.npz", "--out", str(out), "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while len([*out.glob("*.parquet")]) < 3:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == (1 if number == signal.SIGTERM else -number)
    if number == signal.SIGTERM:
        assert "the same command goes on" in said.splitlines()[-1]
    time.sleep(0.5)  # the processes that are left end
    before = {name: when for name, when in written(out).items() if name.endswith(".parquet")}
    (out / ".00.parquet.k1ll3d").write_bytes(b"half")
    report = label_population(toy_model, f"{files}/*.npz", out, workers=1)
    assert (report.n_recordings, report.n_done, report.failed) == (40, len(before), [])
    assert report.n_labelled == 40 - len(before)
    after = written(out)
    assert [*after] == [f"{i:02d}.parquet" for i in range(40)]
    assert {name: after[name] for name in before} == before
    rows = [pyarrow.parquet.read_metadata(out / name).num_rows for name in after]
    assert rows == [23] * 40
