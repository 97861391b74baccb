"""``edgeclust label-many``: a population of recordings."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from edgeclust.console import (
    population_progress,
    print_facts,
    print_json,
    remark,
    stop_on_signal,
)
from edgeclust.errors import RunError
from edgeclust.options import Json


class EngineName(StrEnum):
    """Where ``edgeclust label-many`` labels."""

    local = "local"
    ray = "ray"


def label_many(
    model: Annotated[Path, typer.Argument(help="A .onnx file written by 'edgeclust export'.")],
    recordings: Annotated[
        str,
        typer.Argument(
            help="A recordings folder, or a pattern of CSV, Parquet or NPZ files in quotes, as in "
            "'recordings/**/*.parquet'."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the labels; one begun before goes on.")],
    engine: Annotated[
        EngineName,
        typer.Option(help="'local' are processes on this machine; 'ray' needs edgeclust[ray]."),
    ] = EngineName.local,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; the cores, 8 at most, if left out.")
    ] = None,
    rate_hz: Annotated[
        float | None,
        typer.Option(
            help="Rate of the samples; what the folder or the column 'time' says if left out."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Label recordings, a Parquet each: edgeclust label-many model.onnx 'day/*.csv' --out labels.

    Centroids stay as exported. What is labelled already is left alone: the same command goes on
    where it was stopped or killed. Recordings that fail are told at the end, the rest is labelled.
    """
    from edgeclust.population import label_population

    with (
        stop_on_signal("stopping, what is done is kept") as should_stop,
        population_progress() as on_done,
    ):
        report = label_population(
            model,
            recordings,
            out,
            engine=engine.value,
            workers=workers,
            rate_hz=rate_hz,
            on_done=on_done,
            should_stop=should_stop,
        )
    facts = {
        "out": str(out),
        "n_recordings": report.n_recordings,
        "n_labelled": report.n_labelled,
        "n_done_before": report.n_done,
        "n_failed": len(report.failed),
        "n_windows": report.n_windows,
        "n_skipped": report.n_skipped,
        "seconds": round(report.seconds, 3),
        "windows_per_s": round(report.n_windows / report.seconds, 1),
    }
    if json:
        print_json(facts | {"failed": report.failed})
    else:
        print_facts(f"labelled {recordings}", facts)
    for failure in report.failed:
        remark(f"failed: {failure}")
    if report.failed:
        raise RunError(f"{len(report.failed)} of {report.n_recordings} recordings failed")
    if report.n_missing:
        raise RunError(
            f"stopped with {report.n_missing} recordings to do: the same command goes on"
        )
