import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from edgeclust import DataError
from edgeclust.har_data import open_dataset, read_recordings_folder
from edgeclust.har_data.session_cache import read_session_cache

from command import run

START = np.datetime64("2026-01-01T00:00:00", "ms")


def session(number: int, n_samples: int, rate_hz: float, seed: int = 0) -> pd.DataFrame:
    """A session as a parser hands it over: stamps in whole milliseconds, float32 channels."""
    elapsed = np.round(np.arange(n_samples) * 1000 / rate_hz).astype("timedelta64[ms]")
    rng = np.random.default_rng((seed, number))
    table = pd.DataFrame({"timestamp": START + elapsed})
    for name in ("acc_x", "acc_y", "gyro_z"):
        table[name] = rng.normal(size=n_samples).astype(np.float32)
    return table


def write_cache(folder: Path, sessions: dict[int, pd.DataFrame]) -> Path:
    """Write sessions in the layout of the cache: one Parquet file, its rows shuffled in a session.

    Three tables lie in metadata, each with an unnamed column of row numbers; window_df.csv and
    the folders of later steps are there too, and are not read.
    """
    for part in ("data", "metadata", "sessions", "windows"):
        (folder / part).mkdir(parents=True)
    together = pd.concat([table.assign(session_id=number) for number, table in sessions.items()])
    together = together.sample(frac=1, random_state=0).sort_values("session_id", kind="stable")
    together.to_parquet(folder / "sessions" / "sessions.parquet", index=False)
    (folder / "sessions" / "parsing_hash.txt").write_text("0" * 64)
    activities = {"activity_id": [4, 1], "activity_name": ["Sitting", "Walking Upstairs"]}
    pd.DataFrame(activities).to_csv(folder / "metadata" / "activity_df.csv")
    ids = list(sessions)
    about = {"session_id": ids, "subject_id": [n // 2 for n in ids]}
    about["activity_id"] = [4 if n % 2 else 1 for n in ids]
    pd.DataFrame(about).to_csv(folder / "metadata" / "session_df.csv")
    pd.DataFrame({"session_id": [0], "window_id": ["x" * 22]}).to_csv(
        folder / "metadata" / "window_df.csv"
    )
    return folder


@pytest.mark.parametrize("rate_hz", [20.0, 30.0, 50.0, 100.0])
def test_sessions_are_recordings_of_one_activity(tmp_path: Path, rate_hz: float) -> None:
    sessions = {number: session(number, 400 + number, rate_hz) for number in range(3)}
    card, recordings = read_session_cache(write_cache(tmp_path / "toy_set", sessions))
    assert (card.name, card.rate_hz) == ("toy_set", rate_hz)
    assert card.channel_names == ["acc_x", "acc_y", "gyro_z"]
    assert card.classes == ("Walking Upstairs", "Sitting")
    assert [(r.subject, r.session) for r in recordings] == [("0", "0"), ("0", "1"), ("1", "2")]
    for number, recording in enumerate(recordings):
        expected = sessions[number][card.channel_names].to_numpy().T
        np.testing.assert_array_equal(recording.signal, expected)
        assert recording.labels is not None
        assert set(recording.labels.tolist()) == {number % 2}


def test_what_a_cache_does_not_say_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_cache(tmp_path / "toy", {0: session(0, 300, 50.0)})
    with caplog.at_level(logging.WARNING):
        dataset = open_dataset(folder)
    assert "no units, no mount and no rate: 50 Hz is what its stamps show" in caplog.text
    assert (dataset.card.channels[0].unit, len(dataset)) == ("unknown", 3)


def test_a_cache_becomes_a_recordings_folder(tmp_path: Path) -> None:
    folder = write_cache(tmp_path / "toy", {n: session(n, 300, 50.0) for n in range(2)})
    assert run("data", "convert", folder, tmp_path / "mine", "--format", "npz").exit_code == 0
    _, recordings = read_recordings_folder(tmp_path / "mine")
    for mine, other in zip(recordings, read_session_cache(folder)[1], strict=True):
        np.testing.assert_array_equal(mine.signal, other.signal)
        np.testing.assert_array_equal(mine.labels, other.labels)


def test_a_gap_cuts_a_session(tmp_path: Path) -> None:
    table = session(0, 200, 50.0)
    table.loc[100:, "timestamp"] += pd.Timedelta(seconds=5)
    _, recordings = read_session_cache(write_cache(tmp_path / "toy", {0: table}))
    assert [(r.session, r.signal.shape[1]) for r in recordings] == [("0", 100), ("0", 100)]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("metadata/activity_df.csv", None, "activity_df.csv: is not there, so this is no cache"),
        ("metadata/activity_df.csv", ",a\n0,1\n", "is no table with activity_id, activity_name"),
        (
            "metadata/activity_df.csv",
            ",activity_id,activity_name\n0,4,Sitting\n",
            "session_df.csv: activity 1 is not in metadata/activity_df.csv",
        ),
        (
            "metadata/session_df.csv",
            ",session_id,subject_id,activity_id\n0,9,1,4\n",
            "sessions.parquet: session 0 is not in metadata/session_df.csv",
        ),
        ("sessions/sessions.parquet", "PAR1", "sessions.parquet: is no Parquet file, or is damag"),
    ],
)
def test_what_is_wrong_in_a_cache_is_named(
    tmp_path: Path, file: str, content: str | None, message: str
) -> None:
    folder = write_cache(tmp_path / "toy", {0: session(0, 100, 50.0)})
    (folder / file).unlink() if content is None else (folder / file).write_text(content)
    with pytest.raises(DataError, match=message):
        read_session_cache(folder)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("timestamp", 1, "has no columns timestamp and session_id as whar-datasets writes"),
        ("acc_x", "much", "column acc_x holds str, not numbers"),
        ("timestamp", START, "no session has two samples within 1 s"),
    ],
)
def test_samples_of_another_kind_are_refused(
    tmp_path: Path, column: str, value: Any, message: str
) -> None:
    table = session(0, 100, 50.0).assign(**{column: value})
    with pytest.raises(DataError, match=message):
        read_session_cache(write_cache(tmp_path / "toy", {0: table}))
