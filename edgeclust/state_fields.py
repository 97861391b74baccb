"""What a labeler remembers, as the bytes of a state: named fields in a fixed layout.

docs/state-format.md has the layout byte by byte.
"""

import struct
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeclust.errors import DataError, StateError

NAME_BYTES = 32
"""Room for the name of a cluster, as UTF-8."""

_COUNT = struct.Struct("<I")
_FIELD = struct.Struct("<24s4s3I")  # name, dtype, shape
_DTYPES = ("|u1", "<u2", "<u4", "<u8", "|i1", "<i2", "<i4", "<i8", "<f4", "<f8")


class Part(Protocol):
    """Something that remembers."""

    def fields(self) -> dict[str, NDArray[Any]]:
        """Return copies of what it remembers; names, types and shapes follow from the model."""

    def restore(self, fields: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `fields` returned; `DataError` on values that cannot be."""


def pack(parts: Mapping[str, Part]) -> bytes:
    """Return what parts remember as bytes: a table of the fields, then their values.

    Parameters
    ----------
    parts : mapping of str to Part
        By name, of ASCII letters; a field is called ``part.field``, in 24 letters at most.

    Returns
    -------
    payload : bytes
        Little-endian; as long for every state of a model.
    """
    fields = _fields(parts)
    table = b"".join(
        _FIELD.pack(
            name.encode("ascii"),
            array.dtype.str.encode("ascii"),
            *array.shape,
            *[0] * (3 - array.ndim),
        )
        for name, array in fields.items()
    )
    values = b"".join(array.tobytes() for array in fields.values())
    return _COUNT.pack(len(fields)) + table + values


def unpack(payload: bytes) -> dict[str, NDArray[Any]]:
    """Return the fields of a payload by name.

    Parameters
    ----------
    payload : bytes
        As `pack` returned it.

    Returns
    -------
    fields : dict of str to array
        Copies, in the order of the payload.

    Raises
    ------
    StateError
        If it is none.

    Examples
    --------
    >>> from edgeclust.state_fields import Tally, pack, unpack
    >>> unpack(pack({"tally": Tally(n_clusters=2)}))["tally.counts"].tolist()
    [0, 0]
    """
    try:
        (count,) = _COUNT.unpack_from(payload)
        table = _COUNT.size + count * _FIELD.size
        fields, offset = {}, table
        for entry in _FIELD.iter_unpack(payload[_COUNT.size : table]):
            name, dtype = (text.rstrip(b"\0").decode("ascii") for text in entry[:2])
            if dtype not in _DTYPES:
                raise ValueError(f"the type {dtype!r} is not known")
            shape = tuple(size for size in entry[2:] if size)
            size = int(np.prod(shape, dtype=object))
            values = np.frombuffer(payload, dtype, size, offset)
            fields[name] = values.reshape(shape).copy()
            offset += values.nbytes
        if len(fields) != count or offset != len(payload):
            raise ValueError(f"it ends at byte {offset} of {len(payload)}")
    except (ValueError, OverflowError, struct.error) as error:
        raise StateError(f"the fields of the state cannot be read: {error}") from error
    return fields


def restore(parts: Mapping[str, Part], payload: bytes) -> None:
    """Give parts back what they remembered.

    Parameters
    ----------
    parts : mapping of str to Part
        Of the same model as those that were packed. Modified.
    payload : bytes
        As `pack` returned it.

    Raises
    ------
    StateError
        If the payload holds other fields than those parts have, or values that cannot be.
    """
    saved, own = unpack(payload), _fields(parts)
    there, here = ({(n, a.dtype.str, a.shape) for n, a in of.items()} for of in (saved, own))
    if there != here:
        unlike = ", ".join(sorted({name for name, *_ in there ^ here}))
        raise StateError(f"its state and this labeler do not keep the same: {unlike}")
    for name, part in parts.items():
        start = f"{name}."
        fields = {n.removeprefix(start): a for n, a in saved.items() if n.startswith(start)}
        try:
            part.restore(fields)
        except DataError as error:
            raise StateError(f"its state holds what cannot be: {error}") from error


def _fields(parts: Mapping[str, Part]) -> dict[str, NDArray[Any]]:
    """Return the fields of all parts."""
    return {f"{part}.{n}": array for part, of in parts.items() for n, array in of.fields().items()}


def encode_name(name: str) -> bytes:
    """Return the name of a cluster as UTF-8.

    Raises
    ------
    DataError
        If it takes more than 32 bytes, or holds what cannot be printed.
    """
    text = name.encode()
    if len(text) > NAME_BYTES or not name.isprintable():
        raise DataError(
            f"a name should take {NAME_BYTES} bytes of UTF-8 at most, all of it printable, "
            f"got {name!r}"
        )
    return text


class Tally:
    """What a labeler counts over all of its life, and what its clusters were called.

    Parameters
    ----------
    n_clusters : int
        Clusters of the model.

    Attributes
    ----------
    counts : uint64 array of shape (n_clusters,)
        Windows labelled as each cluster.
    n_skipped : int
        Windows that could not be labelled.
    shift : float64 array of shape (n_clusters,)
        Euclidean distance of each centroid to where it was exported.
    names : list of str or None
        What each cluster was called on the device: up to 32 bytes of UTF-8; None where nobody
        called it anything.
    """

    def __init__(self, n_clusters: int) -> None:
        self.counts = np.zeros(n_clusters, np.uint64)
        self.n_skipped = 0
        self._n_labelled = 0  # the sum of the counts
        self.shift = np.zeros(n_clusters)
        self.names: list[str | None] = [None] * n_clusters

    @property
    def n_windows(self) -> int:
        """Windows seen."""
        return self._n_labelled + self.n_skipped

    def add(self, cluster: int | None) -> None:
        """Count a window by its cluster; None if it could not be labelled."""
        if cluster is None:
            self.n_skipped += 1
        else:
            self.counts[cluster] += 1
            self._n_labelled += 1

    def fields(self) -> dict[str, NDArray[Any]]:
        """Return copies of the fields.

        Raises
        ------
        DataError
            If a name takes more than 32 bytes or holds a zero.
        """
        names = np.zeros((len(self.names), NAME_BYTES), np.uint8)
        for row, name in zip(names, self.names, strict=True):
            text = encode_name(name or "")
            row[: len(text)] = [*text]
        return {
            "counts": self.counts.astype("<u8"),
            "n_skipped": np.array(self.n_skipped, "<u8"),
            "shift": self.shift.astype("<f8"),
            "names": names,
        }

    def restore(self, fields: Mapping[str, NDArray[Any]]) -> None:
        """Take back what `fields` returned.

        Raises
        ------
        DataError
            If a shift is below 0 or not finite, or a name is no text.
        """
        shift = fields["shift"]
        if not (np.isfinite(shift) & (shift >= 0)).all():
            raise DataError(f"a centroid should be a finite distance away, got {shift.tolist()}")
        try:
            names = [row.tobytes().rstrip(b"\0").decode() or None for row in fields["names"]]
        except UnicodeDecodeError as error:
            raise DataError(f"a name is no text: {error}") from error
        self.counts, self.n_skipped = fields["counts"].astype(np.uint64), int(fields["n_skipped"])
        self._n_labelled = int(self.counts.sum())
        self.shift, self.names = shift.astype(np.float64), names
