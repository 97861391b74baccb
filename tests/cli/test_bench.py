"""The command that measures; what it measures is the machine's, so only that it adds up."""

import json
from pathlib import Path

import pytest

from edgeclust import bench as module

from command import fails_with, run


@pytest.fixture
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("N_WINDOWS", 20), ("N_WARM", 2), ("N_STARTS", 1), ("LEAST_SECONDS", 0.0)):
        monkeypatch.setattr(module, name, value)


@pytest.mark.usefixtures("_few")
def test_both_backends_learning_and_starts_are_measured(toy_model: Path, tmp_path: Path) -> None:
    result = run("bench", toy_model, "--json", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    ways = [(speed["backend"], speed["learn"]) for speed in content["speeds"]]
    assert ways == [("onnxruntime", "gated"), ("onnxruntime", "off"), ("numpy", "gated")]
    for speed in content["speeds"]:
        assert 0 < speed["p50_us"] <= speed["p95_us"] <= speed["p99_us"]
        assert speed["network_us"] > 0
        assert 0 < speed["outside_share"] < 1
        assert speed["size_bytes"] == toy_model.stat().st_size
        assert [*speed["windows_per_s"]] == ["1", "4", "16", "64", "256"]
    starts = [start["what"] for start in content["starts"]]
    assert starts == ["by hand", "onnxruntime", "numpy"]
    assert all(start["cold_start_ms"] > 0 for start in content["starts"])
    assert json.loads((tmp_path / "out" / "bench.json").read_text()) == content


@pytest.mark.usefixtures("_few")
def test_a_second_model_is_compared_with_the_first(toy_model: Path) -> None:
    content = json.loads(run("bench", toy_model, toy_model, "--json").stdout)
    assert len(content["session_us"]) == 2
    assert len(content["int8_speedup"]) == 1
    table = run("bench", toy_model, toy_model).stdout
    assert "start_over_by_hand" in table


@pytest.mark.usefixtures("_few")
def test_a_model_of_images_is_measured_too(image_model: Path) -> None:
    assert json.loads(run("bench", image_model, "--json").stdout)["loop_over_session"] > 0


def test_models_of_other_windows_are_refused(toy_model: Path, image_model: Path) -> None:
    message = fails_with(run("bench", toy_model, image_model))
    assert "give one model and its 8-bit form" in message


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    assert "gone.onnx" in fails_with(run("bench", tmp_path / "gone.onnx"))
