"""The run folder: settings, weights, metrics and summary of one training, never a pickle."""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from edgeclust.alignment import GravityAlignment
from edgeclust.card import AnyCard, card_from_json
from edgeclust.clusters import Clusters
from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.errors import ConfigError, EdgeclustError, RunError
from edgeclust.files import write_atomically
from edgeclust.train.checkpoint import Checkpoint
from edgeclust.train.config import TrainConfig
from edgeclust.train.encoders import build_encoder, count_parameters, pick_encoder
from edgeclust.train.evaluate import evaluate
from edgeclust.train.identity import identify, library_versions
from edgeclust.train.loop import TrainResult, choose_alignment, train
from edgeclust.train.model import TrainedModel
from edgeclust.train.plots import draw_overview
from edgeclust.train.ranks import LostRankError, on_first, rank
from edgeclust.train.trainer import Trainer
from edgeclust.train.training import EpochReport

CONFIG, MODEL, METRICS, SUMMARY, OVERVIEW, CHECKPOINT = FILES = (
    "config.json",
    "model.safetensors",
    "metrics.jsonl",
    "summary.json",
    "overview.png",
    "checkpoint.safetensors",
)
"""Of a run folder; the checkpoint is there until the training has come to its end."""


@dataclass(frozen=True)
class Run:
    """A run folder and the settings it holds.

    Parameters
    ----------
    folder : Path
        Where it is.
    data : str
        What it was trained on: a registered name, or the path of a recordings folder.
    hold_out : tuple of str
        Subjects, or sessions of one, that were kept out of the training.
    card : Card or ImageCard
        What its windows, or its images, are.
    config : TrainConfig
        How it was trained.
    root : str, optional
        The folder of the data's official files; None where it was not given.
    imbalance : int, optional
        Which setting of `edgeclust.train.imbalance` made some classes rarer.
    labels : str
        The label policy that its windows were scored by.
    max_missing : float
        Share of a window's samples that could be missing and were bridged.
    """

    folder: Path
    data: str
    hold_out: tuple[str, ...]
    card: AnyCard
    config: TrainConfig
    root: str | None = None
    imbalance: int | None = None
    labels: str = "pure"
    max_missing: float = 0.0

    @classmethod
    def create(
        cls,
        folder: Path,
        dataset: Dataset,
        config: TrainConfig,
        *,
        data: str,
        hold_out: tuple[str, ...] = (),
        root: str | None = None,
        imbalance: int | None = None,
        overwrite: bool = False,
        resume: bool = False,
        on_epoch: Callable[[EpochReport], None] = lambda report: None,
        on_step: Callable[[int, int], None] = lambda n_done, n_planned: None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> "Run":
        """Train and keep all of it in a folder.

        Parameters
        ----------
        folder : Path
            Made here; may exist only when it is empty, or holds a run and `overwrite` or `resume`
            is set.
        dataset : Dataset
            What to train on, the held-out subjects and what imbalance leaves out already gone.
        config : TrainConfig
            How to train.
        data, hold_out, root, imbalance
            See the class.
        overwrite : bool
            Replace the run that is there.
        resume : bool
            Go on with the run that is there, from the last epoch that it came to the end of, as
            if it had not been cut off.
        on_epoch, on_step, should_stop
            As in `edgeclust.train.train`. A training that is stopped leaves a whole run, and,
            once an epoch has ended, a checkpoint to go on from.

        Returns
        -------
        run : Run
            Of several processes the first alone writes, where all see the folder or not.

        Raises
        ------
        ConfigError, DataError
            If the settings do not fit the data; the folder is as it was then.
        RunError
            If the folder is in use, or holds nothing to resume, or a run of other data, settings
            or versions; or if another process is lost.
        """
        if overwrite and resume:
            raise ConfigError("--overwrite begins a run anew and --resume goes on: give one")
        config.check_windows(len(dataset))
        # Kept by its name, so that the run opens the same when another is the default one day.
        config = replace(config, encoder=pick_encoder(config.encoder, dataset.card))
        # What these settings cannot do to these data shows here, before the folder is touched.
        Trainer(dataset, config, seed=0)
        if config.align == "gravity":
            choose_alignment(dataset, config.align)
        cut: dict[str, Any] = {}
        if isinstance(dataset, WindowedDataset):
            cut = {"labels": dataset.label_policy, "max_missing": dataset.max_missing}
        run = cls(folder, data, hold_out, dataset.card, config, root, imbalance, **cut)
        checkpoint: Checkpoint | None = None
        if resume:
            # Read by the first alone: the others may be machines that do not see the folder.
            content, source = on_first(lambda: _read_checkpoint(folder)), str(folder / CHECKPOINT)
            checkpoint = Checkpoint.from_bytes(content, source)
            checkpoint.check(identify(dataset, config), source)
        else:
            on_first(lambda: _make_folder(folder, overwrite))
        try:
            on_first(run._write_config)
            reports = [] if checkpoint is None else list(checkpoint.reports)

            def keep(report: EpochReport) -> None:
                reports.append(report)
                run._write_metrics(reports)
                on_epoch(report)

            def keep_checkpoint(checkpoint: Checkpoint) -> None:
                if rank() == 0:
                    write_atomically(folder / CHECKPOINT, checkpoint.to_bytes())

            result = train(
                dataset,
                config,
                on_epoch=keep,
                on_step=on_step,
                on_checkpoint=keep_checkpoint,
                should_stop=should_stop,
                resume=checkpoint,
            )
            on_first(lambda: run._write_result(result, reports, dataset))
        except LostRankError as error:
            raise RunError(f"{folder}: {error}: {run.way_on()}") from error
        return run

    @classmethod
    def open(cls, folder: Path) -> "Run":
        """Open a run folder.

        Raises
        ------
        RunError
            If it is none.
        """
        content = _read_json(folder / CONFIG)
        try:
            return cls(
                folder,
                data=str(content["data"]),
                hold_out=tuple(str(subject) for subject in content["hold_out"]),
                card=card_from_json(content["card"], str(folder / CONFIG)),
                config=TrainConfig(**content["train"]),
                root=content.get("root"),
                imbalance=content.get("imbalance"),
                labels=str(content.get("labels", "pure")),
                max_missing=float(content.get("max_missing", 0)),
            )
        except EdgeclustError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(f"{folder / CONFIG}: is not the file of a run: {error}") from error

    def way_on(self) -> str:
        """Say how a training goes on that did not come to its end."""
        if (self.folder / CHECKPOINT).is_file():
            return "the same command with --resume goes on from the last whole epoch"
        return "no epoch had ended: begin anew with --overwrite"

    def load_model(self) -> TrainedModel:
        """Load the trained model.

        Raises
        ------
        RunError
            If the training left none, or the file is damaged.
        """
        path = self.folder / MODEL
        config, n_channels = self.config, len(self.card.channels)
        alignment = self.summary().get("alignment")
        try:
            tensors = load(path.read_bytes())
            encoder = build_encoder(
                config.encoder,
                torch.zeros(n_channels),
                torch.ones(n_channels),
                self.card,
                config.n_features,
            )
            prefix = "encoder."
            encoder.load_state_dict(
                {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            )
            clusters = Clusters(
                tensors["centroids"].numpy(), tensors["sigma"].item(), tensors["log_prior"].numpy()
            )
            return TrainedModel(
                self.card,
                encoder.eval(),
                clusters,
                tensors["counts"].numpy(),
                tensors["radii"].numpy(),
                None if alignment is None else GravityAlignment.from_json(alignment),
            )
        except FileNotFoundError as error:
            raise RunError(f"{path}: is not there, so the training did not end") from error
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise RunError(f"{path}: is damaged or of another model: {error}") from error

    def summary(self) -> dict[str, Any]:
        """Return what ``summary.json`` holds."""
        return _read_json(self.folder / SUMMARY)

    def metrics(self) -> list[dict[str, Any]]:
        """Return the lines of ``metrics.jsonl`` of the restart that was kept, one an epoch."""
        lines = (self.folder / METRICS).read_text().splitlines()
        kept = self.summary()["restart"]
        return [line for line in map(json.loads, lines) if line["restart"] == kept]

    def _write_config(self) -> None:
        """Write what the run is of."""
        self._write_json(
            CONFIG,
            {
                "data": self.data,
                "root": self.root,
                "hold_out": list(self.hold_out),
                "imbalance": self.imbalance,
                "labels": self.labels,
                "max_missing": self.max_missing,
                "card": self.card.to_json(),
                "train": asdict(self.config),
                "versions": library_versions(),
            },
        )

    def _write_metrics(self, reports: list[EpochReport]) -> None:
        """Write a line for each epoch, if this is the process that writes."""
        if rank() == 0:
            lines = [json.dumps(r.to_json(), allow_nan=False) for r in reports]
            write_atomically(self.folder / METRICS, ("\n".join(lines) + "\n").encode())

    def _write_result(
        self, result: TrainResult, reports: list[EpochReport], dataset: Dataset
    ) -> None:
        """Write what a training came to, from the reports of all epochs."""
        write_atomically(self.folder / MODEL, save(_tensors(result.model)))
        last, alignment = result.reports[-1], result.model.alignment
        self._write_json(
            SUMMARY,
            {
                "n_clusters": self.config.n_clusters,
                **last.metrics,
                "seconds": round(sum(report.seconds for report in reports), 3),
                "windows_per_s": round(float(np.mean([r.windows_per_s for r in reports])), 1),
                "method": self.config.method,
                "restart": last.restart,
                "restart_criteria": result.criteria,
                "epochs": last.epoch,
                "finished": result.finished,
                "loss": last.loss,
                "objective": last.objective,
                "criterion": last.criterion,
                "sigma": last.sigma,
                **({} if last.prior is None else {"prior": last.prior}),
                "n_parameters": count_parameters(result.model.encoder),
                "n_skipped": dataset.n_skipped,
                "alignment": alignment and alignment.to_json(),
            },
        )
        picture = io.BytesIO()
        lines = [report.to_json() for report in result.reports]
        draw_overview(lines, evaluate(result.model, dataset), dataset).savefig(picture, dpi=100)
        write_atomically(self.folder / OVERVIEW, picture.getvalue())
        if result.finished:
            (self.folder / CHECKPOINT).unlink(missing_ok=True)

    def _write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write one of the folder's JSON files."""
        text = json.dumps(content, indent=1, allow_nan=False) + "\n"
        write_atomically(self.folder / name, text.encode())


def _make_folder(folder: Path, overwrite: bool) -> None:
    """Make the folder of a run, or clear the run that is there when that is asked for."""
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            way_out = "use --overwrite or another --out"
            if (folder / CHECKPOINT).is_file():
                way_out = "use --resume to go on with it, --overwrite or another --out"
            raise RunError(f"{folder}: exists and is not empty: {way_out}")
        strangers = {path.name for path in folder.iterdir() if not _is_of_run(path.name)}
        if strangers:
            raise RunError(
                f"{folder}: is not overwritten, it holds other things than a run "
                f"({', '.join(sorted(strangers)[:3])})"
            )
        # The config last: what is left by a kill amid this is a run's still, and cleared next time.
        for path in sorted(folder.iterdir(), key=lambda path: path.name == CONFIG):
            path.unlink()
    folder.mkdir(parents=True, exist_ok=True)


def _read_checkpoint(folder: Path) -> bytes:
    """Return the checkpoint of a run, and clear away what a killed process was writing."""
    try:
        content = (folder / CHECKPOINT).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if (folder / SUMMARY).is_file() and _read_json(folder / SUMMARY).get("finished"):
            raise RunError(
                f"{folder}: has nothing to resume, its training came to its end: "
                "use --overwrite to begin anew"
            ) from error
        anew = "with --overwrite" if (folder / CONFIG).is_file() else "without --resume"
        raise RunError(
            f"{folder}: has nothing to resume, no epoch had ended there: begin {anew}"
        ) from error
    for path in folder.iterdir():
        if _is_of_run(path.name) and path.name not in FILES:
            path.unlink()
    return content


def _is_of_run(name: str) -> bool:
    """Say whether a name is that of a run's file, or of one that was being written."""
    return name in FILES or any(name.startswith(f".{file}.") for file in FILES)


def _tensors(model: TrainedModel) -> dict[str, torch.Tensor]:
    """Name everything a model needs to come back."""
    clusters = model.clusters
    arrays = {
        "centroids": clusters.centroids,
        "sigma": np.array(clusters.sigma),
        "log_prior": clusters.log_prior,
        "counts": model.counts,
        "radii": model.radii,
    }
    state = model.encoder.state_dict()
    weights = {f"encoder.{name}": tensor.contiguous() for name, tensor in state.items()}
    return weights | {name: torch.from_numpy(array) for name, array in arrays.items()}


def _read_json(path: Path) -> dict[str, Any]:
    """Read one of the folder's JSON files."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(f"{path}: is not there, so {path.parent} is no whole run") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(f"{path}: is no JSON: {error}") from error
    return content
