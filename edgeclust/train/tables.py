"""What a grid came to: its rows as CSV, means and spreads as Markdown, and bars."""

import csv
import io
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgeclust.train.plots import plain

Row = Mapping[str, Any]

COLUMNS = {
    "acc": "ACC",
    "acc_many_to_one": "ACC many-to-one",
    "nmi": "NMI",
    "ari": "ARI",
    "macro_f1": "macro-F1",
    "kl_star": "KL*",
    "clusters_used": "clusters used",
}
"""Scores of the table and their headings."""

CHOICE = "restart kept, by ACC"
"""Heading of how the restart chosen without labels ranks."""

LEGEND = f"""\
Mean ± standard deviation over the seeds. ACC, macro-F1 and KL* (in nats; ∞ where a cluster is
used that no activity is matched to) are under the best one-to-one matching of clusters to
activities.

- pooled: one model of all subjects; per-subject: a model for each; k-fold, loso and hold-out:
  scored on subjects not trained on, or on sessions or recordings (as it says) where there is one
  subject; imbalance: pooled, some classes made rarer. What has several parts is their mean,
  weighted by windows, each part matched for itself.
- {CHOICE}: mean rank among all restarts, 1 the best, those that were stopped by the ACC they had
  then; r is the correlation of what was chosen by and ACC among those that ran to the end.
"""


def to_csv(rows: Sequence[Row]) -> str:
    """Write rows as CSV, a column for each name that any row has.

    Parameters
    ----------
    rows : sequence of mappings
        Lists and mappings in them are written as JSON, None as nothing.

    Examples
    --------
    >>> from edgeclust.train.tables import to_csv
    >>> print(to_csv([{"seed": 0, "acc": 0.5}, {"seed": 1, "prior": [0.5, 0.5]}]), end="")
    seed,acc,prior
    0,0.5,
    1,,"[0.5, 0.5]"
    """
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow(
            {k: json.dumps(v) if isinstance(v, list | tuple | dict) else v for k, v in row.items()}
        )
    return text.getvalue()


