import json
from typing import Any

import numpy as np
import pytest

from edgeclust import Channel, ModelFileError
from edgeclust.model_file import ModelMetadata

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
)


def test_metadata_survive_json_bit_for_bit() -> None:
    back = ModelMetadata.from_json(METADATA.to_json())
    np.testing.assert_array_equal(back.centroids, METADATA.centroids)
    assert back.centroids.dtype == np.float32
    assert back.to_json() == METADATA.to_json()
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
        ({"alignment": [0, 0, 1]}, "its metadata cannot be read"),
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
            "has version 3, this edgeclust reads 1 and 2: install a newer edge",
        ),
        ({"schema_version": 0}, r"has version 0, this edgeclust reads 1 and 2"),
        ({"prior": [float("inf"), 1]}, r"prior should hold shares above 0, up to 1"),
        ({"radii": [float("nan"), 1]}, r"radii should be finite and at least 0"),
        ({"sigma": 1e-320}, r"sigma should be above 0 and finite"),
        ({"channels": [{"name": "ax", "unit": "g"}] * 2}, r"each once, got \['ax', 'ax'\]"),
        ({"schema_version": "one"}, "its metadata cannot be read"),
        ({"counts": [1]}, "counts should have 2 entries, one for each centroid, got 1"),
        ({"names": []}, "names should have 2 entries"),
        ({"sigma": 0}, "sigma should be above 0 and finite, got 0"),
        ({"rate_hz": "fast"}, "its metadata cannot be read"),
        ({"window": -1}, "window should be above 0"),
        ({"temperature": 0}, "temperature should be above 0 and finite, got 0"),
        ({"prior": [0, 1]}, "prior should hold shares above 0"),
        ({"centroids": []}, "centroids should be a table of finite numbers"),
        ({"centroids": [[1], [2, 3]]}, "its metadata cannot be read"),
        ({"channels": []}, "channels should be named, each once"),
        ({"channels": [{"name": "ax"}]}, "its metadata lacks the key 'unit'"),
    ],
)
def test_metadata_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        ModelMetadata.from_json(json.dumps(json.loads(METADATA.to_json()) | change))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(ModelFileError, match=r"its metadata"):
        ModelMetadata.from_json(text)
