"""Learn an encoder and its clusters from recordings nobody labelled."""

from edgeclust.extras import require_extra

require_extra(
    "train", "edgeclust.train", ("torch", "scipy", "sklearn", "safetensors", "matplotlib")
)

from edgeclust.train.checkpoint import Checkpoint  # noqa: E402
from edgeclust.train.config import TrainConfig  # noqa: E402
from edgeclust.train.encoders import ENCODERS, IMAGE_ENCODERS  # noqa: E402
from edgeclust.train.evaluate import Evaluation, evaluate, evaluate_file  # noqa: E402
from edgeclust.train.loop import TrainResult, train  # noqa: E402
from edgeclust.train.methods import METHODS  # noqa: E402
from edgeclust.train.model import TrainedModel  # noqa: E402
from edgeclust.train.run import Run  # noqa: E402
from edgeclust.train.training import EpochReport  # noqa: E402

__all__ = [
    "ENCODERS",
    "IMAGE_ENCODERS",
    "METHODS",
    "Checkpoint",
    "EpochReport",
    "Evaluation",
    "Run",
    "TrainConfig",
    "TrainResult",
    "TrainedModel",
    "evaluate",
    "evaluate_file",
    "train",
]
