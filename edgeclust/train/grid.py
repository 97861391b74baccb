"""A grid of data, settings, methods and seeds: what it holds, and how one cell of it is run."""

import hashlib
import json
import time
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from importlib.resources import files
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from edgeclust.alignment import align
from edgeclust.card import AnyCard
from edgeclust.dataset import Dataset, WindowedDataset
from edgeclust.errors import ConfigError
from edgeclust.train.config import TrainConfig
from edgeclust.train.evaluate import evaluate
from edgeclust.train.features import kmeans_on_features
from edgeclust.train.identity import library_versions
from edgeclust.train.loop import choose_alignment, train
from edgeclust.train.methods import METHODS
from edgeclust.train.metrics import clustering_metrics, contingency
from edgeclust.train.restarts import rank_restarts
from edgeclust.train.settings import SETTINGS, Part, pool_scores, split
from edgeclust.train.training import EpochReport
from edgeclust.window_labels import LABEL_POLICIES

KMEANS = "kmeans"
"""The method that trains nothing: k-means on features."""

PRESETS = ("har", "paper")
"""Grids that come with the library: TOML files in ``presets/``."""

LISTS = {"data": str, "methods": str, "seeds": int, "settings": str}
"""Keys of a grid that are lists, and what of."""

RESTART_KEYS = {
    "rank": "restart_rank",
    "rank_of_all": "restart_rank_of_all",
    "n_restarts": "n_restarts",
    "n_stopped": "n_stopped",
    "best_acc": "restart_best_acc",
    "correlation": "restart_correlation",
}
"""What a row says of the choice among restarts, by its name in `RestartRanking`."""


@dataclass(frozen=True)
class Cell:
    """One training, or one for each part of its setting.

    Parameters
    ----------
    data : str
        A registered name, or the path of a recordings folder.
    setting : str
        A name in `SETTINGS`.
    variant : str
        What its row is called: the method, or the name of a variant.
    method : str
        A name in `METHODS`, or ``kmeans``.
    seed : int
        Of the training and of the folds.
    train : mapping
        Fields of `TrainConfig` that differ from its defaults.
    root : str, optional
        Folder of the data's official files.
    labels : str
        Label policy of its windows.
    max_missing : float
        Share of a window's samples that may be missing and are bridged.
    """

    data: str
    setting: str
    variant: str
    method: str
    seed: int
    train: Mapping[str, Any]
    root: str | None = None
    labels: str = "pure"
    max_missing: float = 0.0

    def __str__(self) -> str:
        """Return what tells the cell from the others of its grid."""
        return f"{self.data}, {self.setting}, {self.variant}, seed {self.seed}"

    def config(self, card: AnyCard) -> TrainConfig:
        """Return the settings of its training; K is the number of classes if nothing says it.

        Raises
        ------
        ConfigError
            If a value is outside its range, or neither says how many clusters there are.
        """
        if "n_clusters" not in self.train and len(card.classes) < 2:
            raise ConfigError(
                f"{self.data!r} names no two classes, so say n_clusters under [train] of a grid"
            )
        method = {} if self.method == KMEANS else {"method": self.method}
        fields = {"n_clusters": len(card.classes)} | dict(self.train) | method
        return TrainConfig(**fields, seed=self.seed)

    def settings(self, card: AnyCard) -> dict[str, Any]:
        """Return every setting that its result depends on, by the name of its column."""
        config = self.config(card)
        if self.method == KMEANS:
            known = {"n_clusters": config.n_clusters, "method": KMEANS}
            known |= {"align": config.align, "seed": self.seed}
        else:
            known = asdict(config)
        cut = {"labels": self.labels, "max_missing": self.max_missing}
        return {"setting": self.setting, **cut} | known


