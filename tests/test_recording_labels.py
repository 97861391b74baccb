"""Labels of a whole recording: those of a stream, to the last cluster."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeclust import DataError, Labeler
from edgeclust.alignment import GravityAlignment, GravityEstimate, Unit
from edgeclust.encoder import OnnxEncoder
from edgeclust.recording_labels import RecordingLabels, label_recording

from toy import toy_recordings

SAMPLES = toy_recordings(n_subjects=1, seconds=200, seed=5)[0].signal.T
"""Ten minutes at 25 Hz: more windows than a batch has."""


def assert_as_streamed(
    encoder: OnnxEncoder,
    labels: RecordingLabels,
    samples: NDArray[np.float32],
    t: NDArray[np.float64] | None = None,
    rate_hz: float | None = None,
) -> None:
    labeler = Labeler(encoder, rate_hz, learn="off")
    events = labeler.push(samples, t) + labeler.finish()
    assert len(labels) == len(events)
    assert labels.t.tolist() == [event.t for event in events]
    assert labels.skipped.tolist() == [event.skipped for event in events]
    clusters = [-1 if event.cluster is None else event.cluster for event in events]
    assert labels.cluster.tolist() == clusters
    assert labels.novel.tolist() == [bool(event.novel) for event in events]
    for name in ("distance", "confidence"):
        streamed = np.array([getattr(event, name) for event in events], np.float64)
        np.testing.assert_allclose(getattr(labels, name), streamed, rtol=0, atol=1e-5)


@pytest.fixture(scope="module", params=["as it is", "turned"])
def encoder(toy_model: Path, request: pytest.FixtureRequest) -> OnnxEncoder:
    """The toy model, once with an alignment that the first movement changes."""
    opened = OnnxEncoder(toy_model)
    reference = ((0.6, 0.0, 0.8),)
    alignment = GravityAlignment((Unit((0, 1, 2), ()),), reference)
    if request.param == "turned":
        object.__setattr__(opened.metadata, "alignment", alignment)
    else:
        object.__setattr__(opened.metadata, "alignment", None)
    return opened


def test_a_recording_is_labelled_as_its_stream(encoder: OnnxEncoder) -> None:
    labels = label_recording(encoder, SAMPLES)
    assert len(labels) == 599
    assert len({*labels.cluster.tolist()}) > 1
    assert_as_streamed(encoder, labels, SAMPLES)


def test_holes_gaps_and_huge_values_are_skipped_as_in_a_stream(encoder: OnnxEncoder) -> None:
    samples, t = SAMPLES.copy(), np.arange(len(SAMPLES)) / 25
    samples[700] = np.nan
    samples[9_000] = 3e38
    t[5_000:] += 60
    t[7_000:7_030] += np.linspace(0, 0.9, 30)
    t[7_030:] += 0.9
    t[8_000] = t[7_999]
    with np.errstate(over="ignore", invalid="ignore"):
        labels = label_recording(encoder, samples, t)
        assert_as_streamed(encoder, labels, samples, t)
    assert len({*labels.skipped.tolist()}) > 2


@pytest.mark.parametrize("told_hz", [None, 50.0])
def test_another_rate_is_resampled_as_in_a_stream(
    encoder: OnnxEncoder, told_hz: float | None
) -> None:
    samples, t = SAMPLES.repeat(2, axis=0)[:9_000], np.arange(9_000) / 50
    labels = label_recording(encoder, samples, t, rate_hz=told_hz)
    assert_as_streamed(encoder, labels, samples, t, told_hz)


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from([0.04, 0.05, 0.5, 2.0, -3.0]))))
@settings(max_examples=20, deadline=None)
def test_whatever_the_stamps_it_is_as_in_a_stream(
    toy_model: Path, steps: list[tuple[int, float]]
) -> None:
    opened = OnnxEncoder(toy_model)
    spaced = np.full(400, 0.04)
    for index, step in steps:
        spaced[index:][:1] = step
    t, samples = np.cumsum(spaced), SAMPLES[:400]
    try:
        Labeler(opened).push(samples, t)
    except DataError as error:
        with pytest.raises(DataError, match=re.escape(str(error))):
            label_recording(opened, samples, t)
    else:
        assert_as_streamed(opened, label_recording(opened, samples, t), samples, t)


def test_a_recording_shorter_than_a_window_has_no_labels(encoder: OnnxEncoder) -> None:
    assert len(label_recording(encoder, SAMPLES[:49])) == 0
    assert len(label_recording(encoder, SAMPLES[:0])) == 0
    assert len(label_recording(encoder, SAMPLES[:50])) == 1


def test_a_model_of_images_has_no_recordings(image_model: Path) -> None:
    with pytest.raises(DataError, match="takes images, not recordings"):
        label_recording(OnnxEncoder(image_model), SAMPLES)


def test_gravity_is_followed_alike_at_once_and_window_by_window() -> None:
    windows = np.stack([SAMPLES[i : i + 50].T for i in range(0, 10_000, 25)])
    units = (Unit((0, 1, 2), ()),)
    at_once = GravityEstimate(units, 25.0, 50, 25)
    one_by_one = GravityEstimate(units, 25.0, 50, 25)
    followed = at_once.follow(windows)
    for window, gravity in zip(windows, followed, strict=True):
        one_by_one.update(window)
        np.testing.assert_array_equal(one_by_one.gravity(), gravity)
    assert np.isnan(followed[0]).all()
    assert np.isfinite(followed[-1]).all()


def test_matrices_are_made_alike_at_once_and_one_by_one() -> None:
    alignment = GravityAlignment((Unit((0, 1, 2), (3, 4, 5)),), ((0.0, 0.0, 1.0),))
    gravity = np.random.default_rng(0).normal(size=(20, 1, 3))
    gravity[3], gravity[4] = np.nan, [[0.0, 0.0, -2.0]]
    matrices = alignment.matrix(gravity, 7)
    assert matrices.shape == (20, 7, 7)
    for matrix, own in zip(matrices, gravity, strict=True):
        np.testing.assert_allclose(matrix, alignment.matrix(own, 7), atol=1e-7)
