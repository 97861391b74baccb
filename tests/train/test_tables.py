import csv
from typing import Any

import pytest

from edgeclust.train.tables import CHOICE, draw_bars, format_score, summarise, to_csv, to_markdown


def row(seed: int, acc: float, variant: str = "hard", **more: Any) -> dict[str, Any]:
    cell = {"data": "toy", "setting": "pooled", "variant": variant, "seed": seed}
    return cell | {"acc": acc, "nmi": acc / 2, "kl_star": 0.1} | more


def test_rows_are_averaged_over_seeds() -> None:
    (line,) = summarise([row(0, 0.5), row(1, 0.7), row(2, 0.9)])
    assert line["acc"]["mean"] == pytest.approx(0.7)
    assert line["acc"]["sd"] == pytest.approx(0.2)  # sqrt((.04 + 0 + .04) / 2)
    assert line["acc"]["values"] == [0.5, 0.7, 0.9]
    assert "ari" not in line


def test_rows_that_failed_are_left_out() -> None:
    rows = [row(0, 0.5) | {"error": ""}, {**row(1, 0.7), "error": "no memory"}]
    (line,) = summarise(rows)
    assert line["seeds"] == [0]
    assert format_score(line, "acc") == ".500"  # one seed has no spread


def test_one_infinite_divergence_makes_the_mean_infinite() -> None:
    (line,) = summarise([row(0, 0.5), row(1, 0.7, kl_star=None)])
    assert format_score(line, "kl_star") == "∞"
    assert format_score(line, "ari") == "-"


def test_markdown_has_a_table_for_each_data_and_setting() -> None:
    chosen: dict[str, Any] = {
        "restart_rank_of_all": 1,
        "n_restarts": 3,
        "restart_correlation": -0.72,
    }
    rows = [row(0, 0.5, **chosen), row(0, 0.6, "a|b"), row(0, 0.4) | {"setting": "loso"}]
    text = to_markdown(summarise(rows))
    assert text.count("\n## ") == 2
    assert "## toy, pooled" in text
    assert "## toy, loso" in text
    assert "1.0 of 3 (r -.72)" in text
    assert "a\\|b" in text
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in tables}) == 1


def test_a_single_restart_is_no_choice() -> None:
    (line,) = summarise([row(0, 0.5, restart_rank_of_all=1, n_restarts=1)])
    assert format_score(line, CHOICE) == "-"


def test_csv_keeps_every_column_of_every_row() -> None:
    rows = list(csv.DictReader(to_csv([{"a": 1}, {"b": None, "a": 0.1}]).splitlines()))
    assert rows == [{"a": "1", "b": ""}, {"a": "0.1", "b": ""}]


def test_bars_stand_for_means() -> None:
    figure = draw_bars(summarise([row(0, 0.5), row(1, 0.7), row(0, 0.4, "$none")]))
    acc, nmi = figure.axes
    for axes, means in ((acc, [0.6, 0.4]), (nmi, [0.3, 0.2])):
        ends = [bar.get_extents().transformed(axes.transData.inverted()).x1 for bar in axes.patches]
        assert ends == pytest.approx(means)
    assert [label.get_text() for label in acc.get_yticklabels()] == ["hard", r"\$none"]


def test_a_setting_says_that_it_splits_sessions() -> None:
    row = {"data": "mine", "setting": "loso", "variant": "hard", "seed": 0, "acc": 0.5}
    for over, title in (("sessions", "mine, loso over sessions"), ("subjects", "mine, loso\n")):
        assert f"## {title}" in to_markdown(summarise([row | {"split_over": over}]))
