"""REALDISP as published, and its three scenarios as data sets of their own."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from edgeclust.card import Card, Channel
from edgeclust.dataset import Recording
from edgeclust.errors import DataError
from edgeclust.har_data.class_ids import class_indices
from edgeclust.har_data.members import Members
from edgeclust.har_data.source import Source
from edgeclust.har_data.stamped import Bout, steady_recordings
from edgeclust.har_data.text_tables import read_numbers
from edgeclust.units import STANDARD_GRAVITY

ARCHIVES = (
    "realdisp+activity+recognition+dataset.zip",
    "realistic_sensor_displacement.zip",
)

PLACES = {
    "rla": "right lower arm",
    "rua": "right upper arm",
    "back": "back",
    "lua": "left upper arm",
    "lla": "left lower arm",
    "rc": "right calf",
    "rt": "right thigh",
    "lt": "left thigh",
    "lc": "left calf",
}
"""Where the units are, in the order of their columns."""

UNITS = (
    *((f"acc_{axis}", "g") for axis in "xyz"),
    *((f"gyro_{axis}", "rad/s") for axis in "xyz"),
    *((f"mag_{axis}", "unknown") for axis in "xyz"),
    *((f"quat_{part}", "1") for part in "1234"),
)
"""Channels of one place with their units; that of the magnetometers is not documented."""

CARD = Card(
    name="realdisp",
    rate_hz=50.0,
    channels=tuple(Channel(f"{place}_{name}", unit) for place in PLACES for name, unit in UNITS),
    window=512,
    stride=256,
    classes=(
        "walking",
        "jogging",
        "running",
        "jump up",
        "jump front and back",
        "jump sideways",
        "jump leg/arms open/closed",
        "jump rope",
        "trunk twist, arms outstretched",
        "trunk twist, elbows bent",
        "waist bends forward",
        "waist rotation",
        "waist bend, reach opposite foot",
        "reach heels backwards",
        "lateral bend",
        "lateral bend, arm up",
        "repetitive forward stretching",
        "upper-trunk and lower-body opposite twist",
        "arms lateral elevation",
        "arms frontal elevation",
        "frontal hand claps",
        "arms frontal crossing",
        "shoulders high-amplitude rotation",
        "shoulders low-amplitude rotation",
        "arms inner rotation",
        "knees alternately to breast",
        "heels to backside",
        "knees bending",
        "knees alternately bend forward",
        "rotation on knees",
        "rowing",
        "elliptic bike",
        "cycling",
    ),
    mount=", ".join(PLACES.values()),
    source="UCI 305 (Banos et al. 2012)",
)


def _recordings(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Recording]:
    """Read one log after another; the clock of most was set back once, which cuts them in two."""
    return steady_recordings(CARD, _bouts(members, paths, repairs), repairs)


def _bouts(members: Members, paths: list[str], repairs: Counter[str]) -> Iterator[Bout]:
    """Read one log after another, and count those that hold no measurement."""
    to_units = np.array([1 / STANDARD_GRAVITY if u == "g" else 1.0 for _, u in UNITS] * len(PLACES))
    for path in paths:
        where, name = f"{members.where}: {path}", PurePosixPath(path).stem
        found = re.fullmatch(r"subject(\d+)_((?:ideal|self|mutual)\d*)", name)
        if not found:
            raise DataError(f"{where}: is no log of REALDISP by its name")
        table = read_numbers(members, path, len(CARD.channels) + 3, "\t")
        samples = table[:, 2:-1]
        if not (samples[0].any() or samples.any()):
            repairs[f"log of nothing but zeros left out ({name})"] += 1
            continue
        labels = class_indices(where, table[:, -1], range(1, len(CARD.classes) + 1), null=0)
        times = table[:, 0] + table[:, 1] / 1e6
        samples *= to_units
        yield Bout(times, samples, labels, subject=found[1], session=found[2])


def _source(scenario: str, what: str) -> Source:
    """Return one scenario, or all where it is empty."""
    return Source(
        replace(CARD, name=f"realdisp-{scenario}") if scenario else CARD,
        what=f"33 exercises of 17 people, nine units on the body, {what}",
        pattern=f"subject*_{scenario}*.log",
        archives=ARCHIVES,
        read=_recordings,
        null_class="0, no activity",
        citation="Banos, Damas, Pomares, Rojas, Toth and Amft, "
        '"A benchmark dataset to evaluate sensor displacement in activity recognition", '
        "UbiComp 2012, 1026-1035",
        folder=CARD.name,
    )


SOURCES = (
    _source("", "in place and displaced"),
    _source("ideal", "placed by an instructor"),
    _source("self", "placed by themselves"),
    _source("mutual", "some of them displaced on purpose"),
)
"""All logs, and those of each scenario; `session` is the scenario as the log names it, as in
``mutual4``."""
