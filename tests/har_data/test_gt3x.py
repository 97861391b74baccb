import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeclust import DataError
from edgeclust.har_data.gt3x import DAMAGED, ODD, find_records, read_gt3x
from edgeclust.har_data.stamped import GAPS, REPEATED, SWAPPED

from gt3x_files import packed_second, plain_second, record, write_gt3x

RNG = np.random.default_rng(0)


def seconds(n: int, rate: int = 30) -> NDArray[np.int64]:
    """Return samples of some seconds, of shape (n, rate, 3)."""
    return RNG.integers(-2048, 2048, (n, rate, 3))


def test_the_samples_of_the_published_example_are_read(tmp_path: Path) -> None:
    # Three samples, y, x, z; the last half byte is not used.
    payload = bytes.fromhex("006008EBD007009EBF007008EBF0")
    log = record(0x00, 1421142129, payload)
    write_gt3x(tmp_path / "a.gt3x", log, {"Sample Rate": "3", "Acceleration Scale": "341.0"})
    rate_hz, (stretch,) = read_gt3x(tmp_path / "a.gt3x", Counter())
    assert (rate_hz, stretch.start_s) == (3, 1421142129)
    counts = np.array([[8, 9, 8], [6, 7, 7], [-323, -321, -321]])
    np.testing.assert_array_equal(stretch.acceleration, np.float32(counts / 341))
    assert stretch.acceleration[:, 0].tolist() == pytest.approx([0.023, 0.018, -0.947], abs=5e-4)


@pytest.mark.parametrize("rate", [30, 31, 100])
@pytest.mark.parametrize("write", [packed_second, plain_second])
def test_both_kinds_of_seconds_are_read_among_others_of_no_use(
    tmp_path: Path, rate: int, write: Callable[[int, NDArray[np.int64]], bytes]
) -> None:
    samples, repairs = seconds(5, rate), Counter[str]()
    log = record(0x06, 99, b'{"JSON": "SubjectName"}')
    for second, values in enumerate(samples, start=100):
        log += write(second, values) + record(0x02, second, b"\x34\x10")
    log += (
        b"\0\0\0" + record(0x1A, 104, b"\x01") + record(0x03, 104, b"\x08") + record(0x19, 105, b"")
    )
    write_gt3x(tmp_path / "a.gt3x", log, {"Sample Rate": str(rate)})
    _, (stretch,) = read_gt3x(tmp_path / "a.gt3x", repairs)
    np.testing.assert_array_equal(stretch.acceleration.T, samples.reshape(-1, 3) / np.float32(256))
    assert not +repairs


def test_seconds_of_both_kinds_stand_in_the_order_of_their_time(tmp_path: Path) -> None:
    samples, repairs = seconds(4), Counter[str]()
    writers = (plain_second, packed_second, packed_second, plain_second)
    log = b"".join(write(s, v) for s, (write, v) in enumerate(zip(writers, samples, strict=True)))
    write_gt3x(tmp_path / "a.gt3x", log)
    _, (stretch,) = read_gt3x(tmp_path / "a.gt3x", repairs)
    np.testing.assert_array_equal(stretch.acceleration.T * 256, samples.reshape(-1, 3))
    assert not +repairs


def test_missing_seconds_cut_and_disorder_is_mended_and_counted(tmp_path: Path) -> None:
    samples, repairs = seconds(6), Counter[str]()
    order = (10, 12, 11, 11, 20, 21)
    log = b"".join(plain_second(s, v) for s, v in zip(order, samples, strict=True))
    write_gt3x(tmp_path / "a.gt3x", log)
    _, stretches = read_gt3x(tmp_path / "a.gt3x", repairs)
    assert [stretch.start_s for stretch in stretches] == [10, 20]
    first = samples[[0, 2, 1]].reshape(-1, 3)  # the later of two of one second is left out
    np.testing.assert_array_equal(stretches[0].acceleration.T * 256, first)
    assert +repairs == {GAPS: 1, SWAPPED: 30, REPEATED: 30}


@pytest.mark.parametrize(
    ("info", "settings", "expected"),
    [
        ({"Acceleration Scale": "341,0"}, b"", 341),  # as a computer set to German writes it
        ({"Acceleration Scale": None}, bytes.fromhex("00000600 02000000 00003700 00004009"), 256),
        ({"Acceleration Scale": None, "Serial Number": "NEO1C16110020"}, b"", 341),
        ({"Acceleration Scale": None, "Serial Number": "CLE2B21130055"}, b"\0" * 9, 341),
        ({"Acceleration Scale": None, "Serial Number": "MOS2D25150160"}, b"", 256),
    ],
)
def test_the_scale_is_that_of_the_file_its_settings_or_its_device(
    tmp_path: Path, info: dict[str, str | None], settings: bytes, expected: float
) -> None:
    log = record(0x15, 1, settings) + plain_second(2, np.full((30, 3), 512))
    write_gt3x(tmp_path / "a.gt3x", log, info)
    _, (stretch,) = read_gt3x(tmp_path / "a.gt3x", Counter())
    assert np.unique(stretch.acceleration) == np.float32(512 / expected)


