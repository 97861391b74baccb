"""What many tests share; numpy alone, so that they run where nothing else is installed."""

from pathlib import Path

import pytest
from hypothesis import settings

from edgeclust import WindowedDataset

from toy import TOY_CARD, toy_recordings

# How long an example takes says how busy the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def toy_dataset() -> WindowedDataset:
    """Windows of three subjects doing three activities."""
    return WindowedDataset(TOY_CARD, toy_recordings())


@pytest.fixture(scope="session")
def toy_model() -> Path:
    """A model file trained on the toy recordings, kept as released (tests/data/make_model.py)."""
    return DATA / "model_v1.onnx"


@pytest.fixture(scope="session")
def image_model() -> Path:
    """A model file trained on the toy images, kept as released."""
    return DATA / "model_v2.onnx"
