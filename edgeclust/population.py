"""Label thousands of recordings: a Parquet file for each, what is done already left alone."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from glob import glob
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgeclust.card import Card, Channel
from edgeclust.encoder import Encoder, open_encoder
from edgeclust.errors import ConfigError, DataError
from edgeclust.files import write_atomically
from edgeclust.processes import MOST_JOBS, Died, n_cores, one_line, run_all
from edgeclust.recording_labels import RecordingLabels, label_recording
from edgeclust.units import unit_factor

if TYPE_CHECKING:
    from edgeclust.model_file import ModelMetadata

VERSION = 1
"""Raised whenever what is written of a recording changes: then all are labelled anew."""

PROPERTY = b"edgeclust"
"""Key of the Parquet metadata that holds, as JSON, what the file was made from."""

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Job:
    """A recording to be labelled.

    Parameters
    ----------
    input, output : Path
        The recording, and where its labels go; absolute.
    card : Card
        Names the channels in the file.
    subject, session : str
        Whose it is.
    told_hz : float or None
        Rate of its samples; None for what its stamps show, or the model's.
    time_kind : str or None
        What its column ``time`` holds, as a ``dataset.json`` says it.
    """

    input: Path
    output: Path
    card: Card
    subject: str
    session: str
    told_hz: float | None = None
    time_kind: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a recording.

    Parameters
    ----------
    n_windows, n_skipped : int
        Its windows, and those of them that have no label.
    seconds : float
        How long it took.
    error : str
        What went wrong; empty where nothing did.
    was_done : bool
        Whether its labels were there already.
    """

    n_windows: int = 0
    n_skipped: int = 0
    seconds: float = 0.0
    error: str = ""
    was_done: bool = False


@dataclass(frozen=True)
class PopulationProgress:
    """How far a population is, told after each recording that ends.

    Parameters
    ----------
    n_ended, n_recordings : int
        Recordings that have ended, and all.
    n_windows : int
        Windows labelled so far, this time.
    n_failed : int
        Recordings that failed so far.
    windows_per_s : float
        About, this time.
    seconds_left : float
        About, by the recordings of this time.
    """

    n_ended: int
    n_recordings: int
    n_windows: int
    n_failed: int
    windows_per_s: float
    seconds_left: float


@dataclass(frozen=True)
class PopulationReport:
    """What labelling a population came to.

    Parameters
    ----------
    n_recordings, n_labelled, n_done : int
        All recordings, those labelled this time, and those that were before.
    n_windows, n_skipped : int
        Windows of those labelled this time, and those of them that have no label.
    failed : list of str
        What went wrong, with the recording, in the order of their names.
    seconds : float
        How long it took.
    """

    n_recordings: int
    n_labelled: int
    n_done: int
    n_windows: int
    n_skipped: int
    failed: list[str]
    seconds: float

    @property
    def n_missing(self) -> int:
        """Recordings that were not reached before it was stopped."""
        return self.n_recordings - self.n_labelled - self.n_done - len(self.failed)


class Engine(Protocol):
    """Labels recordings somewhere: see `run_here`."""

    def __call__(
        self, jobs: Sequence[Job], model: Path, workers: int, should_stop: Callable[[], bool]
    ) -> Iterator[tuple[Job, Outcome]]:
        """Yield each recording that has ended, once, in any order."""


