"""The commands that need edgeclust[cli] alone."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgeclust
from edgeclust import Labeler
from edgeclust.cli import app

from command import fails_with, run
from toy import toy_recordings

STREAM = toy_recordings(n_subjects=1, seconds=8, seed=7)[0].signal.T


def as_csv(samples: np.ndarray) -> str:
    text = io.StringIO()
    np.savetxt(text, samples, delimiter=",", header="ax,ay,az", comments="", fmt="%.9g")
    return text.getvalue()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "walk.csv"
    path.write_text(as_csv(STREAM))
    return path


def test_a_file_is_labelled_as_python_labels_it(toy_model: Path, recording: Path) -> None:
    result = run("label", toy_model, recording, "--freeze")
    assert result.exit_code == 0
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events == [
        event.to_json() for event in Labeler.open(toy_model, learn="off").push(STREAM)
    ]
    assert result.stderr == ""


def test_standard_input_is_labelled_alike(toy_model: Path, recording: Path) -> None:
    from_file = run("label", toy_model, recording, "--freeze").stdout
    assert run("label", toy_model, "-", "--freeze", stdin=recording.read_text()).stdout == from_file
    assert run("label", toy_model, "--freeze", stdin=recording.read_text()).stdout == from_file


def test_a_file_of_another_rate_is_resampled_to_its_end(toy_model: Path, tmp_path: Path) -> None:
    stream = STREAM.repeat(2, axis=0)
    (tmp_path / "fast.csv").write_text(as_csv(stream))
    result = run("label", toy_model, tmp_path / "fast.csv", "--rate-hz", 50, "--freeze")
    labeler = Labeler.open(toy_model, rate_hz=50, learn="off")
    expected = labeler.push(stream) + labeler.finish()
    assert len(expected) == 23
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        event.to_json() for event in expected
    ]
    said = fails_with(run("label", toy_model, tmp_path / "fast.csv", "--rate-hz", 5000))
    assert said.endswith(
        "5000 Hz cannot be resampled to 25 Hz: a rate changes by a factor of 100 at most"
    )


def test_events_can_be_csv(toy_model: Path, recording: Path) -> None:
    lines = run("label", toy_model, recording, "--freeze", "--format", "csv").stdout.splitlines()
    assert lines[0] == "t,cluster,name,distance,confidence,novel,skipped"
    assert len(lines) == 24
    assert lines[1].startswith("0.0,")


def test_it_learns_unless_told_not_to(toy_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(as_csv(1.2 * np.tile(STREAM, (20, 1))))
    frozen = run("label", toy_model, path, "--freeze").stdout
    assert frozen == run("label", toy_model, path, "--learn", "off").stdout
    told = {frozen}
    for mode in ("gated", "free"):
        labelled = run("label", toy_model, path, "--learn", mode).stdout
        assert labelled not in told
        told.add(labelled)
    assert run("label", toy_model, path).stdout in told - {frozen}
    # What a state has learnt is used by --freeze too, and stays as it is.
    state = tmp_path / "state"
    run("label", toy_model, path, "--state", state)
    learnt = run("state", "export", state).stdout
    assert run("label", toy_model, path, "--state", state, "--freeze").stdout != frozen
    fields = [json.loads(text)["fields"] for text in (learnt, run("state", "export", state).stdout)]
    assert fields[0]["learner.centroids"] == fields[1]["learner.centroids"]


def test_a_label_is_out_as_soon_as_its_window_is_whole(toy_model: Path) -> None:
    command = [sys.executable, "-P", "-m", "edgeclust", "label", str(toy_model), "-", "--freeze"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        header, *lines = as_csv(STREAM[:75]).splitlines(keepends=True)
        process.stdin.write(header + "".join(lines[:50]))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["t"] == 0.0  # with the stream still open
        process.stdin.write("".join(lines[50:]))
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["t"] == 1.0
        process.stdin.close()
        assert process.stdout.read() == ""


def test_windows_that_cannot_be_labelled_say_why(toy_model: Path, tmp_path: Path) -> None:
    samples = STREAM[:200].copy()
    samples[60, 0] = np.nan
    samples[180, 0] = 3e38  # finite, and too large for the network
    (tmp_path / "gap.csv").write_text(as_csv(samples))
    result = run("label", toy_model, tmp_path / "gap.csv", "--freeze")
    assert result.exit_code == 0
    events = [json.loads(line) for line in result.stdout.splitlines()]
    missing, large = "missing or infinite samples", "values too large for the model"
    expected = [None, missing, missing, None, None, None, large]
    assert [event.get("skipped") for event in events] == expected
    assert [event["cluster"] is None for event in events] == [*map(bool, expected)]
    assert result.stderr == "skipped 3 of 7 windows: their events say why\n"
    assert "nan" not in result.stdout.lower()
    rows = run("label", toy_model, tmp_path / "gap.csv", "--freeze", "--format", "csv").stdout
    assert rows.splitlines()[2] == f"1.0,,,,,,{missing}"


def test_gaps_and_late_samples_are_said(toy_model: Path, tmp_path: Path) -> None:
    t = np.arange(200) / 25
    t[60:] += 9
    t[90] = t[89]
    text = as_csv(np.column_stack([STREAM[:200], t])).replace("az", "az,time", 1)
    (tmp_path / "gap.csv").write_text(text)
    result = run("label", toy_model, tmp_path / "gap.csv", "--freeze")
    times = [json.loads(line)["t"] for line in result.stdout.splitlines()]
    assert times == pytest.approx([0, 11.4, 12.4, 13.44, 14.44])
    assert result.stderr == (
        "cut the stream at 1 gaps between its time stamps\n"
        "left out 1 samples whose time is that of one before, or earlier\n"
    )


def test_a_rate_is_taken_from_the_column_time(toy_model: Path, tmp_path: Path) -> None:
    stream = STREAM.repeat(2, axis=0)
    timed = np.column_stack([stream, np.arange(len(stream)) / 50])
    (tmp_path / "fast.csv").write_text(as_csv(timed).replace("az", "az,time", 1))
    (tmp_path / "untimed.csv").write_text(as_csv(stream))
    by_stamps = run("label", toy_model, tmp_path / "fast.csv", "--freeze").stdout
    told = run("label", toy_model, tmp_path / "untimed.csv", "--freeze", "--rate-hz", 50).stdout
    assert by_stamps == told


def test_a_new_label_has_to_last_as_long_as_is_said(toy_model: Path, recording: Path) -> None:
    result = run("label", toy_model, recording, "--freeze", "--min-bout", 2.5)
    expected = Labeler.open(toy_model, min_bout_s=2.5, learn="off").push(STREAM)
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        event.to_json() for event in expected
    ]
    assert "min_bout_s should be at least 0 s" in fails_with(
        run("label", toy_model, recording, "--min-bout", -1)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "standard input: is empty"),
        ("ax,ay\n1,2\n", "standard input: has no column az; its columns are ax, ay"),
        ("ax,ay,az\n1,2,3\n4,five,6\n", "standard input, line 3: column ay holds 'five'"),
        ("ax,ay,az\n" + "1,2,3\n" * 49, "standard input: has 49 samples, one window needs 50"),
        (
            "time,ax,ay,az\n" + "5,1,2,3\n" * 99,
            "standard input: has 99 samples (98 left out: their time is that of one before, or",
        ),
        (
            "time,ax,ay,az\n" + "".join(f"{n * 40},1,2,3\n" for n in range(50)),
            "the stream: its time stamps are 40 s apart, and 1 s without a sample are a gap",
        ),
    ],
)
def test_bad_streams_end_with_one_line(toy_model: Path, text: str, message: str) -> None:
    result = run("label", toy_model, "-", "--freeze", stdin=text)
    assert fails_with(result).startswith(f"error: {message}")
    assert result.stdout == ""


def test_bad_files_end_with_one_line(toy_model: Path, tmp_path: Path, recording: Path) -> None:
    assert "gone.csv: No such file" in fails_with(run("label", toy_model, "gone.csv", "--freeze"))
    for command in (["label"], ["inspect"]):
        assert "walk.csv: is damaged or is no ONNX" in fails_with(run(*command, recording))
        assert "gone.onnx: cannot be read" in fails_with(run(*command, "gone.onnx"))
        cut = tmp_path / "cut.onnx"
        cut.write_bytes(toy_model.read_bytes()[:5000])
        assert "cut.onnx: is damaged" in fails_with(run(*command, cut))


def test_wrong_usage_ends_with_one_line(toy_model: Path) -> None:
    assert "No such option" in fails_with(run("label", toy_model, "--thaw"))
    assert "'xml'" in fails_with(run("label", toy_model, "--format", "xml"))
    assert "No such command" in fails_with(run("dance"))


def test_a_closed_pipe_is_no_traceback(toy_model: Path, recording: Path) -> None:
    command = f"{sys.executable} -P -m edgeclust label {toy_model} {recording} --freeze | head -n 1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == ""


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_stream_well(toy_model: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-P", "-m", "edgeclust", "label", str(toy_model), "-", "--freeze"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(as_csv(STREAM[:50]))
        process.stdin.flush()
        process.stdout.readline()  # it is running by now
        process.send_signal(number)
        out, said = process.communicate(timeout=20)
    assert (process.returncode, out, said) == (0, "", "")


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_a_file_is_followed_as_it_grows(toy_model: Path, tmp_path: Path) -> None:
    path, text = tmp_path / "live.csv", as_csv(STREAM[:75])
    half = text.index("\n", len(text) * 3 // 4) - 3  # in the midst of a line
    path.write_text(text[:half])
    command = [sys.executable, "-P", "-m", "edgeclust", "label", str(toy_model), str(path)]
    with subprocess.Popen(
        [*command, "--freeze", "--follow"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["t"] == 0.0
        with path.open("a") as file:
            file.write(text[half:])
        event = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert event == Labeler.open(toy_model).push(STREAM[:75])[1].to_json()
    assert process.returncode == 0
    said = fails_with(run("label", toy_model, "-", "--freeze", "--follow"))
    assert said == "error: --follow is for a file: standard input is waited for anyway"


def test_inspect_says_what_the_file_holds(toy_model: Path) -> None:
    said = run("inspect", toy_model).stdout
    for part in ("ax (g), ay (g), az (g)", "waist", "25", "toy", "n_clusters", "acc"):
        assert part in said
    facts = json.loads(run("inspect", toy_model, "--json").stdout)
    assert (facts["window"], facts["stride"], facts["n_clusters"]) == (50, 25, 3)
    assert facts["size_bytes"] == toy_model.stat().st_size
    assert sum(facts["counts"]) == facts["training"]["n_windows"]


def test_a_person_sees_each_cluster_and_the_file(toy_model: Path) -> None:
    said = run("inspect", toy_model).stdout
    facts = json.loads(run("inspect", toy_model, "--json").stdout)
    for part in (facts["sha256"], "opset", "windows of training", "radius", "71,763"):
        assert part in said
    for count in facts["counts"]:
        assert re.search(rf"│ \d +│ - +│ {count} ", said)


def test_the_numpy_backend_labels_and_onnxruntime_is_not_needed(
    toy_model: Path, recording: Path
) -> None:
    code = (
        "import sys\n"
        "sys.modules['onnxruntime'] = sys.modules['onnx'] = sys.modules['torch'] = None\n"
        "from edgeclust.__main__ import main\n"
        "sys.argv = ['edgeclust', *sys.argv[1:]]\n"
        "main()\n"
    )
    expected = [json.loads(line) for line in run("label", toy_model, recording).stdout.splitlines()]
    for arguments in (["label", toy_model, recording, "--freeze"], ["inspect", toy_model]):
        result = subprocess.run(
            [sys.executable, "-P", "-c", code, *map(str, arguments)], capture_output=True, text=True
        )
        assert (result.returncode, result.stderr) == (0, "")
        if arguments[0] == "label":
            events = [json.loads(line) for line in result.stdout.splitlines()]
            assert [e["cluster"] for e in events] == [e["cluster"] for e in expected]
    said = fails_with(run("label", toy_model, recording, "--backend", "tflite"))
    assert "backend should be auto, onnxruntime or numpy, got 'tflite'" in said


def test_called_bare_it_shows_its_help() -> None:
    result = run()
    assert result.exit_code == 0
    assert "label" in result.output
    assert "error" not in result.output


def all_commands() -> list[str]:
    """Every command as it is typed, without the program's name."""
    groups = [(f"{group.name} ", group.typer_instance) for group in app.registered_groups]
    found = []
    for prefix, group in [("", app), *groups]:
        assert group is not None
        for command in group.registered_commands:
            assert command.callback is not None
            found.append(prefix + (command.name or command.callback.__name__))
    return found