def summarise(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Gather the rows of each data, setting and variant, and average them over the seeds.

    Parameters
    ----------
    rows : iterable of mappings
        With ``data``, ``setting``, ``variant``, ``seed`` and scores; those with an ``error`` are
        left out.

    Returns
    -------
    summary : list of dict
        ``data``, ``setting`` (with what it splits over, where not subjects), ``variant``,
        ``seeds``, and by the name of each score that all of the rows have ``{"mean", "sd",
        "values"}``; the sd is that of a sample, None of one seed. Where a score is None for a
        seed, so are mean and sd.

    Examples
    --------
    >>> from edgeclust.train.tables import summarise
    >>> cell = {"data": "watch", "setting": "pooled", "variant": "hard"}
    >>> (found,) = summarise([cell | {"seed": 0, "acc": 0.6}, cell | {"seed": 1, "acc": 0.8}])
    >>> found["seeds"], found["acc"]["mean"], round(found["acc"]["sd"], 3)
    ([0, 1], 0.7, 0.141)
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if not row.get("error"):
            over = row.get("split_over") or "subjects"
            setting = row["setting"] if over == "subjects" else f"{row['setting']} over {over}"
            groups.setdefault((row["data"], setting, row["variant"]), []).append(row)
    keys = [*COLUMNS, "restart_rank_of_all", "n_restarts", "restart_correlation", "seconds"]
    summary = []
    for (data, setting, variant), members in groups.items():
        seeds = [member["seed"] for member in members]
        line: dict[str, Any] = {"data": data, "setting": setting, "variant": variant}
        line["seeds"] = seeds
        for key in keys:
            if all(key in member for member in members):
                line[key] = _mean_and_sd([member[key] for member in members])
        summary.append(line)
    return summary


def format_score(line: Mapping[str, Any], key: str) -> str:
    """Return a score of a summary's line as a person reads it: mean and spread.

    Examples
    --------
    >>> from edgeclust.train.tables import format_score
    >>> format_score({"acc": {"mean": 0.7, "sd": 0.1414}}, "acc")
    '.700 ± .141'
    >>> format_score({"kl_star": {"mean": None, "sd": None}}, "kl_star")
    '∞'
    """
    if key == CHOICE:
        if "restart_rank_of_all" not in line or line["n_restarts"]["mean"] == 1:
            return "-"
        rank, n = line["restart_rank_of_all"]["mean"], line["n_restarts"]["mean"]
        guide = line.get("restart_correlation")
        return f"{rank:.1f} of {n:.3g}" + (f" (r {_short(guide['mean'], 2)})" if guide else "")
    if key not in line:
        return "-"
    mean, sd = line[key]["mean"], line[key]["sd"]
    if mean is None:
        return "∞"
    digits = 1 if key == "clusters_used" else 3
    return _short(mean, digits) + ("" if sd is None else f" ± {_short(sd, digits)}")


def to_markdown(summary: Sequence[Mapping[str, Any]]) -> str:
    """Write a summary as Markdown, a table for each data and setting.

    Parameters
    ----------
    summary : sequence of mappings
        As `summarise` returns it.
    """
    parts = [f"# Results\n\n{LEGEND}"]
    for (data, setting), lines in by_data_and_setting(summary).items():
        header = ["method", "seeds", *COLUMNS.values(), CHOICE]
        cells = [
            [
                line["variant"],
                str(len(line["seeds"])),
                *(format_score(line, key) for key in (*COLUMNS, CHOICE)),
            ]
            for line in lines
        ]
        rows = [header, ["---"] * len(header), *cells]
        table = "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in r) + " |" for r in rows)
        parts.append(f"## {data}, {setting}\n\n{table}\n")
    return "\n".join(parts)


def by_data_and_setting(
    summary: Iterable[Mapping[str, Any]],
) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Gather the lines of a summary that are compared with each other."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for line in summary:
        found.setdefault((line["data"], line["setting"]), []).append(line)
    return found


def draw_bars(lines: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw ACC and NMI of the methods on one data set in one setting.

    Parameters
    ----------
    lines : sequence of mappings
        Lines of a summary, of one data and setting.

    Returns
    -------
    figure : Figure
        A bar for the mean, a whisker for the standard deviation, a dot for each seed.
    """
    height = 1.1 + 0.42 * len(lines)
    figure = Figure(figsize=(9, height), layout="constrained")
    figure.suptitle(plain(f"{lines[0]['data']}, {lines[0]['setting']}"))
    axes = figure.subplots(1, 2, sharey=True)
    for panel, key in zip(axes, ("acc", "nmi"), strict=True):
        _draw_panel(panel, lines, key)
    axes[0].set_yticks(range(len(lines)), [plain(line["variant"]) for line in lines])
    axes[0].invert_yaxis()  # the first on top
    return figure


def _draw_panel(axes: Axes, lines: Sequence[Mapping[str, Any]], key: str) -> None:
    """Draw one score, a row for each line."""
    color, dots = colormaps["tab10"](0), np.random.default_rng(0)
    for row, line in enumerate(lines):
        if key not in line:
            continue
        mean, sd, values = (line[key][part] for part in ("mean", "sd", "values"))
        axes.barh(row, mean, height=0.7, color=color, alpha=0.45)
        if sd is not None:
            axes.errorbar(mean, row, xerr=sd, color="black", capsize=3, linewidth=1)
            apart = row + dots.uniform(-0.2, 0.2, len(values))
            axes.scatter(values, apart, s=10, color=color, zorder=3)
        axes.text(1.01, row, _short(mean, 3), va="center", fontsize=9)
    axes.set(title=COLUMNS[key], xlim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)


def _mean_and_sd(values: list[float | None]) -> dict[str, Any]:
    """Average values of seeds; one that is None (infinite) makes all so."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return {"mean": None, "sd": None, "values": values}
    sd = statistics.stdev(known) if len(known) > 1 else None
    return {"mean": statistics.fmean(known), "sd": sd, "values": values}


def _short(value: float, digits: int) -> str:
    """Return a number without the zero before its point."""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
