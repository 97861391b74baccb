import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeclust import ConfigError, DataError, RunError, WindowedDataset, fit_alignment
from edgeclust.train import Run, TrainConfig, evaluate, train

from toy import TOY_CARD, toy_recordings

SCORES = [
    "n_windows",
    "clusters_used",
    "usage_entropy",
    "acc",
    "acc_many_to_one",
    "macro_f1",
    "nmi",
    "ami",
    "ari",
    "kl_star",
]

QUICK = TrainConfig(n_clusters=3, epochs=6, batch_size=32, restarts=2)


@pytest.fixture(scope="module")
def run(toy_dataset: WindowedDataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "toy"
    return Run.create(folder, toy_dataset, QUICK, data="toy", hold_out=("9",))


def test_the_folder_holds_five_files_and_no_pickle(run: Run) -> None:
    names = ["config.json", "metrics.jsonl", "model.safetensors", "overview.png", "summary.json"]
    assert sorted(os.listdir(run.folder)) == names


def test_a_run_opens_as_it_was(run: Run, toy_dataset: WindowedDataset) -> None:
    back = Run.open(run.folder)
    assert back == run
    metrics = evaluate(back.load_model(), toy_dataset).metrics
    assert metrics == {key: run.summary()[key] for key in SCORES}


def test_a_run_keeps_the_reference_it_was_aligned_to(
    run: Run, toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    model = Run.open(run.folder).load_model()
    assert model.alignment == fit_alignment(toy_dataset)
    unaligned = replace(QUICK, align="none")
    other = Run.create(tmp_path / "plain", toy_dataset, unaligned, data="toy")
    assert other.summary()["alignment"] is None
    assert other.load_model().alignment is None


def test_alignment_follows_the_mount_unless_asked_for(toy_dataset: WindowedDataset) -> None:
    wrist = WindowedDataset(replace(TOY_CARD, mount="wrist"), toy_dataset.recordings)
    assert train(wrist, QUICK).model.alignment is None
    asked = train(wrist, replace(QUICK, align="gravity")).model.alignment
    assert asked == fit_alignment(toy_dataset)


def test_a_rigid_mount_without_movement_trains_unaligned_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    resting = [replace(r, signal=r.signal[:, :1000], labels=None) for r in toy_recordings()]
    dataset = WindowedDataset(TOY_CARD, resting)
    assert train(dataset, QUICK).model.alignment is None
    assert "trained without alignment: gravity alignment needs 6 s of movement" in caplog.text
    with pytest.raises(DataError, match="use --align none"):
        train(dataset, replace(QUICK, align="gravity"))


def test_data_that_cannot_be_aligned_leave_an_earlier_run_as_it_was(
    toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    before = Run.create(tmp_path / "run", toy_dataset, QUICK, data="toy")
    resting = [replace(r, signal=r.signal[:, :1000], labels=None) for r in toy_recordings()]
    dataset = WindowedDataset(TOY_CARD, resting)
    forced = replace(QUICK, align="gravity")
    with pytest.raises(DataError, match="use --align none"):
        Run.create(before.folder, dataset, forced, data="toy", overwrite=True)
    assert Run.open(before.folder).summary() == before.summary()


def test_metrics_have_a_line_for_each_epoch_that_each_restart_ran(run: Run) -> None:
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    kept = run.summary()["restart"]
    assert [(line["restart"], line["epoch"]) for line in lines] == [
        *((restart, epoch) for restart in (0, 1) for epoch in (1, 2, 3)),
        *((kept, epoch) for epoch in range(4, 9)),  # the last two with the voted labels
    ]
    assert [line.get("voted", False) for line in lines] == 9 * [False] + 2 * [True]
    assert [line["restart"] for line in run.metrics()] == [run.summary()["restart"]] * 8


def test_the_summary_reports_the_last_epoch_of_the_kept_restart(run: Run) -> None:
    summary = run.summary()
    assert summary["finished"]
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    for key in ("objective", "criterion"):
        assert summary[key] == run.metrics()[-1][key]
    last = {line["restart"]: line["criterion"] for line in lines if "voted" not in line}
    # Two agree with each other alike, so the lower criterion was kept.
    agreement = np.array([last[0], last[1]]) - summary["restart_criteria"]
    assert agreement[0] == pytest.approx(agreement[1])
    assert -1e-9 < agreement[0] <= np.log(summary["n_clusters"])
    first = {line["restart"]: line["criterion"] for line in lines if line["epoch"] == 1}
    assert summary["restart"] == min(first, key=first.__getitem__)  # the other stopped there
    for key in SCORES:
        assert summary[key] == run.metrics()[-1][key]


def test_a_training_that_is_stopped_leaves_a_whole_run(
    toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    run = Run.create(tmp_path / "run", toy_dataset, QUICK, data="toy", should_stop=lambda: True)
    assert not run.summary()["finished"]
    evaluation = evaluate(Run.open(tmp_path / "run").load_model(), toy_dataset)
    assert np.isfinite(evaluation.embedding).all()


def test_a_folder_in_use_is_refused(run: Run, toy_dataset: WindowedDataset) -> None:
    before = (run.folder / "model.safetensors").read_bytes()
    with pytest.raises(RunError, match=r"toy: exists and is not empty: use --overwrite"):
        Run.create(run.folder, toy_dataset, QUICK, data="toy")
    assert (run.folder / "model.safetensors").read_bytes() == before


def test_a_run_is_overwritten_when_asked(toy_dataset: WindowedDataset, tmp_path: Path) -> None:
    Run.create(tmp_path / "run", toy_dataset, QUICK, data="toy")
    config = replace(QUICK, seed=4)
    Run.create(tmp_path / "run", toy_dataset, config, data="toy", overwrite=True)
    assert Run.open(tmp_path / "run").config == replace(config, encoder="filterbank")


def test_other_peoples_files_are_never_overwritten(
    toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match=r"holds other things than a run \(thesis.txt\)"):
        Run.create(tmp_path, toy_dataset, QUICK, data="toy", overwrite=True)
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_folder_that_a_kill_left_half_made_is_overwritten(
    toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    (tmp_path / ".config.json.a1b2").write_text("{")
    Run.create(tmp_path, toy_dataset, replace(QUICK, epochs=1), data="toy", overwrite=True)
    assert not (tmp_path / ".config.json.a1b2").exists()


def test_nothing_is_made_when_the_settings_do_not_fit_the_data(
    toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"number of windows"):
        Run.create(tmp_path / "run", toy_dataset, replace(QUICK, n_clusters=10_000), data="toy")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_run_is_not_touched_by_settings_that_cannot_work(
    toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    Run.create(tmp_path / "run", toy_dataset, QUICK, data="toy")
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    impossible = replace(QUICK, device="cuda")
    for folder, overwrite in ((tmp_path / "run", True), (tmp_path / "new", False)):
        with pytest.raises(ConfigError, match=r"use --device cpu"):
            Run.create(folder, toy_dataset, impossible, data="toy", overwrite=overwrite)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before
    assert os.listdir(tmp_path) == ["run"]


def test_names_of_activities_are_drawn_as_they_are(tmp_path: Path) -> None:
    card = replace(TOY_CARD, classes=("$\\x$", "[/b]", "run"))
    dataset = WindowedDataset(card, toy_recordings())
    Run.create(tmp_path / "run", dataset, QUICK, data="toy")
    assert (tmp_path / "run" / "overview.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, "config.json: is not there"),
        ("config.json", b"{", "config.json: is no JSON"),
        ("config.json", b"{}", "config.json: is not the file of a run: 'data'"),
        ("model.safetensors", None, "model.safetensors: is not there, so the training did not"),
        ("model.safetensors", b"cut", "model.safetensors: is damaged"),
        ("summary.json", None, "summary.json: is not there"),
    ],
)
def test_a_damaged_run_says_what_is_wrong(
    toy_dataset: WindowedDataset, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    folder = tmp_path / "run"
    Run.create(folder, toy_dataset, replace(QUICK, epochs=1, restarts=1), data="toy")
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)

    def read_all() -> None:
        opened = Run.open(folder)
        opened.load_model()
        opened.summary()

    with pytest.raises(RunError, match=message):
        read_all()


def test_weights_of_another_encoder_are_refused(
    toy_dataset: WindowedDataset, tmp_path: Path
) -> None:
    quick = replace(QUICK, epochs=1, restarts=1)
    run = Run.create(tmp_path / "run", toy_dataset, quick, data="toy")
    with pytest.raises(RunError, match=r"is damaged or of another model"):
        replace(run, config=replace(quick, encoder="conv")).load_model()