@pytest.mark.parametrize("command", all_commands())
def test_every_command_has_help_and_stands_in_the_readme(command: str) -> None:
    said = run(*command.split(), "--help").stdout
    # The help holds a line to copy.
    assert re.search(r"\s+".join(["edgeclust", *command.split()]), said)
    assert f"`edgeclust {command}" in (Path(__file__).parents[2] / "README.md").read_text()


def test_text_in_a_file_is_shown_as_it_is(toy_model: Path, tmp_path: Path) -> None:
    odd = toy_model.read_bytes().replace(b'"mount": "waist"', b'"mount": "[/b]t"')
    (tmp_path / "odd.onnx").write_bytes(odd)
    assert "[/b]t" in run("inspect", tmp_path / "odd.onnx").stdout


@pytest.mark.parametrize("name", ["walk.parquet", "WALK.NPZ"])
def test_a_file_that_is_no_text_is_pointed_to_convert(toy_model: Path, name: str) -> None:
    said = fails_with(run("label", toy_model, name, "--freeze"))
    assert f"{name}: a stream is read as CSV; 'edgeclust data convert' writes a folder" in said


def test_a_closed_standard_input_is_said(toy_model: Path) -> None:
    command = f"{sys.executable} -P -m edgeclust label {toy_model} - --freeze <&-"
    result = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr == "error: standard input is closed\n"


@pytest.mark.parametrize(
    ("extra", "masked"),
    [("train", ["torch", "pandas", "scipy", "sklearn"]), ("cli", ["typer", "rich"])],
)
def test_a_command_without_its_extra_says_what_to_install(extra: str, masked: list[str]) -> None:
    code = (
        "import sys\n"
        f"for name in {masked}: sys.modules[name] = None\n"
        "from edgeclust.__main__ import main\n"
        "sys.argv = ['edgeclust', 'train', 'watch']\n"
        "main()\n"
    )
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert f"pip install 'edgeclust[{extra}]'" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"edgeclust {edgeclust.__version__}\n"
