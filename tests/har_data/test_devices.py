import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from edgeclust import DataError
from edgeclust.errors import MissingExtraError
from edgeclust.har_data import open_dataset, read_recordings_folder
from edgeclust.har_data.devices import read_device

from command import fails_with, run
from gt3x_files import plain_second, write_gt3x

START = np.datetime64("2026-01-01T00:00:00", "us")


def write_cwa(path: Path, raw: NDArray[np.int16], gap_s: int = 0) -> float:
    """Write an Axivity file at 6.25 Hz: a header, then blocks of 80 samples, 2048 to the g.

    A block has the whole second nearest to its start and which of its samples that is of; its
    words add up to 0. The later half of the blocks comes `gap_s` later.
    """
    code, rate_hz = 0x46, 6.25
    header = bytearray(1024)
    header[:2], header[36] = b"MD", code
    header[2:4] = struct.pack("<H", 508)
    blocks = [bytes(header)]
    n_blocks = len(raw) // 80
    for number in range(n_blocks):
        start = number * 80 / rate_hz + (gap_s if number >= n_blocks // 2 else 0)
        second = int(np.ceil(start))
        when = (START + np.timedelta64(second, "s")).item()
        day = (when.year - 2000) << 26 | when.month << 22 | when.day << 17
        stamp = day | when.hour << 12 | when.minute << 6 | when.second
        light, offset = 3 << 13, round((second - start) * rate_hz)
        fields = (0x5841, 508, 0, 1, number, stamp, light, 250, 0, 200, code, 0x32, offset, 80)
        block = struct.pack("<HHHIIIHHBBBBhH", *fields)
        block += raw[number * 80 : (number + 1) * 80].astype("<i2").tobytes()
        block = block.ljust(510, b"\0")
        words = int(np.frombuffer(block, "<u2").astype(np.int64).sum())
        blocks.append(block + struct.pack("<H", -words & 0xFFFF))
    path.write_bytes(b"".join(blocks))
    return rate_hz


def write_bin(path: Path, raw: NDArray[np.int16]) -> float:
    """Write a GENEActiv file at 10 Hz: 59 lines of header, then pages of 300 samples in hex."""
    lines = ["Device Identity", *["-"] * 18, "Measurement Frequency:10 Hz", *["-"] * 26]
    lines += ["Calibration Data", "x gain:25600", "x offset:0", "y gain:25600", "y offset:0"]
    lines += ["z gain:25600", "z offset:0", "Volts:300", "Lux:800", "-", "Memory Status"]
    lines += [f"Number of Pages:{len(raw) // 300}", "-"]
    for number in range(len(raw) // 300):
        when = str((START + np.timedelta64(30 * number, "s")).astype("datetime64[ms]"))
        lines += ["Recorded Data", "Device Unique Serial Code:012345"]
        lines += [f"Sequence Number:{number}", f"Page Time:{when[:10]} {when[11:19]}:{when[20:]}"]
        lines += ["Unassigned:", "Temperature:25.0", "Battery voltage:4.0"]
        lines += ["Device Status:Recording", "Measurement Frequency:10.0"]
        page = raw[number * 300 : (number + 1) * 300].astype(int) & 0xFFF
        lines.append("".join(f"{x:03X}{y:03X}{z:03X}000" for x, y, z in page))
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode())
    return 10.0


WRITERS = {".cwa": (write_cwa, 2048), ".bin": (write_bin, 256)}
COUNTING = np.stack([np.arange(2400) % 500, -np.arange(2400) % 99, np.full(2400, 256)], 1)


@pytest.mark.parametrize("suffix", WRITERS)
def test_what_a_device_recorded_is_read_in_g(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("skdh")
    write, per_g = WRITERS[suffix]
    rate_hz = write(tmp_path / f"day{suffix}", COUNTING.astype(np.int16))
    data = read_device(tmp_path / f"day{suffix}")
    assert (data.card.name, data.card.rate_hz, data.calibration) == ("day", rate_hz, None)
    assert list(map(str, data.card.channels)) == ["acc_x (g)", "acc_y (g)", "acc_z (g)"]
    (recording,) = data.recordings
    np.testing.assert_array_equal(recording.signal.T, np.float32(1 / per_g) * COUNTING)
    assert (recording.labels, recording.session, data.columns) == (None, "day", [{}])


def test_each_stretch_without_a_gap_is_a_recording(tmp_path: Path) -> None:
    pytest.importorskip("skdh")
    write_cwa(tmp_path / "day.cwa", COUNTING.astype(np.int16), gap_s=60)
    out = tmp_path / "mine"
    shown = run("data", "convert", tmp_path / "day.cwa", out, "--format", "parquet")
    assert shown.exit_code == 0
    assert "unknown, shorter than an hour" in shown.stdout
    _, recordings = read_recordings_folder(out)
    assert [(r.session, r.signal.shape[1]) for r in recordings] == [
        ("day", 1200),
        ("day", 1200),
    ]


def test_non_wear_is_a_column_and_calibration_is_told_and_not_applied(tmp_path: Path) -> None:
    pytest.importorskip("skdh")
    rng = np.random.default_rng(0)
    n_worn, n_off = 80 * 2600, 80 * 1100  # about 9 hours and 4 hours at 6.25 Hz
    turned = rng.normal(size=(n_worn // 400, 3))
    rest = np.repeat(turned / np.linalg.norm(turned, axis=1, keepdims=True), 400, axis=0)
    truth = np.concatenate([rest, np.tile([0.0, 0.0, 1.0], (n_off, 1))])
    offset, scale = np.array([0.03, -0.02, 0.01]), np.array([1.02, 0.98, 1.01])
    noise = rng.normal(0, 0.002, truth.shape)
    raw = np.rint((truth / scale - offset + noise) * 2048).astype(np.int16)
    write_cwa(tmp_path / "day.cwa", raw)

    data = read_device(tmp_path / "day.cwa")
    assert data.calibration is not None
    np.testing.assert_allclose(data.calibration.offset, offset, atol=0.003)
    np.testing.assert_allclose(data.calibration.scale, scale, atol=0.003)
    assert data.calibration.before_g > 0.01
    assert data.calibration.after_g < 0.002

    shown = run("data", "convert", tmp_path / "day.cwa", tmp_path / "mine")
    assert "found, not applied: (acc + offset) * scale" in shown.stdout
    (recording,) = read_recordings_folder(tmp_path / "mine")[1]
    np.testing.assert_array_equal(recording.signal.T * 2048, raw)
    non_wear = pd.read_csv(tmp_path / "mine" / "0000_day.csv")["non_wear"]
    assert set(non_wear) == {0, 1}
    # Found to an hour, the window that is looked at.
    assert non_wear[: n_worn - 22_500].mean() < 0.01
    assert non_wear[n_worn + 22_500 :].mean() > 0.99


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("day.gt3x", None, "day.gt3x: is not there"),
        ("day.cwa", None, "day.cwa: is not there"),
        ("day.bin", b"-" * 2000, "day.bin: is no GENEActiv file, its header has no calibration"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_device(tmp_path / name)
    assert message in fails_with(run("data", "convert", tmp_path / name, tmp_path / "out"))


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("skdh")
    (tmp_path / "day.cwa").write_bytes(b"-" * 4096)
    with pytest.raises(DataError, match=r"day.cwa: could not be read as a device's file"):
        read_device(tmp_path / "day.cwa")


def test_gt3x_goes_the_way_of_the_others_its_gaps_cut_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("skdh")
    samples = np.tile(np.arange(30)[:, None], 3)
    records = [plain_second(second, samples) for second in (*range(100, 110), *range(170, 172))]
    write_gt3x(tmp_path / "day.gt3x", b"".join(records))
    data = read_device(tmp_path / "day.gt3x")
    assert (data.card.name, data.card.rate_hz, data.calibration) == ("day", 30.0, None)
    assert list(map(str, data.card.channels)) == ["acc_x (g)", "acc_y (g)", "acc_z (g)"]
    assert [(r.start_s, r.signal.shape[1], r.labels) for r in data.recordings] == [
        (100, 300, None),
        (170, 60, None),
    ]
    assert "repaired: 1 gaps cut" in caplog.text
    assert data.columns == [{}, {}]
    shown = run("data", "convert", tmp_path / "day.gt3x", tmp_path / "mine")
    assert "repaired: 1 gaps cut" in shown.stderr
    times = pd.read_csv(tmp_path / "mine" / "0001_day.csv")["time"]  # the device's clock
    assert times[:2].to_list() == [170, 170.033333]
    for mine, own in zip(
        read_recordings_folder(tmp_path / "mine")[1], data.recordings, strict=True
    ):
        np.testing.assert_array_equal(mine.signal, own.signal)


def test_the_extra_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "day.cwa").write_bytes(b"MD")
    monkeypatch.setattr("edgeclust.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"needs skdh: pip install 'edgeclust\[devices\]'"):
        read_device(tmp_path / "day.cwa")


def test_a_device_is_made_a_folder_before_anything_else(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a folder of it first: edgeclust data convert day.cwa"):
        open_dataset("day.cwa")
    result = run("data", "convert", "day.cwa", tmp_path / "x", "--rate-hz", "50")
    assert "are not for the file of a device" in fails_with(result)
