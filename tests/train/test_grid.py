from dataclasses import fields, replace
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from edgeclust import ConfigError, WindowedDataset
from edgeclust.alignment import align, fit_alignment
from edgeclust.train import METHODS, TrainConfig, TrainResult, train
from edgeclust.train.features import kmeans_on_features
from edgeclust.train.grid import (
    KMEANS,
    PRESETS,
    Cell,
    Grid,
    cell_key,
    read_preset,
    read_toml,
    run_cell,
    versions,
)
from edgeclust.train.identity import fingerprint

from toy import TOY_CARD, toy_recordings

TINY = {"epochs": 2, "batch_size": 32, "restarts": 2}

RIVALS = {"none", "ent", "ss", "sinkhorn", "ckm"}


def grid_of(**content: Any) -> Grid:
    return Grid.from_content({"data": ["toy"], **content}, "grid.toml")


def toy_cell(method: str, setting: str = "pooled", **train: Any) -> Cell:
    fields = {} if method == KMEANS else TINY
    return Cell("toy", setting, method, method, seed=0, train={**fields, **train})


def test_cells_are_every_combination_in_order() -> None:
    grid = grid_of(
        data=["a", "b"], methods=["hard", "kmeans"], seeds=[3, 1], settings=["pooled", "loso"]
    )
    cells = [str(cell) for cell in grid.cells()]
    assert len(cells) == 16 == len(set(cells))
    assert cells[:5] == [
        "a, pooled, hard, seed 3",
        "a, pooled, hard, seed 1",
        "a, pooled, kmeans, seed 3",
        "a, pooled, kmeans, seed 1",
        "a, loso, hard, seed 3",
    ]


def test_a_variant_overrides_what_holds_for_all() -> None:
    grid = grid_of(
        methods=["none"],
        seeds=[0],
        train={"epochs": 4, "sigma": 30},
        variant=[
            {"name": "hard, restarts 1", "restarts": 1, "sigma": "auto"},
            {"name": "bare", "method": "none", "epochs": 1},
        ],
    )
    none, one_restart, bare = (cell.config(TOY_CARD) for cell in grid.cells())
    assert none == TrainConfig(3, method="none", epochs=4, sigma=30)
    assert one_restart == TrainConfig(3, method="hard", epochs=4, restarts=1)
    assert bare == TrainConfig(3, method="none", epochs=1, sigma=30)


def test_every_training_setting_can_stand_in_a_grid() -> None:
    default = TrainConfig(3)
    values = {field.name: getattr(default, field.name) for field in fields(TrainConfig)}
    del values["seed"], values["method"]
    train = {name: value for name, value in values.items() if value is not None}
    train |= {"sigma": "auto", "epochs": "auto"}
    (cell,) = grid_of(seeds=[0], train=train).cells()
    assert cell.config(TOY_CARD) == default


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"method": ["hard"]}, r"unknown key 'method': known are data, methods, seeds, settings"),
        ({"methods": "hard"}, r"methods should be a list of texts, got 'hard'"),
        ({"methods": ["soft"]}, r"unknown method 'soft': known are hard"),
        ({"settings": ["all"]}, r"unknown setting 'all': known are pooled, per-subject"),
        ({"seeds": [0, 1.5]}, r"seeds should be a list of whole numbers, got \[0, 1.5\]"),
        ({"seeds": [True]}, r"seeds should be a list of whole numbers"),
        ({"seeds": [-1]}, r"seeds should be at least 0, got -1"),
        ({"data": []}, r"say which data"),
        ({"max_missing": 1}, r"max_missing should be from 0 to below 1, got 1"),
        ({"max_missing": "few"}, r"max_missing should be from 0 to below 1, got 'few'"),
        ({"labels": "most"}, r"unknown label policy 'most': known are pure, majority, none"),
        ({"labels": ["pure"]}, r"unknown label policy \['pure'\]"),
        ({"jobs": 0}, r"jobs should be at least 1, a whole number, got 0"),
        ({"train": 3}, r"\[train\] should be a table, got 3"),
        ({"train": {"epoch": 3}}, r"\[train\]: unknown setting 'epoch': known are n_clusters"),
        ({"train": {"seed": 3}}, r"\[train\]: unknown setting 'seed'"),
        ({"train": {"epochs": "ten"}}, r"\[train\]: epochs should be int or auto, got 'ten'"),
        ({"train": {"epochs": True}}, r"\[train\]: epochs should be int or auto, got True"),
        ({"train": {"sigma": [1.0]}}, r"\[train\]: sigma should be float or auto, got \[1.0\]"),
        ({"train": {"restarts": "auto"}}, r"restarts should be int, got 'auto'"),
        ({"train": {"method": "none"}}, r"\[train\] holds for all methods: list them under"),
        ({"variant": {"name": "x"}}, r"variants are tables, each under \[\[variant\]\]"),
        ({"variant": [{"restarts": 1}]}, r"each variant has a name of its own, got None"),
        ({"variant": [{"name": "hard"}]}, r"each variant has a name of its own, got 'hard'"),
        ({"variant": [{"name": "x", "method": "soft"}]}, r"unknown method 'soft'"),
        ({"variant": [{"name": "x", "sgima": 1}]}, r"variant 'x': unknown setting 'sgima'"),
    ],
)
def test_what_is_wrong_in_a_grid_is_named(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"grid.toml.*{message}"):
        grid_of(**content)


