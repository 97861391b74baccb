"""The examples in the docstrings of the workstation's modules run."""

import doctest
import pkgutil
from importlib import import_module

import pytest

PACKAGES = ["edgeclust.train", "edgeclust.train.methods", "edgeclust.har_data", "edgeclust.export"]
MODULES = [
    f"{package}.{module.name}"
    for package in PACKAGES
    for module in pkgutil.iter_modules(import_module(package).__path__)
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str) -> None:
    assert doctest.testmod(import_module(module)).failed == 0
