import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgeclust import ConfigError, DataError, Labeler, LabelEvent, ModelFileError, WindowedDataset
from edgeclust.encoder import OnnxEncoder
from edgeclust.resampling import StreamResampler

from toy import TOY_CARD, toy_images, toy_recordings

STREAM = toy_recordings(n_subjects=1, seconds=8, seed=7)[0].signal.T


def test_events_are_those_of_the_release(toy_model: Path) -> None:
    events = Labeler.open(toy_model, learn="off").push(STREAM)
    assert len(events) == 23
    assert_as_released(events, toy_model)


def test_events_of_images_are_those_of_the_release(image_model: Path) -> None:
    images, patterns = toy_images(9, seed=7)
    events = [*Labeler.open(image_model).label_images(images)]
    assert_as_released(events, image_model)
    assert len({*zip(patterns.tolist(), (event.cluster for event in events), strict=True)}) == 3


def assert_as_released(events: list[LabelEvent], model: Path) -> None:
    lines = model.with_name(f"{model.stem}_events.jsonl").read_text().splitlines()
    expected = [LabelEvent(**json.loads(line)) for line in lines]
    for event, other in zip(events, expected, strict=True):
        assert (event.t, event.cluster, event.name, event.novel) == (
            other.t,
            other.cluster,
            other.name,
            other.novel,
        )
        # Sums may come in another order on another processor.
        assert event.distance == pytest.approx(other.distance, abs=1e-4)
        assert event.confidence == pytest.approx(other.confidence, abs=1e-4)


def test_the_three_activities_are_told_apart(toy_model: Path) -> None:
    clusters = [event.cluster for event in Labeler.open(toy_model).push(STREAM)]
    rest, walk, run = clusters[:7], clusters[8:15], clusters[16:]
    assert [len(set(part)) for part in (rest, walk, run)] == [1, 1, 1]
    assert len({rest[0], walk[0], run[0]}) == 3


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 300), max_size=10))
def test_any_chunking_gives_identical_events(toy_model: Path, cuts: list[int]) -> None:
    whole = Labeler.open(toy_model).push(STREAM[:300])
    labeler = Labeler.open(toy_model)
    chunks = np.split(STREAM[:300], sorted(cuts))
    assert [event for chunk in chunks for event in labeler.push(chunk)] == whole


def test_predict_labels_windows_as_the_stream_does(toy_model: Path) -> None:
    labeler = Labeler.open(toy_model)
    dataset = WindowedDataset(TOY_CARD, toy_recordings(1, 8, seed=7))
    labels = labeler.predict(dataset.gather(np.arange(len(dataset))))
    assert labels.tolist() == [event.cluster for event in labeler.push(STREAM)]
    assert labeler.n_windows == len(dataset)


def test_time_is_counted_at_the_rate_of_the_model(toy_model: Path) -> None:
    assert [event.t for event in Labeler.open(toy_model).push(STREAM[:100])] == [0.0, 1.0, 2.0]


def test_time_stamps_are_kept_to_the_millisecond_after_months(toy_model: Path) -> None:
    t = 1.7e9 + np.arange(100) / 25
    events = Labeler.open(toy_model).push(STREAM[:100], t)
    assert [event.t for event in events] == [1.7e9, 1.7e9 + 1, 1.7e9 + 2]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (np.nan, "missing or infinite samples"),
        (-np.inf, "missing or infinite samples"),
        (3e38, "values too large for the model"),
    ],
)
def test_the_event_of_a_skipped_window_says_why(toy_model: Path, bad: float, reason: str) -> None:
    samples = STREAM[:200].copy()
    samples[60, 1] = bad
    labeler = Labeler.open(toy_model)
    events = labeler.push(samples)
    whole = Labeler.open(toy_model).push(STREAM[:200])
    nothing = (None, None, None, None, None)
    skipped = [LabelEvent(t, *nothing, skipped=reason) for t in (1.0, 2.0)]
    assert events == [whole[0], *skipped, *whole[3:]]
    assert (labeler.n_windows, labeler.n_skipped) == (7, 2)
    assert skipped[0].to_json()["skipped"] == reason
    assert [*whole[0].to_json()] == ["t", "cluster", "name", "distance", "confidence", "novel"]


def at_50_hz(n_samples: int) -> NDArray[np.float32]:
    """The stream as a sensor of twice the model's rate gives it."""
    double = StreamResampler(3, 25, 50)
    samples = np.concatenate([double.push(STREAM), double.finish()])
    return samples[:n_samples].astype(np.float32)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 600), max_size=10))
