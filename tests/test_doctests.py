"""The examples in the docstrings of the device's modules run."""

import doctest
from importlib import import_module

import pytest

MODULES = [
    "arriving",
    "assignment",
    "bouts",
    "card",
    "clusters",
    "dataset",
    "encoder",
    "exact_assignment",
    "extras",
    "files",
    "holes",
    "images",
    "labeler",
    "model_file",
    "model_schema",
    "numpy_encoder",
    "numpy_operators",
    "onnx_reader",
    "resampling",
    "samples",
    "stamps",
    "state",
    "state_fields",
    "stream",
    "window_labels",
    "windows",
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str) -> None:
    assert doctest.testmod(import_module(f"edgeclust.{module}")).failed == 0