def label_population(
    model: Path,
    recordings: str,
    out: Path,
    *,
    engine: str = "local",
    workers: int | None = None,
    rate_hz: float | None = None,
    on_done: Callable[[PopulationProgress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> PopulationReport:
    """Label recordings with a model whose centroids stay as exported, each from its beginning.

    Each recording becomes a Parquet file, named as it is and in the same folder below `out`: a row
    for each window with ``subject``, ``session`` and what an event of `Labeler` says, ``t`` counted
    from the first sample of the file. It is written whole or not at all, and says in its metadata
    what it was made from: content of the recording, model, settings, version. Where that is still
    so it is left alone, so labelling that was stopped or killed goes on where it was.

    Parameters
    ----------
    model : Path
        A ``.onnx`` file that ``edgeclust export`` wrote.
    recordings : str
        See `find_recordings`.
    out : Path
        Folder of the labels; made if it is not there.
    engine : {"local", "ray"}
        Processes on this machine, or Ray: see `edgeclust.ray_engine`.
    workers : int, optional
        Processes; the number of cores up to 8 if left out. Each has one thread.
    rate_hz : float, optional
        Rate of the samples: see `find_recordings`.
    on_done : callable
        Called after each recording.
    should_stop : callable
        Asked all the time; when it says True, recordings under way are given up.

    Raises
    ------
    ModelFileError, ConfigError, DataError
        If the model cannot be opened, nothing is found, or two recordings would have one output;
        nothing is labelled then. What is wrong with a single recording is told in the report.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine should be {' or '.join(ENGINES)}, got {engine!r}")
    run: Engine = run_here
    if engine == "ray":
        from edgeclust.ray_engine import run_on_ray as run
    model = model.resolve()
    jobs = find_recordings(recordings, out, open_encoder(model).metadata, rate_hz)
    _make_folders(jobs)
    started = time.monotonic()
    ended: dict[Path, Outcome] = {}
    n_windows = n_failed = 0
    workers = min(workers or min(n_cores(), MOST_JOBS), len(jobs))
    for job, outcome in run(jobs, model, workers, should_stop):
        ended[job.input] = outcome
        n_windows += 0 if outcome.was_done else outcome.n_windows
        n_failed += bool(outcome.error)
        seconds = time.monotonic() - started
        on_done(
            PopulationProgress(
                len(ended),
                len(jobs),
                n_windows,
                n_failed,
                n_windows / seconds,
                seconds / len(ended) * (len(jobs) - len(ended)),
            )
        )
    labelled = [o for o in ended.values() if not (o.error or o.was_done)]
    return PopulationReport(
        n_recordings=len(jobs),
        n_labelled=len(labelled),
        n_done=sum(outcome.was_done for outcome in ended.values()),
        n_windows=n_windows,
        n_skipped=sum(outcome.n_skipped for outcome in labelled),
        failed=[
            ended[job.input].error for job in jobs if job.input in ended and ended[job.input].error
        ],
        seconds=time.monotonic() - started,
    )


def find_recordings(
    recordings: str, out: Path, metadata: "ModelMetadata", rate_hz: float | None = None
) -> list[Job]:
    """Find the recordings that are meant, and say where the labels of each go.

    Parameters
    ----------
    recordings : str
        A recordings folder, whose index says subjects and sessions and whose card says channels,
        rate and what ``time`` holds. Or a file, or a pattern of files, in which ``**`` goes through
        folders; those below `out` are left out. Of these the folder is the subject and the stem the
        session, channels are called as the model's, and ``time`` is in seconds or ISO 8601.
    out : Path
        Folder of the labels.
    metadata : ModelMetadata
        Of the model.
    rate_hz : float, optional
        Rate of the samples. Left out, that of the card; of files what their stamps show, or the
        model's.

    Returns
    -------
    jobs : list of Job
        In the order of names, or of the index.

    Raises
    ------
    DataError
        If there is none, if channels or units of a folder are not the model's, if `out` is the
        folder of the recordings, or if two of them would have one output.
    """
    if metadata.image is not None:
        raise DataError("the model takes images: 'edgeclust label' labels a file of them")
    path = Path(recordings)
    jobs = (
        _jobs_of_folder(path, out, metadata, rate_hz)
        if path.is_dir()
        else _jobs_of_files(recordings, out, metadata, rate_hz)
    )
    outputs: dict[Path, Job] = {}
    for job in jobs:
        other = outputs.setdefault(job.output, job)
        if other is not job:
            raise DataError(
                f"{other.input} and {job.input} would both be labelled in {job.output}: "
                "label one of them into another folder"
            )
    return jobs


def _jobs_of_folder(
    folder: Path, out: Path, metadata: "ModelMetadata", rate_hz: float | None
) -> list[Job]:
    """Return the recordings of a folder by its index."""
    from edgeclust.har_data.recordings_folder import CARD_FILE, read_folder_card, read_index

    if not (folder / CARD_FILE).is_file():
        raise DataError(
            f"{folder}: is no recordings folder, it has no {CARD_FILE}; of other files give a "
            f"pattern, as in '{folder}/**/*.parquet'"
        )
    found = read_folder_card(folder)
    units = {channel.name: channel.unit for channel in found.card.channels}
    for channel in metadata.channels:
        unit = units.get(channel.name)
        if unit is None or unit_factor(unit, channel.unit) is None:
            shown = ", ".join(map(str, found.card.channels))
            raise DataError(f"{folder}: the model takes {channel}, the channels here are {shown}")
    _refuse_same(folder, out)
    return [
        Job(
            entry.path.absolute(),
            _output(entry.path.relative_to(folder), out),
            found.card,
            entry.subject,
            entry.session,
            rate_hz or found.card.rate_hz,
            found.time_kind,
        )
        for entry in read_index(folder)
    ]


def _jobs_of_files(
    pattern: str, out: Path, metadata: "ModelMetadata", rate_hz: float | None
) -> list[Job]:
    """Return the files that a pattern matches."""
    from edgeclust.har_data.recording_files import FORMATS

    if Path(pattern).is_file():
        base, names = Path(pattern).parent, [pattern]
    else:
        fixed = takewhile(lambda part: not set("*?[") & set(part), Path(pattern).parts)
        base, names = Path(*fixed), sorted(glob(pattern, recursive=True))
        base = base.parent if base == Path(pattern) else base  # which is not there
    here = out.resolve()
    _refuse_same(base, out)
    paths = [Path(name) for name in names if Path(name).suffix.lower() in FORMATS]
    if base.resolve() in here.parents:  # or labels of an earlier time would be taken for more
        paths = [path for path in paths if here not in path.resolve().parents]
    paths = [path for path in paths if path.is_file()]
    if not paths:
        raise DataError(
            f"{pattern}: there is no {', '.join(FORMATS)} file that is called so; put a pattern "
            "into quotes, as in 'recordings/**/*.parquet'"
        )
    card = Card(
        name=metadata.data,
        rate_hz=metadata.rate_hz,
        channels=metadata.channels,
        window=metadata.window,
        stride=metadata.stride,
        mount=metadata.mount,
    )
    jobs = []
    for path in paths:
        own = path.relative_to(base)
        subject = "" if own.parent == Path() else own.parent.as_posix()
        job = Job(path.absolute(), _output(own, out), card, subject, own.stem, rate_hz)
        jobs.append(job)
    return jobs


def _refuse_same(folder: Path, out: Path) -> None:
    """Keep labels out of the folder of the recordings."""
    if folder.resolve() == out.resolve():
        raise DataError(f"--out {out} is the folder of the recordings: name another one")


def _output(name: Path, out: Path) -> Path:
    """Return where the labels of a recording go."""
    return (out / name).with_suffix(".parquet").absolute()


def _make_folders(jobs: Sequence[Job]) -> None:
    """Make the folders of the labels, and sweep what killed processes left half written there."""
    outputs: dict[Path, set[str]] = {}
    for job in jobs:
        outputs.setdefault(job.output.parent, set()).add(job.output.name)
    for folder, names in outputs.items():
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(".*"):
            if path.name[1:].rpartition(".")[0] in names:
                path.unlink(missing_ok=True)


def run_here(
    jobs: Sequence[Job], model: Path, workers: int, should_stop: Callable[[], bool]
) -> Iterator[tuple[Job, Outcome]]:
    """Label recordings in processes on this machine.

    Parameters
    ----------
    jobs : sequence of Job
        At least one.
    model : Path
        The model file.
    workers : int
        How many processes; each opens the model once.
    should_stop : callable
        As `label_population` takes it.

    Yields
    ------
    job, outcome
        In the order they end.
    """
    for job, outcome in run_all(
        jobs, partial(open_worker, model), workers, should_stop=should_stop
    ):
        if isinstance(outcome, Died):
            outcome = Outcome(error=f"{job.input}: {outcome}, as where memory is short")
        yield job, outcome


def open_worker(model: Path) -> Callable[[Job], Outcome]:
    """Open a model once, to label one recording after the other.

    Parameters
    ----------
    model : Path
        The model file.

    Returns
    -------
    label : callable
        From a recording to what came of it; what goes wrong stands there too.
    """
    import pyarrow

    pyarrow.set_cpu_count(1)
    encoder = open_encoder(model)

    def label(job: Job) -> Outcome:
        try:
            return label_file(encoder, job)
        except Exception as error:
            text = one_line(error)
            place = str(job.input)
            return Outcome(error=text if place in text else f"{place}: {text}")

    return label


def label_file(encoder: Encoder, job: Job) -> Outcome:
    """Label one recording, unless its labels are there.

    Parameters
    ----------
    encoder : Encoder
        The model.
    job : Job
        The recording.

    Raises
    ------
    DataError
        If the recording cannot be read or labelled, or something else is where its labels go.
    OSError
        If they cannot be written; nothing is left behind then.
    """
    from edgeclust.har_data.recording_files import read_content

    started = time.perf_counter()
    about = _about(encoder.model_id, job)
    if (before := _read_about(job.output)) is not None:
        n_windows = before.pop("n_windows", 0)
        if before == about:
            return Outcome(n_windows, was_done=True)
    metadata = encoder.metadata
    content = read_content(job.input, job.card, job.time_kind, with_labels=False)
    samples = _as_taken(content.samples, job.card.channels, metadata.channels)
    labels = label_recording(encoder, samples, content.times, rate_hz=job.told_hz)
    if not len(labels):
        raise DataError(
            f"{job.input}: has {len(samples)} samples, and no window of {metadata.window} at "
            f"{metadata.rate_hz:g} Hz without a gap"
        )
    about["n_windows"] = len(labels)
    write_atomically(job.output, _to_parquet(labels, job, metadata.names, about))
    n_skipped = int((labels.cluster < 0).sum())
    return Outcome(len(labels), n_skipped, time.perf_counter() - started)


def _as_taken(
    samples: NDArray[np.float32], channels: Sequence[Channel], wanted: Sequence[Channel]
) -> NDArray[np.float32]:
    """Return samples with the channels that a model takes, in its order and its units."""
    names = [channel.name for channel in channels]
    columns = [names.index(channel.name) for channel in wanted]
    if columns != [*range(samples.shape[1])]:
        samples = samples[:, columns]
    pairs = zip(columns, wanted, strict=True)
    factors = [unit_factor(channels[index].unit, channel.unit) for index, channel in pairs]
    return samples if factors == [1] * len(wanted) else samples * np.array(factors, np.float32)


def _about(model_id: str, job: Job) -> dict[str, Any]:
    """Return all that the labels of a recording depend on."""
    with job.input.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "version": VERSION,
        "model": model_id,
        "recording": content,
        "channels": [*map(str, job.card.channels)],
        "subject": job.subject,
        "session": job.session,
        "rate_hz": job.told_hz,
        "time": job.time_kind,
    }


def _read_about(output: Path) -> dict[str, Any] | None:
    """Return what labels that are there were made from; None where there are none."""
    import pyarrow
    import pyarrow.parquet

    if not output.exists():
        return None
    try:
        with pyarrow.parquet.ParquetFile(output) as file:
            about: dict[str, Any] = json.loads(file.schema_arrow.metadata[PROPERTY])
            return about
    except (pyarrow.ArrowException, OSError, TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"{output}: is in the way, label-many did not write it or it is damaged: take it away"
        ) from error


def _to_parquet(
    labels: RecordingLabels, job: Job, names: Sequence[str | None], about: dict[str, Any]
) -> bytes:
    """Return labels as a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    n_windows = len(labels)
    none = labels.cluster < 0
    cluster = labels.cluster.astype(np.int32)
    nameless = none | np.array([name is None for name in names])[cluster]
    text = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())

    def repeated(value: str) -> Any:
        return pyarrow.DictionaryArray.from_arrays(np.zeros(n_windows, np.int32), [value])

    columns = {
        "subject": repeated(job.subject),
        "session": repeated(job.session),
        "t": pyarrow.array(labels.t),
        "cluster": pyarrow.array(cluster, mask=none),
        "name": pyarrow.DictionaryArray.from_arrays(
            pyarrow.array(cluster, mask=nameless), [name or "" for name in names]
        ),
        "distance": pyarrow.array(labels.distance.astype(np.float32), mask=none),
        "confidence": pyarrow.array(labels.confidence.astype(np.float32), mask=none),
        "novel": pyarrow.array(labels.novel, mask=none),
        "skipped": pyarrow.array(labels.skipped, type=text),
    }
    table = pyarrow.table(columns)
    table = table.replace_schema_metadata({PROPERTY: json.dumps(about)})
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content