@dataclass(frozen=True)
class Grid:
    """Every combination of data, setting, method or variant, and seed.

    Parameters
    ----------
    data, methods, settings : tuple of str
        See `Cell`.
    seeds : tuple of int
        At least 0.
    train : mapping
        Fields of `TrainConfig` for every method.
    variants : mapping of str to mapping
        Fields of `TrainConfig`, the method among them, of each variant, over those of `train`.
    jobs : int, optional
        Processes; as many as there are cores, 8 at most, if left out.
    root : str, optional
        Folder that holds official files, or a folder of them for each data set by its name.
    labels : str
        Label policy of windows: which of them are scored.
    max_missing : float
        Share of a window's samples that may be missing and are bridged.

    Examples
    --------
    >>> from edgeclust.train.grid import Grid
    >>> grid = Grid.from_content({"data": ["watch"], "seeds": [0, 1]}, "the command line")
    >>> [str(cell) for cell in grid.cells()]
    ['watch, pooled, hard, seed 0', 'watch, pooled, hard, seed 1']
    """

    data: tuple[str, ...]
    methods: tuple[str, ...]
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    train: Mapping[str, Any]
    variants: Mapping[str, Mapping[str, Any]]
    jobs: int | None = None
    root: str | None = None
    labels: str = "pure"
    max_missing: float = 0.0

    @classmethod
    def from_content(cls, content: Mapping[str, Any], where: str) -> "Grid":
        """Check what a TOML file or the command line gave, and fill in what it left out.

        Parameters
        ----------
        content : mapping
            Lists ``data``, ``methods`` (``["hard"]`` if left out), ``seeds`` (0 to 4) and
            ``settings`` (``["pooled"]``); ``jobs``, ``root``, ``labels`` and ``max_missing``;
            the table ``train``; tables ``variant``, each with a ``name``. ``"auto"`` stands for
            what TOML cannot say: None.
        where : str
            The file, for the messages.

        Raises
        ------
        ConfigError
            If a key is unknown, a value is of the wrong kind, or a name is unknown.
        """
        known = [*LISTS, "jobs", "root", "labels", "max_missing", "train", "variant"]
        _refuse_unknown(content, known, "key", where)
        content = {"methods": ["hard"], "seeds": [0, 1, 2, 3, 4], "settings": ["pooled"], **content}
        lists = {key: _check_list(content.get(key, []), key, where) for key in LISTS}
        for key, names in (("methods", [*METHODS, KMEANS]), ("settings", SETTINGS)):
            _refuse_unknown(lists[key], names, key.removesuffix("s"), where)
        if any(seed < 0 for seed in lists["seeds"]):
            raise ConfigError(f"{where}: seeds should be at least 0, got {min(lists['seeds'])}")
        if not lists["data"]:
            raise ConfigError(f"{where}: say which data, as in edgeclust reproduce watch")
        jobs = content.get("jobs")
        if jobs is not None and (type(jobs) is not int or jobs < 1):
            raise ConfigError(f"{where}: jobs should be at least 1, a whole number, got {jobs!r}")
        root = content.get("root")
        if root is not None and type(root) is not str:
            raise ConfigError(f"{where}: root should be the path of a folder, got {root!r}")
        labels = content.get("labels", "pure")
        _refuse_unknown([labels], [*LABEL_POLICIES], "label policy", where)
        missing = content.get("max_missing", 0.0)
        if type(missing) not in (int, float) or not 0 <= missing < 1:
            raise ConfigError(f"{where}: max_missing should be from 0 to below 1, got {missing!r}")
        tables = content.get("variant", [])
        if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
            raise ConfigError(f"{where}: variants are tables, each under [[variant]]")
        variants: dict[str, Mapping[str, Any]] = {}
        for table in tables:
            name, fields = table.get("name"), {k: v for k, v in table.items() if k != "name"}
            if not isinstance(name, str) or name in (*variants, *lists["methods"]):
                raise ConfigError(f"{where}: each variant has a name of its own, got {name!r}")
            variants[name] = _check_train(fields, f"{where}: variant {name!r}")
            _refuse_unknown([fields.get("method", "hard")], [*METHODS, KMEANS], "method", where)
        shared = _check_train(content.get("train", {}), f"{where}: [train]")
        if "method" in shared:
            raise ConfigError(f"{where}: [train] holds for all methods: list them under methods")
        return cls(
            **lists,
            train=shared,
            variants=variants,
            jobs=jobs,
            root=root,
            labels=labels,
            max_missing=missing,
        )

    def cells(self) -> list[Cell]:
        """Return all cells, by data, setting, method or variant, and seed."""
        trained = {method: {"method": method} for method in self.methods} | dict(self.variants)
        return [
            Cell(
                data,
                setting,
                variant,
                method=fields.get("method", "hard"),
                seed=seed,
                train={**self.train, **{k: v for k, v in fields.items() if k != "method"}},
                root=self.root,
                labels=self.labels,
                max_missing=self.max_missing,
            )
            for data in self.data
            for setting in self.settings
            for variant, fields in trained.items()
            for seed in self.seeds
        ]


