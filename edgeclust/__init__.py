"""Deep clustering of wearable-sensor windows, small enough to learn on the device.

This package needs numpy and onnxruntime alone. Training (`edgeclust.train`), reading data sets
(`edgeclust.har_data`) and writing model files (`edgeclust.export`) come with the extra
``edgeclust[train]``.
"""

from edgeclust.alignment import GravityAlignment, align, fit_alignment
from edgeclust.assignment import assign, optimality_gap
from edgeclust.card import Card, Channel, ImageCard
from edgeclust.clusters import Clusters
from edgeclust.dataset import Dataset, Recording, WindowedDataset
from edgeclust.errors import (
    ConfigError,
    DataError,
    EdgeclustError,
    MissingExtraError,
    ModelFileError,
    RunError,
    StateError,
)
from edgeclust.images import ArrayDataset
from edgeclust.labeler import Labeler, LabelEvent

__version__ = "0.1.0"

__all__ = [
    "ArrayDataset",
    "Card",
    "Channel",
    "Clusters",
    "ConfigError",
    "DataError",
    "Dataset",
    "EdgeclustError",
    "GravityAlignment",
    "ImageCard",
    "LabelEvent",
    "Labeler",
    "MissingExtraError",
    "ModelFileError",
    "Recording",
    "RunError",
    "StateError",
    "WindowedDataset",
    "align",
    "assign",
    "fit_alignment",
    "optimality_gap",
]
