"""The commands of the workstation, from recordings to a labelled stream."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeclust import ArrayDataset, Channel, Recording
from edgeclust.har_data import READERS, open_dataset, write_recordings_folder
from edgeclust.har_data.source import WholeSet

from command import fails_with, run
from toy import TOY_CARD, TOY_IMAGE_CARD, toy_images, toy_recordings

LONG = ["--epochs", "20", "--batch-size", "32"]
QUICK = ["--epochs", "2", "--batch-size", "32", "--restarts", "1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_recordings_folder(TOY_CARD, toy_recordings(), tmp_path / "mine")
    return tmp_path / "mine"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_from_a_folder_of_csv_to_a_labelled_stream(folder: Path, out: Path) -> None:
    trained = run("train", folder, "--out", out, "--hold-out", "2", *LONG, "--json")
    assert trained.exit_code == 0, trained.output
    summary = json.loads(trained.stdout)
    assert summary["run"] == str(out)
    assert {"n_windows", "n_clusters", "clusters_used", "acc", "nmi", "ami", "ari", "kl_star"} <= {
        *summary
    }
    evaluated = json.loads(run("evaluate", out, "--json").stdout)
    assert evaluated["acc"] == summary["acc"] > 0.95
    assert evaluated["held_out"]["acc"] > 0.9
    exported = json.loads(run("export", out, "--json").stdout)
    assert exported["same_label"] == 1.0
    assert exported["n_windows"] == evaluated["held_out"]["n_windows"]
    labelled = run("label", exported["model"], folder / "0001_2_1.csv", "--freeze")
    assert len(labelled.stdout.splitlines()) == evaluated["held_out"]["n_windows"]


def test_an_exported_file_scores_as_its_run(
    folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Which is quicker is the machine's.
    monkeypatch.setattr(
        "edgeclust.export.int8.latencies_us",
        lambda encoders, _: [2.0] + [1.0] * (len(encoders) - 1),
    )
    run("train", folder, "--out", out, *LONG)
    model, int8 = out.parent / "m.onnx", out.parent / "int8.onnx"
    assert "under" not in run("export", out, "--out", model).stderr
    quantised = run("export", out, "--out", int8, "--int8")
    assert "speedup" in quantised.stdout, quantised.stderr
    expected, found, in_int8 = (
        json.loads(run("evaluate", scored, folder, "--json").stdout)
        for scored in (out, model, int8)
    )
    measured = {"run", "seconds", "windows_per_s"}
    assert {key: found[key] for key in found.keys() - measured} == {
        key: expected[key] for key in expected.keys() - measured
    }
    assert in_int8["acc"] == pytest.approx(expected["acc"], abs=0.02)
    assert "m.onnx: is a model file: name the data" in fails_with(run("evaluate", model))


def test_evaluate_counts_windows_by_cluster_and_activity(folder: Path, out: Path) -> None:
    run("train", folder, "--out", out, *QUICK)
    evaluated = json.loads(run("evaluate", out, "--json").stdout)
    confusion = np.array(evaluated["confusion"])
    assert confusion.shape == (3, 3)
    most_frequent = confusion.max(axis=1).sum() / confusion.sum()
    assert evaluated["acc_many_to_one"] == pytest.approx(most_frequent)
    assert "confusion" not in run("evaluate", out).stdout


def test_probes_are_fitted_on_some_subjects_and_score_the_others(folder: Path, out: Path) -> None:
    run("train", folder, "--out", out, "--hold-out", "2", *QUICK)
    probes = json.loads(run("evaluate", out, "--probes", "--json").stdout)["probes"]
    assert (probes["folds_over"], probes["n_folds"]) == ("subjects", 3)
    assert probes["logistic_acc"] > 0.9
    said = run("evaluate", out, "--probes").stdout
    for part in ("probes on the embeddings", "knn_macro_f1", "subjects"):
        assert part in said


def test_probes_of_one_subject_are_refused(tmp_path: Path, out: Path) -> None:
    write_recordings_folder(TOY_CARD, toy_recordings(1), tmp_path / "alone")
    run("train", tmp_path / "alone", "--out", out, *QUICK)
    assert "it needs at least two" in fails_with(run("evaluate", out, "--probes"))


def test_what_a_person_sees(folder: Path, out: Path) -> None:
    trained = run("train", folder, "--out", out, *QUICK)
    assert "clusters_used" in trained.stdout
    assert "n_parameters" in trained.stdout
    assert "epoch 2/2" in trained.stderr
    assert f"next: edgeclust export {out}" in trained.stderr
    assert "clusters_used" in run("evaluate", out).stdout
    exported = run("export", out, "--out", out.with_name("m.onnx"))
    assert "latency_us" in exported.stdout
    assert "next: edgeclust label" in exported.stderr


def test_recordings_in_other_units_are_scored_in_those_of_the_model(
    folder: Path, tmp_path: Path, out: Path
) -> None:
    metric = replace(TOY_CARD, channels=tuple(Channel(c.name, "m/s2") for c in TOY_CARD.channels))
    recordings = [replace(r, signal=r.signal * np.float32(9.80665)) for r in toy_recordings()]
    write_recordings_folder(metric, recordings, tmp_path / "metric")
    assert run("train", folder, "--out", out, *QUICK).exit_code == 0
    exported = out.with_name("m.onnx")
    assert run("export", out, "--out", exported).exit_code == 0
    keys = ("n_windows", "acc", "nmi", "confusion")
    for model in (out, exported):
        own = json.loads(run("evaluate", model, folder, "--json").stdout)
        other = json.loads(run("evaluate", model, tmp_path / "metric", "--json").stdout)
        assert [own[key] for key in keys] == [other[key] for key in keys]
    lux = replace(metric, channels=tuple(Channel(c.name, "lux") for c in TOY_CARD.channels))
    write_recordings_folder(lux, recordings, tmp_path / "lux")
    said = fails_with(run("evaluate", out, tmp_path / "lux"))
    assert "has the channel ax (lux), wanted is ax (g)" in said


def test_sessions_are_held_out_of_recordings_without_subjects(tmp_path: Path, out: Path) -> None:
    recordings = [
        replace(recording, subject="", session=f"s{number}")
        for number, recording in enumerate(toy_recordings())
    ]
    write_recordings_folder(TOY_CARD, recordings, tmp_path / "nobody")
    trained = run("train", tmp_path / "nobody", "--out", out, "--hold-out", "s1", *QUICK)
    assert trained.exit_code == 0, trained.output
    evaluated = json.loads(run("evaluate", out, "--probes", "--json").stdout)
    assert evaluated["n_windows"] == 2 * evaluated["held_out"]["n_windows"]
    assert evaluated["probes"]["folds_over"] == "sessions"


def test_people_held_out_are_scored_where_those_trained_on_have_no_labels(
    tmp_path: Path, out: Path
) -> None:
    first, *others = toy_recordings()
    recordings = [first, *(replace(recording, labels=None) for recording in others)]
    write_recordings_folder(TOY_CARD, recordings, tmp_path / "partly")
    run("train", tmp_path / "partly", "--out", out, "--hold-out", "1", *QUICK)
    assert "acc" in run("evaluate", out).stdout
    assert "acc" in json.loads(run("evaluate", out, "--json").stdout)["held_out"]


def test_the_same_command_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run("train", folder, "--out", tmp_path / name, *QUICK).exit_code == 0
    one, two = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_unlabelled_recordings_train_without_scores(tmp_path: Path, out: Path) -> None:
    card = replace(TOY_CARD, classes=())
    recordings = [replace(recording, labels=None) for recording in toy_recordings()]
    write_recordings_folder(card, recordings, tmp_path / "plain")
    assert "names no two classes, so say how many: --n-clusters" in fails_with(
        run("train", tmp_path / "plain", "--out", out)
    )
    trained = run("train", tmp_path / "plain", "--out", out, "--n-clusters", 3, *QUICK, "--json")
    assert "acc" not in json.loads(trained.stdout)
    assert run("evaluate", out).exit_code == 0


def test_windows_with_missing_values_are_left_out_and_said(tmp_path: Path, out: Path) -> None:
    recordings = toy_recordings()
    recordings[0].signal[0, 60] = float("nan")
    write_recordings_folder(TOY_CARD, recordings, tmp_path / "gap")
    trained = run("train", tmp_path / "gap", "--out", out, *QUICK, "--json")
    assert "skipped 2 windows: they hold NaN" in trained.stderr
    assert json.loads(trained.stdout)["n_skipped"] == 2


def test_short_holes_are_bridged_where_that_is_asked_for(tmp_path: Path, out: Path) -> None:
    recordings = toy_recordings()
    recordings[0].signal[0, 60:63] = float("nan")
    write_recordings_folder(TOY_CARD, recordings, tmp_path / "gap")
    allowed = ["--max-missing", "0.1"]
    trained = run("train", tmp_path / "gap", "--out", out, *allowed, *QUICK, "--json")
    assert "bridged short holes in 2 of 357 windows" in trained.stderr
    summary = json.loads(trained.stdout)
    assert (summary["n_windows"], summary["n_skipped"]) == (357, 0)
    evaluated = run("evaluate", out, "--json")
    assert "bridged short holes in 2 of 357 windows" in evaluated.stderr
    assert json.loads(evaluated.stdout)["acc"] == summary["acc"]
    shown = json.loads(run("data", "show", tmp_path / "gap", *allowed, "--json").stdout)
    assert (shown["n_bridged"], shown["n_skipped"]) == (2, 0)
    said = fails_with(run("train", tmp_path / "gap", "--max-missing", "10"))
    assert "max_missing should be from 0 to below 1, got 10.0" in said


def test_labels_choose_what_is_scored_and_nothing_of_what_is_learnt(tmp_path: Path) -> None:
    # Of each recording every fifth sample is unknown, and activities change within windows.
    recordings = toy_recordings()
    shuffled = []
    for recording in recordings:
        assert recording.labels is not None
        recording.labels[4::5] = -1
        shuffled.append(replace(recording, labels=np.roll(recording.labels, 300)))
    write_recordings_folder(TOY_CARD, recordings, tmp_path / "mine")
    write_recordings_folder(TOY_CARD, shuffled, tmp_path / "wrong")
    models, scored = set(), {}
    for data, policy in (("mine", "pure"), ("mine", "majority"), ("mine", "none"), ("wrong", "")):
        out = tmp_path / f"{data}-{policy}"
        option = ["--labels", policy] if policy else []
        trained = run("train", tmp_path / data, "--out", out, *option, *QUICK, "--json")
        models.add((out / "model.safetensors").read_bytes())
        summary = json.loads(trained.stdout)
        evaluated = json.loads(run("evaluate", out, "--json").stdout)
        assert evaluated["n_windows"] == summary["n_windows"]
        assert evaluated.get("acc") == summary.get("acc")
        scored[data, policy] = np.sum(evaluated["confusion"])
    assert len(models) == 1
    shown = json.loads(
        run("data", "show", tmp_path / "mine", "--labels", "majority", "--json").stdout
    )
    assert scored["mine", "majority"] == shown["n_labelled"] > shown["n_windows"] // 2
    assert scored["mine", "pure"] == scored["mine", "none"] == scored["wrong", ""] == 0


def test_a_prior_is_given_as_numbers_or_as_a_file(folder: Path, tmp_path: Path) -> None:
    shares = tmp_path / "prior.txt"
    shares.write_text("2\n1\n1\n")
    for name, prior in (("numbers", "0.5,0.25,0.25"), ("file", shares)):
        out = tmp_path / name
        assert run("train", folder, "--out", out, "--prior", prior, *QUICK).exit_code == 0
        assert json.loads((out / "config.json").read_text())["train"]["prior"] == [0.5, 0.25, 0.25]
        run("export", out)
    inspected = json.loads(run("inspect", tmp_path / "file.onnx", "--json").stdout)
    assert inspected["prior"] == pytest.approx([0.5, 0.25, 0.25])
    one, two = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("numbers", "file"))
    assert one == two


def test_a_learned_prior_is_said(folder: Path, out: Path) -> None:
    trained = run("train", folder, "--out", out, "--prior", "learned", *QUICK, "--json")
    assert len(json.loads(trained.stdout)["prior"]) == 3


def test_an_unknown_label_policy_is_refused(folder: Path, out: Path) -> None:
    wanted = "labels should be pure, majority or none, got 'most'"
    assert wanted in fails_with(run("train", folder, "--out", out, "--labels", "most"))
    assert wanted in fails_with(run("data", "show", folder, "--labels", "most"))
    said = fails_with(run("reproduce", folder, "--out", out, "--labels", "most"))
    assert "unknown label policy 'most': known are pure, majority, none" in said
    assert "are for windows of recordings, 'digits' holds images" in fails_with(
        run("data", "show", "digits", "--labels", "none")
    )


def test_imbalanced_windows_are_scored_again(folder: Path, out: Path) -> None:
    trained = run("train", folder, "--out", out, "--imbalance", 3, *QUICK, "--json")
    summary = json.loads(trained.stdout)
    config = json.loads((out / "config.json").read_text())
    assert config["imbalance"] == 3
    prior = config["train"]["prior"]
    assert prior == sorted(prior, reverse=True)  # the true shares, rarer and rarer
    assert summary["n_windows"] < 300
    evaluated = json.loads(run("evaluate", out, "--json").stdout)
    for key in ("n_windows", "acc", "kl_star"):
        assert evaluated[key] == summary[key]
    assert "hands the shares of 3 classes to 4 clusters" in fails_with(
        run("train", folder, "--out", out.with_name("k"), "--imbalance", 3, "--n-clusters", 4)
    )
    uniform = ["--imbalance", 3, "--n-clusters", 4, "--prior", "uniform", *QUICK]
    assert run("train", folder, "--out", out.with_name("k"), *uniform).exit_code == 0


def test_a_sigma_too_small_and_clusters_that_died_are_said_once(folder: Path, out: Path) -> None:
    small = run("train", folder, "--out", out, "--sigma", "1e-3", *QUICK)
    assert small.stderr.count("use --sigma auto or a larger sigma") == 1
    assert "had no window" not in small.stderr  # the same said twice
    arguments = ["--n-clusters", 30, "--method", "none", *QUICK]
    dead = run("train", folder, "--out", out.with_name("dead"), *arguments)
    assert dead.stderr.count("clusters had no window through the last epoch: use --method") == 1
    fine = run("train", folder, "--out", out.with_name("fine"), *LONG, "--restarts", 1)
    assert "had no window" not in fine.stderr
    assert "cost gaps" not in fine.stderr


def test_a_run_of_some_channels_at_another_rate_is_scored_and_exported_as_it_was_trained(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "slow"
    options = ["--rate-hz", "12.5", "--channels", "acc"]
    trained = run("train", folder, "--out", out, *QUICK, *options, "--json")
    assert trained.exit_code == 0, trained.stderr
    scores = json.loads(run("evaluate", out, "--json").stdout)
    assert scores["acc"] == json.loads(trained.stdout)["acc"]
    assert run("export", out).exit_code == 0
    shown = json.loads(run("data", "show", folder, *options, "--json").stdout)
    assert (shown["rate_hz"], shown["window"]) == (12.5, TOY_CARD.window // 2)
    message = fails_with(run("evaluate", out, folder))
    assert (
        "rate_hz 12.5, 'toy' has 25.0: edgeclust data convert DATA FOLDER --rate-hz 12.5" in message
    )
    assert "no channel mag in 'toy'" in fails_with(run("data", "show", folder, "--channels", "mag"))


def test_a_training_says_that_units_are_doubtful(tmp_path: Path) -> None:
    still = np.random.default_rng(0).normal(0, 0.05, (3, 500)).astype(np.float32)
    still[2] += 9.81  # in m/s²
    channels = tuple(Channel(f"a{axis}", "g") for axis in "xyz")
    card = replace(TOY_CARD, channels=channels)
    recordings = [Recording(still, subject, "1") for subject in "12"]
    write_recordings_folder(card, recordings, tmp_path / "data")
    shown = run("train", tmp_path / "data", "--out", tmp_path / "run", *QUICK)
    assert "doubtful: ax, ay, az: 9.81 g at rest, 1 g is expected" in shown.stderr


def test_data_are_listed_and_shown() -> None:
    images = {"cifar10", "cifar100", "digits", "fashion-mnist", "stl10", "stl10-unlabelled"}
    phones = {"hapt", "hhar", "motionsense", "uci-har", "unimib-shar", "usc-had", "watch"}
    body = {"capture-24", "dsads", "harth", "mhealth", "opportunity", "pamap2"}
    realdisp = {"realdisp", "realdisp-ideal", "realdisp-mutual", "realdisp-self"}
    wisdm = {"wisdm-v1", "wisdm-2019-phone", "wisdm-2019-watch"}
    names = sorted(images | phones | body | realdisp | wisdm)
    listed = json.loads(run("data", "list", "--json").stdout)["data"]
    assert sorted(listed) == names
    assert listed["watch"] == {
        "what": "seven shoulder exercises of ten people, a smartwatch at either wrist",
        "here": True,
    }
    assert "watch" in run("data", "list").stdout
    shown = json.loads(run("data", "show", "watch", "--json").stdout)
    assert (shown["n_windows"], shown["n_recordings"], shown["rate_hz"]) == (2229, 140, 50)
    assert "upright row" in run("data", "show", "watch").stdout


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
def test_watch_written_as_a_folder_is_the_same_data(tmp_path: Path, kind: str) -> None:
    assert run("data", "convert", "watch", tmp_path / "watch", "--format", kind).exit_code == 0
    assert (tmp_path / "watch" / f"0139_5_139.{kind}").is_file()
    shown = json.loads(run("data", "show", tmp_path / "watch", "--json").stdout)
    named = json.loads(run("data", "show", "watch", "--json").stdout)
    told_by_stamps = (shown.pop("measured_rate_hz"), shown.pop("n_gaps"))
    assert told_by_stamps == ((None, None) if kind == "npz" else (50.0, 0))
    known_by_name = {"citation", "official", "measured_rate_hz", "n_gaps"}
    assert shown == {fact: named[fact] for fact in named.keys() - known_by_name}
    assert "exists and is not empty" in fails_with(
        run("data", "convert", "watch", tmp_path / "watch")
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n-clusters", "0"], "n_clusters should be at least 2, a whole number, got 0"),
        (["--n-clusters", "1"], "n_clusters should be at least 2, a whole number, got 1"),
        (["--n-clusters", "9999"], "n_clusters should be at most the number of windows, 357, got"),
        (["--batch-size", "1"], "batch_size should be at least 2, a whole number, got 1"),
        (["--sigma", "0"], "sigma should be above 0, from 1e-12 to 1e12, got 0.0"),
        (["--sigma", "-2"], "sigma should be above 0, from 1e-12 to 1e12, got -2.0"),
        (["--sigma", "big"], "sigma should be a number above 0 or 'auto', got 'big'"),
        (["--solver", "best"], "unknown solver 'best': known are greedy, exact"),
        (
            ["--method", "soft"],
            "unknown method 'soft': known are hard, none, ent, ss, sinkhorn, ckm",
        ),
        (["--prior", "even"], "prior should be 'uniform', 'learned', numbers as in 0.5,0.3,0.2"),
        (["--prior", "0.5,0.5"], "prior should hold one number for each of the 3 clusters, got 2"),
        (["--prior", "1,1,0"], "prior should hold numbers above 0, from 1e-12 to 1e12, got 0.0"),
        (["--imbalance", "4"], "imbalance should be 1, 2 or 3, got 4"),
        (["--encoder", "lstm"], "unknown encoder 'lstm'"),
        (["--balance", "none"], "unknown balance 'none': known are subject, batch"),
        (["--window", "0"], "window should be at least 1 sample, got 0"),
        (["--window", "2"], "the encoder filterbank needs windows of 3 samples, got 2"),
        (["--window", "99999999999999999999"], "no recording of 'toy' holds a whole window"),
        (["--sigma", "1e-320"], "sigma should be above 0, from 1e-12"),
        (["--window", "5000"], "no recording of 'toy' holds a whole window of 5000 samples"),
        (["--hold-out", "7"], "no subject 7 in 'toy'; there are 1, 2, 3"),
        (["--hold-out", "1.5"], "the share to hold out should be between 0 and 1, got 1.5"),
        (["--hold-out", "1,2,3"], "held out are all subjects of 'toy': leave at least one"),
        (["--n-clusters", "many"], "'--n-clusters': Input should be a valid integer"),
    ],
)
def test_bad_settings_end_with_one_line_and_no_run(
    folder: Path, out: Path, arguments: list[str], message: str
) -> None:
    assert message in fails_with(run("train", folder, "--out", out, *arguments))
    assert not out.exists()


def test_bad_data_end_with_one_line_and_no_run(tmp_path: Path, folder: Path, out: Path) -> None:
    assert "unknown data 'wach': known are capture-24" in fails_with(run("train", "wach"))
    (tmp_path / "empty").mkdir()
    assert "is no recordings folder" in fails_with(run("train", tmp_path / "empty", "--out", out))
    (folder / "0001_2_1.csv").write_text("ax,ay,az\n1,2,three\n")
    said = fails_with(run("train", folder, "--out", out))
    assert "0001_2_1.csv, line 2: column az holds 'three', which is no number" in said
    (folder / "0001_2_1.csv").write_text("ax,ay\n1,2\n")
    assert "0001_2_1.csv: has no column az" in fails_with(run("train", folder, "--out", out))
    assert not out.exists()


def test_recordings_shorter_than_a_window_end_with_one_line(tmp_path: Path, out: Path) -> None:
    short = [Recording(recording.signal[:, :40], "1", "1") for recording in toy_recordings(1)]
    write_recordings_folder(TOY_CARD, short, tmp_path / "short")
    said = fails_with(run("train", tmp_path / "short", "--out", out))
    assert (
        "no recording of 'toy' holds a whole window of 50 samples: the longest of 1 has 40" in said
    )


def test_a_run_is_not_overwritten_unasked(folder: Path, out: Path) -> None:
    assert run("train", folder, "--out", out, *QUICK).exit_code == 0
    assert "use --overwrite" in fails_with(run("train", folder, "--out", out, *QUICK))
    assert run("train", folder, "--out", out, *QUICK, "--overwrite").exit_code == 0


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    for command in ("evaluate", "export"):
        assert "config.json: is not there" in fails_with(run(command, tmp_path))


def test_a_failed_export_leaves_no_file(
    folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgeclust.export import parity

    run("train", folder, "--out", out, *QUICK)
    monkeypatch.setattr(parity.Parity.check, "__defaults__", (1.1,))
    assert "asked for" in fails_with(run("export", out, "--out", out.with_name("m.onnx")))
    assert not out.with_name("m.onnx").exists()


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_ctrl_c_leaves_a_run_that_can_be_evaluated(folder: Path, out: Path) -> None:
    command = [sys.executable, "-P", "-m", "edgeclust", "train", str(folder), "--out", str(out)]
    command += ["--epochs", "100000", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not (out / "metrics.jsonl").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert not json.loads(said)["finished"]
    assert json.loads(run("evaluate", out, "--json").stdout)["acc"] > 0


def test_images_from_a_name_to_labels(tmp_path: Path, out: Path) -> None:
    quick = ["--epochs", "1", "--restarts", "1"]
    trained = run("train", "digits", "--root", tmp_path, "--out", out, *quick, "--json")
    assert trained.exit_code == 0, trained.output
    assert json.loads(trained.stdout)["n_windows"] == 1797
    assert json.loads((out / "config.json").read_text())["root"] == str(tmp_path.resolve())
    scored = json.loads(run("evaluate", out, "--json").stdout)
    assert scored["acc"] == json.loads(trained.stdout)["acc"]
    exported = run("export", out)
    assert "label " in exported.stderr
    assert " ".join(exported.stderr.split()).endswith(".onnx images.npy")
    images = open_dataset("digits").gather(np.arange(3))
    np.save(tmp_path / "three.npy", images)
    labelled = run("label", out.with_name("run.onnx"), tmp_path / "three.npy", "--freeze")
    assert [json.loads(line)["t"] for line in labelled.stdout.splitlines()] == [0, 1, 2]


def test_a_run_finds_its_official_files_again(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = []

    def read(root: Path | None) -> ArrayDataset:
        roots.append(root)
        return ArrayDataset(TOY_IMAGE_CARD, *toy_images())

    monkeypatch.setitem(READERS, "squares", WholeSet(TOY_IMAGE_CARD, "squares", read))
    quick = ["--epochs", "1", "--restarts", "1", "--batch-size", "30"]
    monkeypatch.chdir(tmp_path)
    assert run("train", "squares", "--root", "here", "--out", out, *quick).exit_code == 0
    for command in (["evaluate", out], ["export", out], ["evaluate", out, "--root", "there"]):
        assert run(*command).exit_code == 0
    # The data named anew are looked for anew.
    assert run("evaluate", out, "squares").exit_code == 0
    assert roots == [Path("here"), tmp_path / "here", tmp_path / "here", Path("there"), None]


def test_images_are_shown() -> None:
    shown = json.loads(run("data", "show", "digits", "--json").stdout)
    assert (shown["n_images"], shown["height"], shown["width"]) == (1797, 8, 8)
    assert shown["n_labelled"] == 1797
    assert "1,797" in run("data", "show", "digits").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "digits", "--window", "4"], "window and stride cut recordings, 'digits' holds"),
        (["train", "digits", "--stride", "4"], "window and stride cut recordings, 'digits' holds"),
        (["train", "digits", "--hold-out", "1"], "'digits' holds images, not people"),
        (["train", "digits", "--encoder", "conv"], "conv does not take images as 'digits' holds"),
        (["train", "digits", "--encoder", "smallconv"], "needs images of 16 pixels a side, got 8"),
        (["train", "watch", "--encoder", "conv2d"], "conv2d does not take recordings as 'watch'"),
        (["data", "convert", "digits", "folder"], "recordings are asked for, 'digits' holds im"),
        (["data", "show", "cifar10", "--root", "none"], "edgeclust data fetch cifar10 --root none"),
        (["data", "show", "digits", "--plot", "a.png"], "--plot draws recordings, 'digits' holds"),
    ],
)
def test_what_images_cannot_do_ends_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in fails_with(run(*arguments))
    assert os.listdir(tmp_path) == []