def read_toml(text: str, where: str) -> dict[str, Any]:
    """Read the content of a grid's TOML file.

    Parameters
    ----------
    text : str
        TOML.
    where : str
        The file, for the message.

    Raises
    ------
    ConfigError
        If it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: is no TOML: {error}") from error


def read_preset(name: str) -> dict[str, Any]:
    """Read a grid that comes with the library.

    Parameters
    ----------
    name : str
        One of `PRESETS`.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> from edgeclust.train.grid import read_preset
    >>> read_preset("paper")["train"]["n_features"]
    128
    """
    _refuse_unknown([name], PRESETS, "preset", "--preset")
    path = files("edgeclust.train") / "presets" / f"{name}.toml"
    return read_toml(path.read_text(encoding="utf-8"), f"preset {name}")


def versions() -> dict[str, str]:
    """Return the versions of all that a score depends on, by distribution."""
    others = {name: version(name) for name in ("scikit-learn", "scipy")}
    return library_versions() | others


def cell_key(source: str, content: str, settings: Mapping[str, Any]) -> str:
    """Name a cell by everything that its result depends on.

    Parameters
    ----------
    source : str
        A registered name, or the absolute path of a recordings folder.
    content : str
        The fingerprint of the data.
    settings : mapping
        As `Cell.settings` returns them.

    Returns
    -------
    key : str of 16 hexadecimal digits
        Another one where anything differs, the version of a library among it.
    """
    parts = {"data": source, "content": content, "settings": settings, "versions": versions()}
    text = json.dumps(parts, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_cell(cell: Cell, dataset: Dataset) -> dict[str, Any]:
    """Train and score a cell.

    Parameters
    ----------
    cell : Cell
        What to do.
    dataset : Dataset
        Its data.

    Returns
    -------
    result : dict
        ``scores``: metrics of the last epoch, and how the kept restart ranks, pooled over the
        parts of the setting; ``parts``: the same for each with its ``confusion``; ``split_over``:
        what training and scoring share nothing of; ``seconds``.

    Raises
    ------
    ConfigError, DataError
        If the data are not fit for the setting or the training.
    """
    started = time.perf_counter()
    config = cell.config(dataset.card)
    parts, split_over = [], ""
    for part in split(dataset, cell.setting, cell.seed):
        split_over = part.over
        if cell.method == KMEANS:
            parts.append(_run_kmeans(part, config))
        elif part.prior is None or "prior" in cell.train:
            parts.append(_run_training(part, config))
        else:
            parts.append(_run_training(part, replace(config, prior=part.prior)))
    weighted = [(int(np.sum(part["confusion"])), part["scores"]) for part in parts]
    seconds = round(time.perf_counter() - started, 3)
    scores = pool_scores(weighted)
    return {"scores": scores, "parts": parts, "split_over": split_over, "seconds": seconds}


def _run_kmeans(part: Part, config: TrainConfig) -> dict[str, Any]:
    """Cluster a part by k-means on features, aligned where training would align."""
    k, n_activities = config.n_clusters, len(part.test.card.classes)
    train_on, test = part.train, part.test
    alignment = choose_alignment(train_on, config.align)
    if alignment is not None:
        assert isinstance(train_on, WindowedDataset)
        assert isinstance(test, WindowedDataset)
        train_on, test = align(train_on, alignment), align(test, alignment)
    labels = kmeans_on_features(train_on, k, config.seed, test)
    return {
        "part": part.name,
        "scores": clustering_metrics(part.test.labels, labels, k, n_activities),
        "confusion": contingency(part.test.labels, labels, k, n_activities).tolist(),
    }


def _run_training(part: Part, config: TrainConfig) -> dict[str, Any]:
    """Train on a part and score its last epoch."""
    lines: list[dict[str, Any]] = []

    def keep(report: EpochReport) -> None:
        lines.append(report.to_json())

    result = train(part.train, config, on_epoch=keep)
    evaluation = evaluate(result.model, part.test)
    last = result.reports[-1]
    ranking = rank_restarts(lines, last.restart, result.criteria)
    found = ranking.to_json() if ranking else {}
    about_restarts = {
        column: found[name] for name, column in RESTART_KEYS.items() if found.get(name) is not None
    }
    about_training = {
        "objective": last.objective,
        "criterion": last.criterion,
        "last_sigma": last.sigma,
        "last_epoch": last.epoch,
    }
    return {
        "part": part.name,
        "scores": evaluation.metrics | about_restarts | about_training,
        "confusion": evaluation.table.tolist(),
    }


def _refuse_unknown(got: Any, known: Any, what: str, where: str) -> None:
    """Refuse names that are not known."""
    for name in got:
        if name not in known:
            raise ConfigError(f"{where}: unknown {what} {name!r}: known are {', '.join(known)}")


def _check_list(values: Any, key: str, where: str) -> tuple[Any, ...]:
    """Check a list of texts or of whole numbers; what is said twice counts once."""
    kind = LISTS[key]
    if not isinstance(values, list) or any(type(value) is not kind for value in values):
        what = "texts" if kind is str else "whole numbers"
        raise ConfigError(f"{where}: {key} should be a list of {what}, got {values!r}")
    return tuple(dict.fromkeys(values))


def _check_train(table: Any, where: str) -> dict[str, Any]:
    """Check names and kinds of training settings; `TrainConfig` checks the values."""
    if not isinstance(table, dict):
        raise ConfigError(f"{where} should be a table, got {table!r}")
    hints = get_type_hints(TrainConfig)
    _refuse_unknown(table, [name for name in hints if name != "seed"], "setting", where)
    return {key: _check_value(value, hints[key], f"{where}: {key}") for key, value in table.items()}


def _check_value(value: Any, hint: Any, what: str) -> Any:
    """Check the kind of a value against the type of its field."""
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if value == "auto" and NoneType in kinds and str not in kinds:
        return None
    if isinstance(value, list) and any(get_origin(kind) is tuple for kind in kinds):
        return tuple(value)
    plain = tuple(kind for kind in kinds if isinstance(kind, type))
    if (type(value) is int and float in plain) or type(value) in plain:
        return value
    names = " or ".join("auto" if kind is NoneType else str(kind.__name__) for kind in kinds)
    raise ConfigError(f"{what} should be {names}, got {value!r}")
