"""Open a model file under onnxruntime: windows in, embeddings out."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edgeclust.errors import ModelFileError
from edgeclust.model_file import INPUT, OUTPUT, PROPERTY, ModelMetadata


class OnnxEncoder:
    """The network of a model file, with the metadata the file carries.

    Parameters
    ----------
    model : Path or str
        A ``.onnx`` file that ``edgeclust export`` wrote.
    threads : int
        Threads of the session; 1 suits a wearable.
    spin : bool
        Whether threads wait for the next window in a busy loop: sooner back, and the battery is
        sooner empty.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, no ONNX, lacks the metadata, or its parts do not fit.
    """

    def __init__(self, model: Path | str, *, threads: int = 1, spin: bool = False) -> None:
        path = Path(model)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(
                content, options, providers=["CPUExecutionProvider"], enable_fallback=False
            )
            text = self._session.get_modelmeta().custom_metadata_map.get(PROPERTY)
            inputs = {node.name: node.shape[1:] for node in self._session.get_inputs()}
            outputs = {node.name: node.shape[1:] for node in self._session.get_outputs()}
        except Exception as error:  # onnxruntime has no common base for what it raises here
            raise ModelFileError(
                f"{path}: is damaged or is no ONNX file ({len(content)} bytes); export it again"
            ) from error
        if text is None:
            raise ModelFileError(
                f"{path}: lacks the metadata property {PROPERTY!r}: "
                "it was not written by 'edgeclust export'"
            )
        try:
            self.metadata = ModelMetadata.from_json(text)
        except ModelFileError as error:
            raise ModelFileError(f"{path}: {error}") from error
        expected = {INPUT: [len(self.metadata.channels), *self.metadata.shape]}
        if inputs != expected or outputs != {OUTPUT: [self.metadata.centroids.shape[1]]}:
            raise ModelFileError(
                f"{path}: its graph takes {inputs} and returns {outputs}, which does not fit "
                f"its metadata ({expected}); export it again"
            )
        try:  # one window, so that a damaged graph shows here and not in the middle of a stream
            self.embed(np.zeros((1, *expected[INPUT]), np.float32))
        except Exception as error:  # as above
            raise ModelFileError(f"{path}: is damaged, its graph does not run") from error

    def embed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed windows.

        Parameters
        ----------
        windows : float32 array of shape (n_windows, n_channels, *shape)
            In the units and at the rate of the metadata, or images. Not modified.

        Returns
        -------
        embedding : float32 array of shape (n_windows, n_features)
        """
        embedding: NDArray[np.float32] = self._session.run([OUTPUT], {INPUT: windows})[0]
        return embedding
