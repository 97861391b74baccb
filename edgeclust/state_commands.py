"""``edgeclust state``: what a device has learnt."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from edgeclust.console import print_facts, print_json, print_rows, remark
from edgeclust.errors import StateError
from edgeclust.options import Json
from edgeclust.state import read_state, reset_state
from edgeclust.state_fields import Tally, unpack

state_app = typer.Typer(no_args_is_help=True, help="What a device has learnt.")

StateFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder that 'edgeclust label --state' saves to.")
]


@state_app.command("show")
def show_state(folder: StateFolder, json: Json = False) -> None:
    """Say what was learnt, also while it is being learnt: edgeclust state show mine.

    A cluster's share is of the windows labelled; its shift is how far its centroid has moved since
    the export, as an event's distance is measured.
    """
    facts = _read(folder)
    del facts["fields"]
    if json:
        print_json(facts)
        return
    clusters = facts.pop("clusters")
    overlaps = facts.pop("overlaps")
    print_facts(str(folder), facts)
    rows = [[cluster["cluster"], *list(cluster.values())[1:]] for cluster in clusters]
    print_rows([*clusters[0]], rows)
    for new, other in overlaps:
        remark(
            f"cluster {new} and cluster {other} lie close together: if they are one "
            "activity, give both its name"
        )


@state_app.command("export")
def export_state(folder: StateFolder) -> None:
    """Print all that was learnt as JSON: edgeclust state export mine > learnt.json.

    That is what 'show --json' prints, and under 'fields' all else that the state holds, by name.
    """
    print_json(_read(folder))


@state_app.command("reset")
def reset(
    folder: StateFolder,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget what was learnt; the model starts as exported: edgeclust state reset mine."""
    if not yes:
        try:
            yes = typer.confirm(f"Forget what was learnt in {folder}?", err=True)
        except typer.Abort:  # nobody there to answer
            remark("")
    if not yes:
        raise StateError(f"{folder}: is kept; --yes forgets it without asking")
    reset_state(folder)
    remark(f"forgotten: {folder}")


def _read(folder: Path) -> dict[str, Any]:
    """Return what a state says, as JSON has it."""
    saved = read_state(folder)
    if saved is None:
        raise StateError(f"{folder}: holds no state")
    fields = unpack(saved.payload)
    start = "tally."
    counted = {n.removeprefix(start): a for n, a in fields.items() if n.startswith(start)}
    tally = Tally(len(counted["counts"]))
    tally.restore(counted)
    # Of the slots for new clusters those are shown that hold one.
    slots = fields.get("growth.sizes", np.zeros(0))
    n_exported = len(tally.counts) - len(slots)
    n_clusters = n_exported + int(np.count_nonzero(slots))
    overlaps = enumerate(fields.get("growth.overlaps", slots).tolist(), n_exported)
    n_labelled = max(1, int(tally.counts.sum()))
    return {
        "state": str(folder),
        "model_id": saved.model_id,
        "version": saved.version,
        "generation": saved.generation,
        "n_windows": tally.n_windows,
        "n_skipped": tally.n_skipped,
        "clusters": [
            {
                "cluster": cluster,
                "name": tally.names[cluster],
                "n_windows": int(count),
                "share": round(int(count) / n_labelled, 4),
                "shift": float(tally.shift[cluster]),
            }
            for cluster, count in enumerate(tally.counts[:n_clusters])
        ],
        "n_new": n_clusters - n_exported,
        "n_slots_free": len(slots) - (n_clusters - n_exported),
        "overlaps": [[new, other] for new, other in overlaps if other >= 0],
        "fields": {n: a.tolist() for n, a in fields.items() if not n.startswith(start)},
    }
