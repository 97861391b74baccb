"""Make a state that later versions are tested against: python tests/data/make_state.py.

Run once a version of the state. It is what the model of model_v1.onnx learns on the toy stream.
"""

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from edgeclust import Labeler  # noqa: E402

from toy import state_stream  # noqa: E402

with tempfile.TemporaryDirectory() as folder:
    with Labeler.open(HERE / "model_v1.onnx", state=folder) as labeler:
        labeler.push(state_stream())
        labeler.tally.names = ["resting", "läuft", None]
    shutil.copy(Path(folder) / "state-a.bin", HERE / "state_v1.bin")
