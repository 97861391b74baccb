"""``edgeclust data``: what there is to train on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeclust.console import download_progress, print_facts, print_json, print_rows, remark
from edgeclust.images import ArrayDataset
from edgeclust.options import Channels, Data, Json, Labels, MaxMissing, Rate, Root, parse_list

if TYPE_CHECKING:
    from edgeclust.dataset import WindowedDataset

data_app = typer.Typer(no_args_is_help=True, help="What there is to train on.")


@data_app.command("list")
def list_data(json: Json = False) -> None:
    """List the data sets known by name: edgeclust data list."""
    from edgeclust.har_data import READERS

    if json:
        print_json({"data": sorted(READERS)})
    else:
        print_rows(["data", "what"], [(n, _first_line(r.__doc__)) for n, r in READERS.items()])


@data_app.command("show")
def show_data(
    data: Data,
    root: Root = None,
    rate_hz: Rate = None,
    channels: Channels = "",
    labels: Labels = "pure",
    max_missing: MaxMissing = 0.0,
    json: Json = False,
) -> None:
    """Say what a data set holds: edgeclust data show watch."""
    from edgeclust.har_data import open_dataset

    dataset = open_dataset(
        data,
        root=root,
        rate_hz=rate_hz,
        channels=parse_list(channels),
        labels=labels,
        max_missing=max_missing,
    )
    if isinstance(dataset, ArrayDataset):
        facts = _facts_of_images(dataset)
    else:
        facts = _facts_of_recordings(dataset)
    print_json(facts) if json else print_facts(data, facts)


def _facts_of_images(dataset: ArrayDataset) -> dict[str, Any]:
    """Return what there is to say of images."""
    card = dataset.card
    return {
        "name": card.name,
        "channels": [*map(str, card.channels)],
        "height": card.height,
        "width": card.width,
        "classes": list(card.classes),
        "n_images": len(dataset),
        "n_labelled": int((dataset.labels >= 0).sum()),
        "source": card.source,
        "licence": card.licence,
    }


def _facts_of_recordings(dataset: "WindowedDataset") -> dict[str, Any]:
    """Return what there is to say of recordings."""
    card = dataset.card
    n_samples = sum(recording.signal.shape[1] for recording in dataset.recordings)
    return {
        "name": card.name,
        "rate_hz": card.rate_hz,
        "channels": [*map(str, card.channels)],
        "mount": card.mount,
        "classes": list(card.classes),
        "window": card.window,
        "stride": card.stride,
        "subjects": dataset.subjects,
        "n_recordings": len(dataset.recordings),
        "minutes": round(n_samples / card.rate_hz / 60, 2),
        "n_windows": len(dataset),
        "n_labelled": int((dataset.labels >= 0).sum()),
        "n_skipped": dataset.n_skipped,
        "n_bridged": dataset.n_bridged,
        "source": card.source,
        "licence": card.licence,
    }


@data_app.command("fetch")
def fetch_data(
    name: Annotated[str, typer.Argument(help="A data set whose files can be downloaded.")],
    root: Annotated[
        Path | None, typer.Option(help="Folder to keep them in; the user's cache if left out.")
    ] = None,
) -> None:
    """Download the official files of a data set and verify them: edgeclust data fetch cifar10."""
    from edgeclust.har_data.fetch import fetch

    with download_progress() as on_bytes:
        folder = fetch(name, root, on_bytes=on_bytes)
    remark(f"verified, in {folder}")
    remark(f"next: edgeclust train {name}" + ("" if root is None else f" --root {root}"))


@data_app.command("convert")
def convert_data(
    data: Data,
    out: Annotated[Path, typer.Argument(help="The folder to make.")],
    root: Root = None,
    rate_hz: Rate = None,
    channels: Channels = "",
) -> None:
    """Write a data set as a recordings folder: edgeclust data convert watch my_recordings."""
    from edgeclust.har_data import open_recordings, write_recordings_folder

    dataset = open_recordings(data, root=root, rate_hz=rate_hz, channels=parse_list(channels))
    write_recordings_folder(dataset.card, dataset.recordings, out)
    remark(f"next: edgeclust train {out}")


def _first_line(text: str | None) -> str:
    """Return the first line of a docstring."""
    return (text or "").strip().partition("\n")[0]