def test_a_bit_that_is_turned_costs_its_record_and_is_counted() -> None:
    rng = np.random.default_rng(1)
    records = [plain_second(100 + n, rng.integers(-2048, 2048, (3, 3))) for n in range(4)]
    whole, size = b"".join(records), len(records[0])
    for bit in range(8 * len(whole)):
        log, repairs = bytearray(whole), Counter[str]()
        log[bit // 8] ^= 1 << bit % 8
        left = [n * size for n in range(4) if n != bit // 8 // size]
        assert find_records(bytes(log), repairs).tolist() == left
        assert repairs == {DAMAGED: 1}


def test_a_log_that_is_cut_keeps_what_is_whole(tmp_path: Path) -> None:
    log = b"".join(packed_second(100 + n, values) for n, values in enumerate(seconds(3)))
    for length in (len(log) - 1, len(log) - 130, 2 * len(log) // 3 + 3):
        repairs = Counter[str]()
        write_gt3x(tmp_path / "a.gt3x", log[:length])
        _, (stretch,) = read_gt3x(tmp_path / "a.gt3x", repairs)
        assert (stretch.acceleration.shape, +repairs) == ((3, 60), {DAMAGED: 1})


def test_a_record_says_a_size_that_is_not_there() -> None:
    log = struct.pack("<BBIH", 0x1E, 0, 5, 0xFFFF) + plain_second(6, seconds(1)[0])
    repairs = Counter[str]()
    assert find_records(log, repairs).tolist() == [8]
    assert find_records(b"", repairs).tolist() == []
    assert repairs[DAMAGED] == 1


def test_a_second_of_fewer_samples_is_left_out_and_counted(tmp_path: Path) -> None:
    log = b"".join(plain_second(n, values) for n, values in enumerate(seconds(2)))
    log += plain_second(2, seconds(1)[0, :29])
    repairs = Counter[str]()
    write_gt3x(tmp_path / "a.gt3x", log)
    _, (stretch,) = read_gt3x(tmp_path / "a.gt3x", repairs)
    assert (stretch.acceleration.shape, +repairs) == ((3, 60), {ODD: 1})


@pytest.mark.parametrize(
    ("info", "name", "message"),
    [
        ({}, "activity.bin", "a.gt3x: is of firmware 2.5.0 or older .* export raw CSV from Acti"),
        ({}, "other.bin", "a.gt3x: is no file of an ActiGraph, it has no log.bin"),
        ({"Sample Rate": None}, "log.bin", "should say Sample Rate as a number above 0, got ''"),
        ({"Sample Rate": "30.5"}, "log.bin", "a Sample Rate of 30.5, a whole number from 2 to"),
        ({"Sample Rate": "1e9"}, "log.bin", r"a Sample Rate of 1e\+09, a whole number from 2 to"),
        ({"Sample Rate": "50"}, "log.bin", "holds no second of 50 samples of acceleration"),
        ({"Acceleration Scale": "-1"}, "log.bin", "Acceleration Scale as a number above 0"),
        ({"Acceleration Scale": None}, "log.bin", "no Acceleration Scale for the device 'TAS1H3"),
    ],
)
def test_what_is_no_such_file_is_named(
    tmp_path: Path, info: dict[str, str | None], name: str, message: str
) -> None:
    write_gt3x(tmp_path / "a.gt3x", plain_second(1, seconds(1)[0]), info, name)
    with pytest.raises(DataError, match=message):
        read_gt3x(tmp_path / "a.gt3x", Counter())


def test_archives_that_are_cut_or_traps_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gt3x"
    write_gt3x(path, plain_second(1, seconds(1)[0]))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"a.gt3x: is no archive, or damaged or cut"):
        read_gt3x(path, Counter())
    write_gt3x(path, bytes(10_000_000))
    with pytest.raises(DataError, match=r"log.bin unpacks to 10,000,000 bytes .* refused"):
        read_gt3x(path, Counter())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../log.bin", b"")
    with pytest.raises(DataError, match=r"leads out of it: refused"):
        read_gt3x(path, Counter())
