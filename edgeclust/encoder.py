"""Open a model file: windows in, embeddings out, under onnxruntime or numpy."""

import hashlib
import threading
from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edgeclust.errors import ConfigError, MissingExtraError, ModelFileError
from edgeclust.model_file import INPUT, OUTPUT, ModelMetadata, read_content, read_metadata

BACKENDS = ("auto", "onnxruntime", "numpy")
"""What can run the network; auto is onnxruntime where it can be imported, else numpy."""


class Encoder(Protocol):
    """The network of a model file, with the metadata the file carries."""

    metadata: ModelMetadata
    model_id: str  # SHA-256 of the file, in hexadecimal

    def embed(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map float32 (n_windows, n_channels, *shape) to (n_windows, n_features)."""
        ...


def open_encoder(
    model: Path | str, *, threads: int = 1, spin: bool = False, backend: str = "auto"
) -> Encoder:
    """Open a model file.

    Parameters
    ----------
    model : Path or str
        A ``.onnx`` file that ``edgeclust export`` wrote.
    threads, spin
        Of onnxruntime: see `OnnxEncoder`. The threads of numpy are those of its own library.
    backend : {"auto", "onnxruntime", "numpy"}
        What runs the network. Embeddings agree within 1e-5. With "auto" it is onnxruntime where
        it can be imported, else numpy.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, no ONNX, lacks the metadata, or its parts do not fit.
    ConfigError
        If there is no such backend.
    MissingExtraError
        If onnxruntime is asked for and cannot be imported.

    Examples
    --------
    >>> from edgeclust.encoder import open_encoder
    >>> open_encoder("model.onnx", backend="torch")
    Traceback (most recent call last):
    edgeclust.errors.ConfigError: backend should be auto, onnxruntime or numpy, got 'torch'
    """
    if backend not in BACKENDS:
        raise ConfigError(f"backend should be auto, onnxruntime or numpy, got {backend!r}")
    if backend != "numpy":
        try:
            import_module("onnxruntime")
        except ImportError as error:
            if backend == "onnxruntime":
                raise MissingExtraError(
                    f"the backend onnxruntime cannot be imported ({error}): pip install "
                    "onnxruntime, or use the backend numpy"
                ) from error
        else:
            return OnnxEncoder(model, threads=threads, spin=spin)
    # Here, as the start of a device that has onnxruntime should not wait for it.
    from edgeclust.numpy_encoder import NumpyEncoder

    return NumpyEncoder(model)


class OnnxEncoder:
    """The network of a model file, run by onnxruntime, with the metadata the file carries.

    Parameters
    ----------
    model : Path or str
        A ``.onnx`` file that ``edgeclust export`` wrote.
    threads : int
        Threads of the session; 1 suits a wearable.
    spin : bool
        Whether threads wait for the next window in a busy loop: sooner back, and the battery is
        sooner empty.

    Attributes
    ----------
    metadata : ModelMetadata
        What the file says of itself.
    model_id : str
        SHA-256 of the file, in hexadecimal.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, no ONNX, lacks the metadata, or its parts do not fit.
    """

    def __init__(self, model: Path | str, *, threads: int = 1, spin: bool = False) -> None:
        # Here, as the numpy backend has to do without.
        import onnxruntime as ort

        path = Path(model)
        content = read_content(path)
        self.model_id = hashlib.sha256(content).hexdigest()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(
                content, options, providers=["CPUExecutionProvider"], enable_fallback=False
            )
            properties = self._session.get_modelmeta().custom_metadata_map
            inputs, outputs = (
                {node.name: tuple(node.shape) for node in nodes}
                for nodes in (self._session.get_inputs(), self._session.get_outputs())
            )
        except Exception as error:  # onnxruntime has no common base for what it raises here
            raise ModelFileError(
                f"{path}: is damaged or is no ONNX file ({len(content)} bytes); export it again"
            ) from error
        self.metadata = read_metadata(path, properties, inputs, outputs)
        # A stream's windows go through buffers that are bound once, which takes a fifth less than
        # a call that names them.
        self._window = np.zeros((1, *self.metadata.input_shape), np.float32)
        self._embedding = np.zeros((1, self.metadata.centroids.shape[1]), np.float32)
        self._bound = self._session.io_binding()
        self._bound.bind_cpu_input(INPUT, self._window)
        result = ort.OrtValue.ortvalue_from_numpy(self._embedding)
        self._bound.bind_ortvalue_output(OUTPUT, result)
        self._run_bound = self._session.run_with_iobinding
        self._lock = threading.Lock()
        try:  # one window, so that a damaged graph shows here and not in the middle of a stream
            self.embed(np.zeros_like(self._window))
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
        if windows.shape == self._window.shape:
            with self._lock:  # the buffers hold one window at a time, whoever asks
                self._window[...] = windows
                self._run_bound(self._bound)
                return self._embedding.copy()
        embedding: NDArray[np.float32]
        (embedding,) = self._session.run([OUTPUT], {INPUT: windows})
        return embedding
