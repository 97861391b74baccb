import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edgeclust import DataError, Recording
from edgeclust.har_data import read_recordings_folder

from toy import TOY_CARD

CARD = replace(TOY_CARD, window=4, stride=2)
STEPS = np.arange(50)
"""Times of two seconds at 25 Hz, in samples."""


def read(folder: Path, stamps: list[object], kind: str | None = None) -> list[Recording]:
    """Read one CSV whose samples have some stamps; ax counts them."""
    folder.mkdir(exist_ok=True)
    card = CARD.to_json() | ({} if kind is None else {"time": kind})
    (folder / "dataset.json").write_text(json.dumps(card))
    (folder / "recordings.csv").write_text("file,subject,session\na.csv,anna,day\n")
    table = pd.DataFrame({"time": stamps, "ax": range(len(stamps)), "ay": 0.5, "az": 1.0})
    table["label"] = ["walk"] * len(table)
    table.to_csv(folder / "a.csv", index=False)
    return read_recordings_folder(folder)[1]


EPOCH = 1_700_000_000


@pytest.mark.parametrize(
    ("kind", "stamps"),
    [
        (None, (EPOCH + STEPS / 25).tolist()),
        ("s", (STEPS / 25).tolist()),
        ("ms", (EPOCH * 10**3 + STEPS * 40).tolist()),
        ("us", (EPOCH * 10**6 + STEPS * 40_000).tolist()),
        ("ns", (EPOCH * 10**9 + STEPS * 40_000_000).tolist()),
        ("ns", (2**63 + STEPS.astype(np.uint64) * np.uint64(40_000_000)).tolist()),
        ("iso8601", [f"2025-10-26 00:00:{n // 25:02}.{n % 25 * 40:03}" for n in STEPS]),
        ("iso8601", [f"2025-10-26T00:00:{n // 25:02},{n % 25 * 40:03}Z" for n in STEPS]),
        (None, [f"2025-10-26T00:00:{n // 25:02}.{n % 25 * 40:03}Z" for n in STEPS]),
    ],
)
def test_steady_stamps_of_every_kind_leave_the_samples_alone(
    tmp_path: Path, kind: str | None, stamps: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    (recording,) = read(tmp_path / "mine", stamps, kind)
    np.testing.assert_array_equal(recording.signal[0], STEPS)
    assert not caplog.records


def test_the_hour_that_clocks_are_set_back_is_no_gap(tmp_path: Path) -> None:
    utc = pd.Timestamp("2025-10-26T00:59:59", tz="UTC") + pd.to_timedelta(STEPS * 40, unit="ms")
    stamps = [stamp.isoformat() for stamp in utc.tz_convert("Europe/Berlin")]
    assert stamps[24].endswith("+02:00")
    assert stamps[25].endswith("+01:00")
    assert len(read(tmp_path / "mine", list(stamps))) == 1


def test_what_is_repaired_is_said_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    times = (STEPS / 25).tolist()
    times[10], times[11] = times[11], times[10]
    stamps = [*times, times[-1], *(9 + STEPS / 25)]
    with caplog.at_level(logging.WARNING):
        first, second = read(tmp_path / "mine", stamps)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{tmp_path / 'mine'}: repaired: 1 gaps cut, 1 samples of a repeated stamp left out, "
        "1 samples out of order sorted"
    )
    assert (first.session, second.session) == ("day", "day")
    assert first.signal[0].tolist() == [*range(10), 11, 10, *range(12, 50)]
    assert second.signal[0].tolist() == list(range(51, 101))


def test_irregular_stamps_are_brought_to_the_rate_of_the_card(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    kept = np.sort(rng.choice(np.arange(1, 499), 400, replace=False))
    times = np.concatenate([[0], kept, [499]]) / 25
    folder = tmp_path / "mine"
    read(folder, list(STEPS / 25))  # writes the folder
    table = pd.DataFrame({"time": times, "ax": np.sin(times), "ay": 0.5, "az": 1.0})
    table.to_csv(folder / "a.csv", index=False)
    (recording,) = read_recordings_folder(folder)[1]
    assert recording.signal.shape == (3, 500)
    np.testing.assert_allclose(recording.signal[0], np.sin(np.arange(500) / 25), atol=0.01)
    assert recording.labels is None
    assert "1 stretches brought to a steady rate" in caplog.text


def test_a_recording_at_a_slow_rate_is_not_cut_to_pieces(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    read(folder, list(STEPS / 25))
    card = CARD.to_json() | {"rate_hz": 0.5}
    (folder / "dataset.json").write_text(json.dumps(card))
    table = pd.DataFrame({"time": [0, 2, 4, 8, 10], "ax": [0, 2, 4, 8, 10], "ay": 1, "az": 1})
    table.to_csv(folder / "a.csv", index=False)
    (recording,) = read_recordings_folder(folder)[1]
    np.testing.assert_allclose(recording.signal[0], [0, 2, 4, 6, 8, 10])


@pytest.mark.parametrize(
    ("kind", "stamps", "message"),
    [
        (None, EPOCH * 10**3 + STEPS * 40, 'show 0.025 Hz, 25 Hz .* say "time": "ms" in'),
        (None, EPOCH * 10**9 + STEPS * 40_000_000, 'look like ns, so say "time": "ns" in'),
        ("ms", EPOCH + STEPS / 25, "show 2.5e.04 Hz, 25 Hz is expected: they look like s, so say"),
        (None, STEPS / 50, r"a.csv: its time stamps show 50 Hz, 25 Hz .*convert --rate-hz 25"),
        ("iso8601", STEPS / 25, r"a.csv, line 2: column time holds '0.0', a date with time is"),
        (
            "ms",
            ["2025-01-01T00:00:00Z"] * 3,
            r"line 2: column time holds '2025.* says \"time\": \"ms",
        ),
        (None, ["0", "now", "2"], r"a.csv, line 2: column time holds '0', .* seconds throughout"),
        (
            None,
            ["2025-01-01T00:00:00Z", "2025-01-01T00:00:00.04"],
            "line 3: column time holds '2025-01-01T00:00:00.04', unlike those before it as to a z",
        ),
        (None, ["2025-01-01T00:00:00Z", "", "2025-01-01T00:00:00Z"], "line 3: column time is empt"),
        (None, [0.0, np.inf, 0.04], r"a.csv, line 3: column time holds inf, a time is expected"),
        (None, [3, 3, 3], r"a.csv: no two samples have different time stamps, 1 s apart at most"),
        ("hours", [0, 1], r"dataset.json: time should be s, ms, us, ns, iso8601, got 'hours'"),
    ],
)
def test_stamps_that_are_not_what_is_said_are_refused(
    tmp_path: Path, kind: str | None, stamps: list[object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path / "mine", list(stamps), kind)