def test_a_stream_of_another_rate_is_resampled_at_any_chunking(
    toy_model: Path, cuts: list[int]
) -> None:
    stream = at_50_hz(600)
    half = StreamResampler(3, 50, 25)
    samples = np.concatenate([half.push(stream), half.finish()]).astype(np.float32)
    expected = Labeler.open(toy_model).push(samples)
    labeler = Labeler.open(toy_model, rate_hz=50)
    events = [event for chunk in np.split(stream, sorted(cuts)) for event in labeler.push(chunk)]
    assert len(events) < len(expected)  # the filter looks ahead
    assert events + labeler.finish() == expected


def test_a_stream_of_twice_the_rate_gets_the_labels_of_the_model_s(toy_model: Path) -> None:
    usual = Labeler.open(toy_model).push(STREAM)
    labeler = Labeler.open(toy_model, rate_hz=50)
    events = labeler.push(at_50_hz(10_000)) + labeler.finish()
    assert [event.t for event in events] == pytest.approx([event.t for event in usual])
    same = [a.cluster == b.cluster for a, b in zip(events, usual, strict=True)]
    assert np.mean(same) > 0.9


def test_stamps_of_a_resampled_stream_are_those_of_its_samples(toy_model: Path) -> None:
    labeler = Labeler.open(toy_model, rate_hz=50)
    t = 1.7e9 + np.arange(400) / 50
    stream = at_50_hz(400)
    parts = ((0, 33), (33, 400))
    events = [event for a, b in parts for event in labeler.push(stream[a:b], t[a:b])]
    assert [event.t for event in events] == [1.7e9 + second for second in range(6)]
    assert labeler.finish()[0].t == 1.7e9 + 6


def test_a_rate_that_the_stamps_do_not_show_is_refused(toy_model: Path) -> None:
    labeler = Labeler.open(toy_model, rate_hz=100)
    with pytest.raises(DataError, match=r"its time stamps show 50 Hz, 100 Hz is expected"):
        labeler.push(np.zeros((400, 3), np.float32), np.arange(400) / 50)
    with pytest.raises(DataError, match="from_hz should be above 0 Hz, got -1"):
        Labeler.open(toy_model, rate_hz=-1)


def test_images_have_no_rate(image_model: Path) -> None:
    with pytest.raises(DataError, match="the model takes images, which have no rate"):
        Labeler.open(image_model, rate_hz=50)


def test_a_stream_at_the_rate_of_the_model_leaves_nothing_to_finish(toy_model: Path) -> None:
    labeler = Labeler.open(toy_model, rate_hz=25)
    assert labeler.push(STREAM) == Labeler.open(toy_model).push(STREAM)
    assert labeler.finish() == []


def test_a_window_unlike_all_of_training_is_novel(toy_model: Path) -> None:
    shaken = np.random.default_rng(0).normal(0, 8, (50, 3)).astype(np.float32)
    (event,) = Labeler.open(toy_model).push(shaken)
    assert event.novel
    usual = Labeler.open(toy_model).push(STREAM)
    assert sum(event.novel is True for event in usual) <= 3


def test_confidence_is_a_probability(toy_model: Path) -> None:
    events = Labeler.open(toy_model).push(STREAM)
    assert all(event.confidence and 1 / 3 <= event.confidence <= 1 for event in events)


@pytest.mark.parametrize("shape", [(10, 4), (10, 2), (10,)])
def test_other_channels_are_refused(toy_model: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"\(n_samples, 3\) for the channels ax, ay, az, got"):
        Labeler.open(toy_model).push(np.zeros(shape, np.float32))


def test_the_rate_is_taken_from_the_stamps_where_nobody_says_it(toy_model: Path) -> None:
    stream, t = at_50_hz(400), 1.7e9 + np.arange(400) / 50
    told, untold = Labeler.open(toy_model, rate_hz=50), Labeler.open(toy_model)
    events = untold.push(stream, t) + untold.finish()
    assert [event.t - 1.7e9 for event in events] == [0, 1, 2, 3, 4, 5, 6]
    assert events == told.push(stream, t) + told.finish()


def test_a_gap_starts_the_windows_and_the_movement_anew(toy_model: Path) -> None:
    t = np.arange(200) / 25
    t[110:] += 60
    labeler = Labeler.open(toy_model)
    expected = Labeler.open(toy_model).push(STREAM[:110], t[:110])
    expected += Labeler.open(toy_model).push(STREAM[110:200], t[110:])
    assert labeler.push(STREAM[:200], t) == expected
    assert [event.t for event in expected] == pytest.approx([0, 1, 2, 64.4, 65.4])
    assert labeler.n_gaps == 1


