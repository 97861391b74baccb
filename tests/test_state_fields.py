import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeclust import Clusters, DataError, StateError
from edgeclust.alignment import GravityEstimate, Unit
from edgeclust.learner import CentroidLearner
from edgeclust.state import Saved
from edgeclust.state_fields import Part, Tally, pack, restore, unpack

ONE_UNIT = (Unit((0, 1, 2), ()),)


def gravity() -> GravityEstimate:
    return GravityEstimate(ONE_UNIT, rate_hz=25, window=50, stride=25)


class Ring:
    """Something else that remembers, of every type that a field may have."""

    def __init__(self) -> None:
        self.kept: dict[str, NDArray[Any]] = {
            "slots": np.arange(12, dtype="<f4").reshape(2, 3, 2),
            "age": np.array([-1, 2], "<i4"),
            "flag": np.array(1, "|u1"),
        }

    def fields(self) -> dict[str, NDArray[Any]]:
        return dict(self.kept)

    def restore(self, fields: Mapping[str, NDArray[Any]]) -> None:
        self.kept = dict(fields)


def filled() -> dict[str, Part]:
    tally = Tally(2)
    for cluster in (0, 1, 1, None):
        tally.add(cluster)
    tally.shift[:] = 0.25, 0.5
    tally.names = ["läuft", None]
    estimate = gravity()
    estimate.total, estimate.count = [[0.5, 0.25, 3.0]], [3]
    return {"tally": tally, "gravity": estimate, "ring": Ring()}


def test_what_was_packed_is_restored() -> None:
    payload = pack(filled())
    tally, estimate, ring = Tally(2), gravity(), Ring()
    ring.kept = {name: np.zeros_like(array) for name, array in ring.kept.items()}
    restore({"tally": tally, "gravity": estimate, "ring": ring}, payload)
    assert (tally.n_windows, tally.n_skipped, tally.counts.tolist()) == (4, 1, [1, 2])
    assert tally.shift.tolist() == [0.25, 0.5]
    assert tally.names == ["läuft", None]
    assert estimate.total == [[0.5, 0.25, 3.0]]
    assert estimate.count == [3]
    assert ring.kept["slots"].tolist() == Ring().kept["slots"].tolist()
    assert pack({"tally": tally, "gravity": estimate, "ring": ring}) == payload
    tally.add(0)  # arrays of its own, not views of the payload


def test_every_state_of_a_model_is_as_long() -> None:
    fresh: dict[str, Part] = {"tally": Tally(2), "gravity": gravity(), "ring": Ring()}
    assert len(pack(fresh)) == len(pack(filled()))


def test_a_slot_of_twelve_clusters_is_as_long_as_the_documentation_says() -> None:
    centroids = np.random.default_rng(0).normal(size=(12, 32)).astype(np.float32)
    learner = CentroidLearner(Clusters(centroids, 1.0, np.zeros(12)))
    payload = pack({"tally": Tally(12), "gravity": gravity(), "learner": learner})
    size = len(Saved(1, (0, 1, 0), "00" * 32, 1, payload).to_bytes())
    assert size == 11_636
    assert size <= 12 * 1024


def test_a_payload_is_what_the_documentation_says() -> None:
    payload = pack({"gravity": filled()["gravity"]})
    assert payload == (
        struct.pack("<I", 2)
        + struct.pack("<24s4s3I", b"gravity.total", b"<f8", 1, 3, 0)
        + struct.pack("<24s4s3I", b"gravity.count", b"<i8", 1, 0, 0)
        + struct.pack("<3d", 0.5, 0.25, 3.0)
        + struct.pack("<q", 3)
    )


@pytest.mark.parametrize("end", range(0, 400, 7))
def test_a_payload_cut_short_is_refused(end: int) -> None:
    with pytest.raises(StateError, match="the fields of the state cannot be read"):
        unpack(pack(filled())[:end])


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_an_error(payload: bytes) -> None:
    try:
        fields = unpack(payload)
    except StateError:
        return
    assert all(array.dtype.itemsize for array in fields.values())


