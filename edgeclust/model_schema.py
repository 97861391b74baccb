"""The schema of the JSON in a model file: writer and reader hold it against this one table.

docs/model-file.md says it in words.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from edgeclust.errors import ModelFileError

SIGNALS, IMAGES = SCHEMA_VERSIONS = (1, 2)
"""Versions of the JSON: one of signals stays as the first devices read it; they refuse images."""

MEASURABLE = (1e-12, 1e12)
"""Least and most that a rate or a scale can sensibly be."""

MAX_LENGTH = 2**20
"""Most samples of a window, or pixels of a side."""

MAX_INPUT = 2**24
"""Most numbers of a window or an image, all channels together."""

MAX_TEXT = 2**22
"""Most characters of the JSON; those of the largest models have a few hundred thousand."""

MAX_FLOAT32 = 3.4e38

MAX_COUNT = 2**53
"""Most that is counted: beyond it JSON does not keep whole numbers apart."""


@dataclass(frozen=True)
class Key:
    """One key of the JSON.

    Parameters
    ----------
    rule : str
        What its value should be, as messages say it.
    holds : callable
        Whether a value is so.
    versions : tuple of int
        Versions that have the key.
    """

    rule: str
    holds: Callable[[Any], bool]
    versions: tuple[int, ...] = SCHEMA_VERSIONS


def _number(value: Any, least: float, most: float) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and least <= value <= most


def _whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _text(value: Any) -> bool:
    return type(value) is str and value.isprintable()


def _all(values: Any, holds: Callable[[Any], bool]) -> bool:
    return type(values) is list and all(map(holds, values))


def _channel(value: Any) -> bool:
    return type(value) is dict and _text(value.get("name")) and _text(value.get("unit"))


def _table(rows: Any) -> bool:
    """Whether it is a table of numbers that float32 holds, with a column at least."""
    return (
        _all(rows, lambda row: _all(row, lambda x: _number(x, -MAX_FLOAT32, MAX_FLOAT32)))
        and len({*map(len, rows)}) == 1
        and len(rows[0]) > 0
    )


def _triangle(rows: Any) -> bool:
    """Whether it is the lower triangle of a matrix, row by row, of numbers that float32 holds."""
    return _all(rows, lambda row: _all(row, lambda x: _number(x, -MAX_FLOAT32, MAX_FLOAT32))) and [
        *map(len, rows)
    ] == [*range(1, len(rows) + 1)]


def _axes(values: Any) -> bool:
    return _all(values, lambda index: _whole(index, 0, MAX_COUNT)) and len(values) == 3


def _unit(value: Any) -> bool:
    return (
        type(value) is dict
        and _axes(value.get("acceleration"))
        and (value.get("rotation") == [] or _axes(value.get("rotation")))
    )


def _alignment(value: Any) -> bool:
    return value is None or (
        type(value) is dict
        and _all(value.get("units"), _unit)
        and len(value["units"]) > 0
        and _table(value.get("reference"))
        and len(value["reference"]) == len(value["units"])
        and all(len(axes) == 3 and 1e-6 < math.hypot(*axes) < 1e6 for axes in value["reference"])
    )


KEYS: dict[str, Key] = {
    "schema_version": Key("1 or 2", lambda value: _whole(value, SIGNALS, IMAGES)),
    "data": Key("a text", _text),
    "rate_hz": Key("above 0 and finite", lambda value: _number(value, *MEASURABLE), (SIGNALS,)),
    "window": Key(
        f"a whole number above 0, up to {MAX_LENGTH}",
        lambda value: _whole(value, 1, MAX_LENGTH),
        (SIGNALS,),
    ),
    "stride": Key(
        f"a whole number above 0, up to {MAX_LENGTH}",
        lambda value: _whole(value, 1, MAX_LENGTH),
        (SIGNALS,),
    ),
    "mount": Key("a text", _text, (SIGNALS,)),
    "image": Key(
        f"height and width, whole numbers above 0, up to {MAX_LENGTH}",
        lambda value: _all(value, lambda side: _whole(side, 1, MAX_LENGTH)) and len(value) == 2,
        (IMAGES,),
    ),
    "channels": Key(
        "named, each once, with its unit",
        lambda value: (
            _all(value, _channel) and 0 < len(value) == len({entry["name"] for entry in value})
        ),
    ),
    "sigma": Key("above 0 and finite", lambda value: _number(value, *MEASURABLE)),
    "temperature": Key("above 0 and finite", lambda value: _number(value, *MEASURABLE)),
    "metric": Key(
        "null, or the lower triangle of a matrix, its rows of 1, 2, 3 and so on finite numbers",
        lambda value: value is None or _triangle(value),
        (SIGNALS,),
    ),
    "centroids": Key("a table of finite numbers", _table),
    "prior": Key(
        "shares above 0, up to 1, that sum to 1",
        lambda value: (
            _all(value, lambda share: _number(share, math.nextafter(0, 1), 1))
            and (not value or abs(math.fsum(value) - 1) < 1e-3)
        ),
    ),
    "counts": Key(
        "whole numbers of at least 0",
        lambda value: _all(value, lambda count: _whole(count, 0, MAX_COUNT)),
    ),
    "radii": Key(
        "finite and at least 0",
        lambda value: _all(value, lambda radius: _number(radius, 0, MAX_FLOAT32)),
    ),
    "names": Key(
        "texts, or null where a cluster has no name",
        lambda value: _all(value, lambda name: name is None or _text(name)),
    ),
    "alignment": Key(
        "null, or units with the indices of x, y and z and the gravity of each", _alignment
    ),
    "training": Key("an object", lambda value: type(value) is dict),
    "versions": Key(
        "an object of texts",
        lambda value: type(value) is dict and all(map(_text, value.values())),
    ),
}
"""Every key, in the order of docs/model-file.md. Of a version that lacks one, it is ignored."""


def parse(text: str) -> dict[str, Any]:
    """Read the JSON of a model file, of any version that this library reads, as the newest.

    Parameters
    ----------
    text : str
        What stands under the property ``edgeclust``.

    Returns
    -------
    content : dict
        As `check` wants it.

    Raises
    ------
    ModelFileError
        If it is no such JSON, or comes from a newer version; the message says which is needed.

    Examples
    --------
    >>> from edgeclust.model_schema import parse
    >>> parse('{"schema_version": 99, "versions": {"edgeclust": "7.1"}}')
    Traceback (most recent call last):
    edgeclust.errors.ModelFileError: its metadata has version 99, this edgeclust reads 1 and 2: \
