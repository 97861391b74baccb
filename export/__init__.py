"""Turn a trained model into one model file, and prove that it behaves the same."""

from edgeclust.extras import require_extra

require_extra("train", "edgeclust.export", ("torch", "onnx", "onnxscript"))

from edgeclust.export.model_file import ExportReport, export_model  # noqa: E402
from edgeclust.export.parity import Comparison, Parity, ParityError  # noqa: E402

__all__ = ["Comparison", "ExportReport", "Parity", "ParityError", "export_model"]