def test_a_new_label_has_to_last_where_a_minimum_is_set(toy_model: Path) -> None:
    usual = [event.cluster for event in Labeler.open(toy_model).push(STREAM)]
    labeler = Labeler.open(toy_model, min_bout_s=2.5)  # three windows
    held = labeler.push(STREAM)
    (walk,) = {*usual[9:15]}
    first = usual.index(walk)
    assert [event.cluster for event in held[first : first + 3]] == [usual[0], usual[0], walk]
    t = np.arange(len(STREAM)) / 25
    t[25 * first + 25 :] += 9  # after a gap there is no label to hold
    after = [e for e in Labeler.open(toy_model, min_bout_s=2.5).push(STREAM, t) if e.t > 9 + first]
    assert after[0].cluster == walk


def test_a_minimum_bout_is_a_time(toy_model: Path, image_model: Path) -> None:
    for bad in (-1.0, np.nan, np.inf):
        with pytest.raises(ConfigError, match="min_bout_s should be at least 0 s and finite, got"):
            Labeler.open(toy_model, min_bout_s=bad)
    with pytest.raises(ConfigError, match="the model takes images, which have no bouts"):
        Labeler.open(image_model, min_bout_s=1)


def broken_stream(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Samples with holes, and stamps with jitter, gaps, repeats and clocks set back."""
    rng = np.random.default_rng(seed)
    samples, steps = STREAM[:320].copy(), 1 + rng.uniform(-0.2, 0.2, 320)
    samples[rng.integers(320, size=2)] = np.nan
    steps[rng.integers(150, 320, size=4)] = rng.choice([0.0, -1.5, 4.0, 100.0, -100.0], size=4)
    return samples, 1.7e9 + np.cumsum(steps) / rng.choice([20, 25, 50])


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 999),
    cuts=st.lists(st.integers(0, 320), max_size=6),
    bout=st.sampled_from([0.0, 3.0]),
)
def test_no_chunking_of_a_broken_stream_changes_an_event(
    toy_model: Path, seed: int, cuts: list[int], bout: float
) -> None:
    encoder, (samples, t) = OnnxEncoder(toy_model), broken_stream(seed)
    whole = Labeler(encoder, min_bout_s=bout)
    expected = whole.push(samples, t) + whole.finish()
    for chunks in (np.split(np.arange(320), sorted(cuts)), np.split(np.arange(320), 320)):
        labeler = Labeler(encoder, min_bout_s=bout)
        events = [event for chunk in chunks for event in labeler.push(samples[chunk], t[chunk])]
        assert events + labeler.finish() == expected
        counts = labeler.n_windows, labeler.n_skipped, labeler.n_gaps, labeler.n_late
        assert counts == (whole.n_windows, whole.n_skipped, whole.n_gaps, whole.n_late)


def test_predict_leaves_the_stream_as_it_is(toy_model: Path) -> None:
    expected = Labeler.open(toy_model).push(STREAM)
    labeler = Labeler.open(toy_model)
    windows = np.random.default_rng(0).normal(size=(5, 3, 50))
    events = []
    for chunk in np.split(STREAM, 40):
        labeler.predict(windows)
        events += labeler.push(chunk)
    assert events == expected
    assert labeler.n_windows == len(expected)


def test_time_stamps_come_always_or_never(toy_model: Path) -> None:
    labeler = Labeler.open(toy_model)
    labeler.push(STREAM[:10])
    with pytest.raises(DataError, match=r"with every call of push or with none"):
        labeler.push(STREAM[10:20], np.arange(10) / 25)
    with pytest.raises(DataError, match=r"t should have shape \(10,\), got \(9,\)"):
        Labeler.open(toy_model).push(STREAM[:10], np.arange(9) / 25)


@pytest.mark.parametrize("backend", ["auto", "numpy"])
def test_no_windows_have_no_labels(toy_model: Path, backend: str) -> None:
    labeler = Labeler.open(toy_model, backend=backend)
    assert labeler.predict(np.empty((0, 3, 50), np.float32)).tolist() == []


def test_predict_refuses_other_windows(toy_model: Path) -> None:
    labeler = Labeler.open(toy_model)
    with pytest.raises(DataError, match=r"\(n_windows, 3, 50\), got \(1, 3, 49\)"):
        labeler.predict(np.zeros((1, 3, 49), np.float32))
    with pytest.raises(DataError, match=r"got NaN or infinity in window 1"):
        labeler.predict(np.stack([np.zeros((3, 50)), np.full((3, 50), np.nan)]))
    with pytest.raises(DataError, match=r"in the model's units, window 0 is too large"):
        labeler.predict(np.full((1, 3, 50), 3e38))


@pytest.mark.parametrize("kept", [0, 1, 1000, -1])
def test_a_truncated_model_is_refused(toy_model: Path, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(toy_model.read_bytes()[:kept])
    with pytest.raises(ModelFileError, match=r"cut.onnx: is damaged or is no ONNX file|lacks"):
        Labeler.open(path)


def test_flipped_bits_give_an_error_or_a_label_and_nothing_else(
    toy_model: Path, tmp_path: Path
) -> None:
    content = np.frombuffer(toy_model.read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    for _ in range(300):
        mutant = content.copy()
        mutant[rng.integers(len(content), size=3)] ^= np.uint8(1 << rng.integers(8))
        (tmp_path / "mutant.onnx").write_bytes(mutant.tobytes())
        try:
            events = Labeler.open(tmp_path / "mutant.onnx").push(STREAM[:50])
        except ModelFileError:
            continue
        assert all(event.skipped or np.isfinite(event.distance or 0) for event in events)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "walk.csv"
    path.write_text("ax,ay,az\n1,2,3\n")
    with pytest.raises(ModelFileError, match=r"walk.csv: is damaged or is no ONNX file"):
        Labeler.open(path)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"gone.onnx: cannot be read: No such file"):
        Labeler.open(tmp_path / "gone.onnx")


def test_a_model_without_our_metadata_is_refused(toy_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    # The name of the property, replaced by one as long.
    content = toy_model.read_bytes()
    assert content.count(b"\n\x09edgeclust") == 1
    path.write_bytes(content.replace(b"\n\x09edgeclust", b"\n\x09otherprop"))
    with pytest.raises(
        ModelFileError, match=r"other.onnx: lacks the metadata property 'edgeclust'"
    ):
        Labeler.open(path)


def test_a_graph_that_does_not_fit_its_metadata_is_refused(toy_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.onnx"
    content = toy_model.read_bytes()
    assert content.count(b'"window": 50}') == 1
    path.write_bytes(content.replace(b'"window": 50}', b'"window": 60}'))
    with pytest.raises(ModelFileError, match=r"odd.onnx: its graph takes"):
        Labeler.open(path)


LONG = np.concatenate([1.15 * STREAM] * 6)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(LONG)), max_size=10))
def test_any_chunking_learns_the_same(toy_model: Path, cuts: list[int]) -> None:
    whole, other = Labeler.open(toy_model), Labeler.open(toy_model)
    events = whole.push(LONG)
    chunks = np.split(LONG, sorted(cuts))
    assert [event for chunk in chunks for event in other.push(chunk)] == events
    assert whole._learner is not None
    assert other._learner is not None
    for name, values in whole._learner.fields().items():
        np.testing.assert_array_equal(values, other._learner.fields()[name])


def test_windows_that_are_cut_teach_as_the_stream_does(toy_model: Path) -> None:
    streamed, given_windows = Labeler.open(toy_model), Labeler.open(toy_model)
    events = streamed.push(LONG)
    window, stride = streamed.metadata.window, streamed.metadata.stride
    windows = np.array([LONG[i : i + window].T for i in range(0, len(LONG) - window + 1, stride)])
    windows = np.insert(windows, 20, np.nan, axis=0)  # skipped, and no lesson
    labels = given_windows.partial_fit(windows)
    assert labels[20] == -1
    assert np.delete(labels, 20).tolist() == [event.cluster for event in events]
    np.testing.assert_array_equal(streamed._clusters.centroids, given_windows._clusters.centroids)
    assert (streamed._clusters.centroids != streamed.metadata.centroids).any()


def test_learning_is_off_paused_and_reset(toy_model: Path) -> None:
    exported = Labeler.open(toy_model).metadata.centroids
    off, paused, reset = (Labeler.open(toy_model, learn=way) for way in ("off", "free", "gated"))
    paused.learning = False
    for labeler in (off, paused, reset):
        labeler.push(LONG)
    assert (reset._clusters.centroids != exported).any()
    reset.reset()
    for labeler in (off, paused, reset):
        np.testing.assert_array_equal(labeler._clusters.centroids, exported)


def test_predicting_teaches_nothing(toy_model: Path) -> None:
    labeler = Labeler.open(toy_model)
    dataset = WindowedDataset(TOY_CARD, toy_recordings(1, 30, seed=7))
    for _ in range(3):
        labeler.predict(dataset.gather(np.arange(len(dataset))))
    np.testing.assert_array_equal(labeler._clusters.centroids, labeler.metadata.centroids)
    assert labeler.n_windows == 0


def test_an_unknown_way_to_learn_is_refused(toy_model: Path) -> None:
    with pytest.raises(ConfigError, match="unknown way to learn 'fast': known are gated, free, of"):
        Labeler.open(toy_model, learn="fast")
