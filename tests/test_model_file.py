import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeclust import Channel, ModelFileError
from edgeclust.model_file import ModelMetadata
from edgeclust.model_schema import KEYS

METADATA = ModelMetadata(
    data="toy",
    rate_hz=25.0,
    window=50,
    stride=25,
    channels=(Channel("ax", "g"), Channel("wx", "rad/s")),
    mount="wrist",
    sigma=1.5,
    prior=(0.25, 0.75),
    centroids=np.array([[0.1, 0.2], [0.3, 0.4]], dtype=np.float32),
    counts=(3, 9),
    radii=(0.5, 1.0),
    names=(None, "walk"),
    training={"acc": 0.5},
    versions={"edgeclust": "0.1.0"},
    temperature=0.25,
    metric=np.array([[2.0, 0.0], [-0.5, 3.0]]),
)


def test_metadata_survive_json_bit_for_bit() -> None:
    back = ModelMetadata.from_json(METADATA.to_json())
    np.testing.assert_array_equal(back.centroids, METADATA.centroids)
    assert back.centroids.dtype == np.float32
    assert back.to_json() == METADATA.to_json()
    np.testing.assert_array_equal(back.metric, METADATA.metric)
    assert back.channels == METADATA.channels
    assert back.names == (None, "walk")


def test_a_file_without_a_temperature_is_read_as_before() -> None:
    content = json.loads(METADATA.to_json())
    assert content.pop("temperature") == 0.25
    assert ModelMetadata.from_json(json.dumps(content)).temperature == 1.0


def test_the_clusters_label_with_the_prior() -> None:
    clusters = METADATA.clusters
    assert clusters.sigma == 1.5
    np.testing.assert_allclose(clusters.log_prior, np.log([0.25, 0.75]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alignment": [0, 0, 1]}, r"alignment should be null, or units .*, got \[0, 0, 1\]"),
        (
            {
                "alignment": {
                    "units": [{"acceleration": [0, 1, 2], "rotation": []}],
                    "reference": [[0, 0, 1]],
                }
            },
            r"alignment should turn channels of \['ax', 'wx'\] alone",
        ),
        (
            {"schema_version": 3},
            "has version 3, this edgeclust reads 1 and 2: install edgeclust 0.1.0, which wrote it",
        ),
        ({"schema_version": 0}, "schema_version should be 1 or 2, got 0"),
        ({"prior": [float("inf"), 1]}, "cannot be read: Infinity is no finite number"),
        ({"radii": [float("nan"), 1]}, "cannot be read: NaN is no finite number"),
        ({"radii": [-1, 1]}, "radii should be finite and at least 0"),
        ({"sigma": 1e-320}, r"sigma should be above 0 and finite"),
        (
            {"channels": [{"name": "ax", "unit": "g"}] * 2},
            "channels should be named, each once, with its unit",
        ),
        ({"schema_version": "one"}, "schema_version should be 1 or 2, got 'one'"),
        ({"counts": [1]}, "counts should have 2 entries, one for each centroid, got 1"),
        ({"names": []}, "names should have 2 entries"),
        ({"sigma": 0}, "sigma should be above 0 and finite, got 0"),
        ({"rate_hz": "fast"}, "rate_hz should be above 0 and finite, got 'fast'"),
        ({"rate_hz": True}, "rate_hz should be above 0 and finite, got True"),
        ({"window": -1}, "window should be a whole number above 0, up to 1048576, got -1"),
        ({"window": 50.0}, "window should be a whole number above 0"),
        (
            {"window": 2**20, "channels": [{"name": str(n), "unit": "g"} for n in range(17)]},
            "should have 16777216 numbers at most, got 17 channels of 1048576",
        ),
        (
            {"prior": [0, 1]},
            r"prior should be shares above 0, up to 1, that sum to 1, got \[0, 1\]",
        ),
        ({"prior": [0.5, 0.6]}, "prior should be shares above 0, up to 1, that sum to 1"),
        ({"metric": [[1], [0]]}, "metric should be null, or the lower triangle of a matrix"),
        ({"metric": [[1], [0, 1e39]]}, "metric should be null, or the lower triangle of a matrix"),
        (
            {"metric": [[1]]},
            "metric should have 2 rows, as many as the embedding has features, got 1",
        ),
        ({"temperature": 0}, "temperature should be above 0 and finite, got 0"),
        ({"centroids": []}, "centroids should be a table of finite numbers"),
        ({"centroids": [[1], [1e39]]}, "centroids should be a table of finite numbers"),
        ({"centroids": [[1], [2, 3]]}, "centroids should be a table of finite numbers"),
        ({"channels": []}, "channels should be named, each once"),
        ({"channels": [{"name": "ax"}]}, "channels should be named, each once, with its unit"),
        ({"names": [None, "a\x1b[2J"]}, "names should be texts, or null"),
        ({"counts": [1.5, 2]}, "counts should be whole numbers of at least 0"),
        ({"training": []}, "training should be an object"),
        ({"versions": {"edgeclust": 1}}, "versions should be an object of texts"),
    ],
)
def test_metadata_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        ModelMetadata.from_json(json.dumps(json.loads(METADATA.to_json()) | change))