def test_text_that_is_no_toml_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"grid.toml: is no TOML: .*line 1"):
        read_toml("seeds = 0 1\n", "grid.toml")


def test_data_that_name_no_classes_need_a_number_of_clusters() -> None:
    nameless = replace(TOY_CARD, classes=())
    with pytest.raises(ConfigError, match=r"'toy' names no two classes, so say n_clusters"):
        toy_cell("hard").config(nameless)
    assert toy_cell("hard", n_clusters=4).config(nameless).n_clusters == 4


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_grids(name: str) -> None:
    content = read_preset(name)
    assert {"hard", *RIVALS} <= {*content["methods"]} <= {"hard", KMEANS, *RIVALS}
    assert content["seeds"] == [0, 1, 2, 3, 4]
    content["methods"] = [m for m in content["methods"] if m in {*METHODS, KMEANS}]
    cells = Grid.from_content(content, name).cells()
    assert len(cells) == len(content["data"]) * len(content["methods"]) * 5
    assert all(cell.config(TOY_CARD) for cell in cells)


def test_each_preset_is_a_file_and_each_file_a_preset() -> None:
    found = sorted(p.name for p in (files("edgeclust.train") / "presets").iterdir())
    assert found == [f"{name}.toml" for name in sorted(PRESETS)]


def test_the_paper_trains_as_the_paper_does() -> None:
    content = read_preset("paper")
    content["methods"] = ["hard"]
    config = Grid.from_content(content, "paper").cells()[0].config(TOY_CARD)
    assert (config.epochs, config.batch_size, config.n_features) == (10, 256, 128)
    assert (config.sigma, config.restarts, config.balance) == (100.0, 1, "batch")


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown preset 'my': known are har, paper"):
        read_preset("my")


def test_a_cell_is_another_where_anything_it_depends_on_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(cell: Cell, source: str = "toy", content: str = "c") -> str:
        return cell_key(source, content, cell.settings(TOY_CARD))

    cell = toy_cell("hard")
    keys = {
        key(cell),
        key(cell, source="other"),
        key(cell, content="other"),
        key(replace(cell, seed=1)),
        key(replace(cell, setting="loso")),
        key(replace(cell, method="none")),
        key(toy_cell("hard", sigma=1.0)),
    }
    assert len(keys) == 7
    # What it is called, and saying what is the default, makes no other.
    assert key(replace(cell, variant="mine")) == key(cell) == key(toy_cell("hard", n_features=16))
    assert key(toy_cell(KMEANS)) == key(toy_cell(KMEANS, epochs=3))
    before = key(cell)
    newer = versions() | {"torch": "99"}
    monkeypatch.setattr("edgeclust.train.grid.versions", lambda: newer)
    assert key(cell) != before


def test_the_fingerprint_is_of_the_content(toy_dataset: WindowedDataset) -> None:
    recordings = toy_recordings()
    same = WindowedDataset(TOY_CARD, recordings)
    assert fingerprint(same) == fingerprint(toy_dataset)
    recordings[1].signal[0, 7] += 1
    assert fingerprint(same) != fingerprint(toy_dataset)
    renamed = [replace(r, subject=f"p{r.subject}") for r in toy_recordings()]
    for other in (
        WindowedDataset(TOY_CARD, renamed),
        WindowedDataset(TOY_CARD, toy_recordings(), stride=5),
        WindowedDataset(TOY_CARD, [replace(r, labels=None) for r in toy_recordings()]),
    ):
        assert fingerprint(other) != fingerprint(toy_dataset)