install edgeclust 7.1, which wrote it, or a newer one
    """
    if len(text) > MAX_TEXT:
        raise ModelFileError(
            f"its metadata has {len(text)} characters, {MAX_TEXT} at most are read"
        )
    try:
        content = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"its metadata cannot be read: {error}") from error
    if type(content) is not dict:
        raise ModelFileError("its metadata should be one JSON object")
    version = content.get("schema_version")
    if type(version) is int and version > max(SCHEMA_VERSIONS):
        versions = content.get("versions")
        writer = versions.get("edgeclust") if type(versions) is dict else None
        need = f"edgeclust {writer}, which wrote it, or a newer one" if _text(writer) else ""
        raise ModelFileError(
            f"its metadata has version {version}, this edgeclust reads "
            f"{' and '.join(map(str, SCHEMA_VERSIONS))}: install {need or 'a newer edgeclust'}"
        )
    content.setdefault("temperature", 1.0)  # the first files had none, nor a metric
    content.setdefault("metric", None)
    check(content)
    return content


def check(content: dict[str, Any]) -> None:
    """Hold an object against the schema.

    Parameters
    ----------
    content : dict
        What is written to a model file, or was read from one. Not modified.

    Raises
    ------
    ModelFileError
        If a key is missing, holds something else than it should, or two do not fit; the message
        names the key, the rule and the value.
    """
    version = content.get("schema_version")
    for name, key in KEYS.items():
        if name != "schema_version" and version not in key.versions:
            continue
        value = _key(content, name)
        if not key.holds(value):
            raise ModelFileError(f"{name} should be {key.rule}, got {_shown(value)}")
    n_clusters, n_channels = len(content["centroids"]), len(content["channels"])
    for name in ("prior", "counts", "radii", "names"):
        if len(content[name]) != n_clusters:
            raise ModelFileError(
                f"{name} should have {n_clusters} entries, one for each centroid, "
                f"got {len(content[name])}"
            )
    shape = [content["window"]] if version == SIGNALS else content["image"]
    if n_channels * math.prod(shape) > MAX_INPUT:
        raise ModelFileError(
            f"what the model takes should have {MAX_INPUT} numbers at most, "
            f"got {n_channels} channels of {' x '.join(map(str, shape))}"
        )
    n_features = len(content["centroids"][0])
    if (
        version == SIGNALS
        and content["metric"] is not None
        and len(content["metric"]) != n_features
    ):
        raise ModelFileError(
            f"metric should have {n_features} rows, as many as the embedding has features, "
            f"got {len(content['metric'])}"
        )
    if content["alignment"] is not None:
        units = content["alignment"]["units"]
        turned = [*chain.from_iterable(unit["acceleration"] + unit["rotation"] for unit in units)]
        if max(turned) >= n_channels:
            names = [channel["name"] for channel in content["channels"]]
            raise ModelFileError(f"alignment should turn channels of {names} alone")


def _key(content: dict[str, Any], name: str) -> Any:
    """Return the value of a key that has to be there."""
    if name not in content:
        raise ModelFileError(f"its metadata lacks the key {name!r}")
    return content[name]


def _finite(text: str) -> float:
    """Return the number a text says, as JSON has no infinity and no NaN."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def _shown(value: Any) -> str:
    """Return a value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