@pytest.mark.parametrize("key", KEYS)
def test_every_key_of_its_version_is_asked_for_and_described(key: str) -> None:
    image = replace(METADATA, image=(4, 4))
    for metadata in (METADATA, image):
        content = json.loads(metadata.to_json())
        version = content["schema_version"]
        del content[key]
        if key in ("temperature", "metric"):  # the first files had none
            read = ModelMetadata.from_json(json.dumps(content))
            assert getattr(read, key) == {"temperature": 1.0, "metric": None}[key]
        elif key == "schema_version" or version in KEYS[key].versions:
            with pytest.raises(ModelFileError, match=f"its metadata lacks the key '{key}'"):
                ModelMetadata.from_json(json.dumps(content))
        else:
            ModelMetadata.from_json(json.dumps(content))
    described = (Path(__file__).parent.parent / "docs" / "model-file.md").read_text()
    assert f"| `{key}` |" in described


def test_the_writer_is_held_to_the_same_schema() -> None:
    with pytest.raises(ModelFileError, match=r"sigma should be above 0 and finite, got nan"):
        replace(METADATA, sigma=float("nan"))
    with pytest.raises(ModelFileError, match=r"data should be a text, got 'a\\nb'"):
        replace(METADATA, data="a\nb")
    with pytest.raises(ModelFileError, match=r"centroids should be a table of finite numbers"):
        replace(METADATA, centroids=np.full((2, 2), np.nan, np.float32))


def test_a_newer_version_names_the_edgeclust_it_needs() -> None:
    newer = json.dumps({"schema_version": 7, "versions": {"edgeclust": "2.5.0"}})
    with pytest.raises(
        ModelFileError, match=r"install edgeclust 2\.5\.0, which wrote it, or a newer"
    ):
        ModelMetadata.from_json(newer)


def test_keys_of_other_versions_and_unknown_keys_are_ignored() -> None:
    content = json.loads(METADATA.to_json()) | {"image": [3, 4], "colour": "blue"}
    assert ModelMetadata.from_json(json.dumps(content)).to_json() == METADATA.to_json()


def test_metadata_beyond_measure_are_not_parsed() -> None:
    with pytest.raises(ModelFileError, match="has 4194305 characters, 4194304 at most are read"):
        ModelMetadata.from_json(" " * (2**22 + 1))


@pytest.mark.parametrize("depth", [100, 100_000])
def test_deep_json_is_refused(depth: int) -> None:
    with pytest.raises(ModelFileError, match="its metadata"):
        ModelMetadata.from_json("[" * depth)
    with pytest.raises(ModelFileError, match="its metadata"):
        ModelMetadata.from_json("[" * depth + "]" * depth)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(ModelFileError, match=r"its metadata"):
        ModelMetadata.from_json(text)
