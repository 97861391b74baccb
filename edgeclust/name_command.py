"""``edgeclust name``: call clusters what a few labelled examples say."""

from pathlib import Path
from typing import Annotated

import typer

from edgeclust.console import print_json, print_rows, remark
from edgeclust.errors import DataError
from edgeclust.labeler import Labeler
from edgeclust.options import Json
from edgeclust.samples import read_labelled


def name(
    model: Annotated[Path, typer.Argument(help="A .onnx file written by 'edgeclust export'.")],
    labelled: Annotated[
        Path,
        typer.Argument(
            metavar="LABELLED",
            help="CSV of samples as 'edgeclust label' takes them, with a column 'label': the "
            "activity, empty where it is not known.",
        ),
    ],
    state: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder of what is learnt, which keeps the names."),
    ],
    rate_hz: Annotated[
        float | None,
        typer.Option(help="Rate of the samples; what the column 'time' shows if left out."),
    ] = None,
    json: Json = False,
) -> None:
    """Name clusters after a few labelled examples: edgeclust name model.onnx some.csv --state mine.

    One to five windows of each activity will do; a window counts that lies wholly within one label.
    Each activity gets a cluster of its own where it can; a cluster without an example keeps the
    name it had, if any. 'edgeclust label' with the same folder tells the names from then on.
    """
    with Labeler.open(model, state, rate_hz=rate_hz) as labeler:
        if labeler.metadata.image is not None:
            raise DataError("the model takes images: name its clusters by Labeler.name in Python")
        with open(labelled, encoding="utf-8", newline="") as lines:
            runs = read_labelled(lines, labeler.metadata.channel_names, source=str(labelled))
            try:
                naming = labeler.name_runs(runs)
            except DataError as error:
                if str(error).startswith(str(labelled)):
                    raise
                raise DataError(f"{labelled}: {error}") from error
        names = list(labeler.tally.names)
    facts = naming.to_json()
    for cluster, called in zip(facts["clusters"], names, strict=False):
        cluster["name"] = called
    if json:
        print_json({"model": str(model), "state": str(state)} | facts)
        return
    print_rows(
        ["cluster", "name", "examples"],
        [
            [
                cluster["cluster"],
                cluster["name"],
                ", ".join(f"{count} {activity}" for activity, count in cluster["examples"].items()),
            ]
            for cluster in facts["clusters"]
        ],
    )
    for conflict in facts["conflicts"]:
        remark(conflict)