@given(index=st.integers(0, 3 * 40 + 4 - 1), value=st.integers(0, 255))
def test_a_table_that_lies_is_refused_or_named(index: int, value: int) -> None:
    payload = bytearray(pack({"ring": Ring()}))
    payload[index] = value
    try:
        restore({"ring": Ring()}, bytes(payload))
    except StateError:
        return
    assert payload == pack({"ring": Ring()})


def test_the_state_of_another_labeler_names_the_fields() -> None:
    payload = pack({"tally": Tally(2), "gravity": gravity()})
    with pytest.raises(StateError, match=r"do not keep the same: gravity.count, gravity.total$"):
        restore({"tally": Tally(2)}, payload)
    with pytest.raises(StateError, match=r"same: tally.counts, tally.names, tally.shift$"):
        restore({"tally": Tally(3), "gravity": gravity()}, payload)


def changed(fields: dict[str, NDArray[Any]], **values: Any) -> dict[str, NDArray[Any]]:
    return fields | {name: np.array(value, fields[name].dtype) for name, value in values.items()}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"shift": [0.0, np.nan]}, "finite distance away"),
        ({"shift": [-1.0, 0.0]}, "finite distance away"),
        ({"names": np.full((2, 32), 0xFF)}, "a name is no text"),
    ],
)
def test_a_tally_that_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Tally(2).restore(changed(filled()["tally"].fields(), **values))


@pytest.mark.parametrize(
    "values", [{"total": [[np.inf, 0, 0]]}, {"total": [[np.nan, 0, 0]]}, {"count": [-1]}]
)
def test_gravity_that_cannot_be_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="gravity should be finite sums of 0 windows or more"):
        gravity().restore(changed(gravity().fields(), **values))


def test_what_a_part_refuses_is_an_error_of_the_state() -> None:
    estimate = gravity()
    estimate.count = [-1]
    with pytest.raises(StateError, match="its state holds what cannot be: gravity should be"):
        restore({"gravity": gravity()}, pack({"gravity": estimate}))


@pytest.mark.parametrize("name", ["x" * 33, "ü" * 17, "a\0b"])
def test_a_name_without_room_is_refused(name: str) -> None:
    tally = Tally(1)
    tally.names = [name]
    with pytest.raises(DataError, match="a name should take 32 bytes of UTF-8 at most"):
        tally.fields()
    tally.names = ["ü" * 16]
    restore({"tally": tally}, pack({"tally": tally}))
    assert tally.names == ["ü" * 16]


def test_the_movement_under_way_is_not_kept() -> None:
    walk = np.random.default_rng(0).normal(0, 1, (3, 50)).astype(np.float32)
    one, other = gravity(), gravity()
    for _ in range(one.n_in_a_row - 1):
        assert not one.update(walk)
    other.restore(one.fields())
    assert one.update(walk)
    assert not other.update(walk)


def test_a_kept_state_of_version_1_can_be_read_by_struct_alone() -> None:
    content = (Path(__file__).parent / "data" / "state_v1.bin").read_bytes()
    n_fields = struct.unpack_from("<I", content, 60)[0]
    values, offset = {}, 64 + 40 * n_fields
    for index in range(n_fields):
        name, dtype, *shape = struct.unpack_from("<24s4s3I", content, 64 + 40 * index)
        n_values = 1
        for size in shape:
            n_values *= size or 1
        letter = {b"<f4": "f", b"<f8": "d", b"<u8": "Q", b"<u4": "I", b"<i8": "q", b"|u1": "B"}[
            dtype.rstrip(b"\0")
        ]
        own = struct.Struct(f"<{n_values}{letter}")
        values[name.rstrip(b"\0").decode()] = own.unpack_from(content, offset)
        offset += own.size
    assert offset == len(content) - 4
    assert values["tally.n_skipped"] == (1,)
    assert values["tally.counts"] == (7, 8, 8)
    assert bytes(values["tally.names"][:8]) == b"resting\0"
    expected = unpack(content[60:-4])
    assert {name: array.ravel().tolist() for name, array in expected.items()} == {
        name: list(own) for name, own in values.items()
    }