@pytest.mark.parametrize("method", ["hard", "none", "kmeans"])
@pytest.mark.parametrize(("setting", "n_parts"), [("pooled", 1), ("per-subject", 3), ("loso", 3)])
def test_a_cell_scores_every_window_once(
    toy_dataset: WindowedDataset, method: str, setting: str, n_parts: int
) -> None:
    result = run_cell(toy_cell(method, setting), toy_dataset)
    assert len(result["parts"]) == n_parts
    assert result["scores"]["n_windows"] == len(toy_dataset)
    confusion = np.sum([part["confusion"] for part in result["parts"]], axis=0)
    assert (
        confusion.sum(axis=0).tolist()
        == np.bincount(toy_dataset.labels[toy_dataset.labels >= 0], minlength=3).tolist()
    )
    accs = [part["scores"]["acc"] for part in result["parts"]]
    assert min(accs) <= result["scores"]["acc"] <= max(accs)
    if method != KMEANS:
        assert result["scores"]["n_restarts"] == 2
        assert 1 <= result["scores"]["restart_rank"] <= 2


def test_a_cell_of_an_imbalance_setting_is_handed_the_shares(
    toy_dataset: WindowedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    priors: list[Any] = []

    def spy(dataset: WindowedDataset, config: TrainConfig, **others: Any) -> TrainResult:
        priors.append(config.prior)
        return train(dataset, config, **others)

    monkeypatch.setattr("edgeclust.train.grid.train", spy)
    cell = replace(toy_cell("hard"), setting="imbalance-3")
    scores = run_cell(cell, toy_dataset)["scores"]
    run_cell(replace(cell, train={**cell.train, "prior": "learned"}), toy_dataset)
    shares, learned = priors
    assert learned == "learned"
    assert shares[0] > shares[1] > shares[2]
    assert scores["n_windows"] < len(toy_dataset)


def test_data_without_labels_are_trained_on_and_not_scored(toy_dataset: WindowedDataset) -> None:
    bare = WindowedDataset(TOY_CARD, [replace(r, labels=None) for r in toy_dataset.recordings])
    scores = run_cell(toy_cell("hard"), bare)["scores"]
    assert "acc" not in scores
    assert "restart_rank" not in scores
    assert scores["clusters_used"] >= 1


def test_kmeans_sees_the_windows_that_training_would(
    toy_dataset: WindowedDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def spy(train: WindowedDataset, *others: Any) -> Any:
        seen.append(train.gather(np.arange(len(train))))
        return kmeans_on_features(train, *others)

    monkeypatch.setattr("edgeclust.train.grid.kmeans_on_features", spy)
    for name in ("auto", "none"):
        run_cell(replace(toy_cell(KMEANS), train={"align": name}), toy_dataset)
    aligned = align(toy_dataset, fit_alignment(toy_dataset))
    np.testing.assert_array_equal(seen[0], aligned.gather(np.arange(len(aligned))))
    np.testing.assert_array_equal(seen[1], toy_dataset.gather(np.arange(len(toy_dataset))))
    assert not np.array_equal(seen[0], seen[1])


def test_kmeans_labels_unseen_windows_by_what_it_found(toy_dataset: WindowedDataset) -> None:
    train, test = toy_dataset.hold_out(["2"])
    assert test is not None
    unseen = kmeans_on_features(train, 3, 0, test)
    assert len(unseen) == len(test)
    np.testing.assert_array_equal(
        kmeans_on_features(train, 3, 0), kmeans_on_features(train, 3, 0, train)
    )
    with pytest.raises(ConfigError, match=r"n_clusters should be at most the number of windows"):
        kmeans_on_features(test, 1000, 0)


def test_a_result_says_what_it_was_split_over(toy_dataset: WindowedDataset) -> None:
    recordings = [
        replace(recording, subject="", session=f"s{number}")
        for number, recording in enumerate(toy_dataset.recordings)
    ]
    alone = WindowedDataset(TOY_CARD, recordings)
    for dataset, setting, over in (
        (toy_dataset, "pooled", ""),
        (toy_dataset, "loso", "subjects"),
        (alone, "loso", "sessions"),
    ):
        result = run_cell(toy_cell(KMEANS, setting), dataset)
        assert result["split_over"] == over
    assert [part["part"] for part in result["parts"]] == ["s0", "s1", "s2"]
