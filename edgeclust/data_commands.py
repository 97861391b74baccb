"""``edgeclust data``: what there is to train on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeclust.console import download_progress, print_facts, print_json, print_rows, remark
from edgeclust.errors import ConfigError
from edgeclust.images import ArrayDataset
from edgeclust.options import Channels, Data, Json, Rate, Root, parse_list

if TYPE_CHECKING:
    from edgeclust.dataset import WindowedDataset
    from edgeclust.har_data.devices import DeviceData

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
    json: Json = False,
) -> None:
    """Say what a data set holds: edgeclust data show watch."""
    from edgeclust.har_data import open_dataset

    dataset = open_dataset(data, root=root, rate_hz=rate_hz, channels=parse_list(channels))
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
    kind: Annotated[
        str, typer.Option("--format", help="Of the recordings: csv, parquet or npz.")
    ] = "csv",
) -> None:
    """Write a data set, or a device's file, as a folder: edgeclust data convert watch mine."""
    from edgeclust.har_data import open_recordings, write_recordings_folder
    from edgeclust.har_data.devices import is_device_file, read_device

    if is_device_file(Path(data)):
        if rate_hz is not None or channels:
            raise ConfigError(
                f"--rate-hz and --channels are not for the file of a device: convert {data} as it "
                "is, and give them where the folder is read"
            )
        found = read_device(Path(data))
        write_recordings_folder(found.card, found.recordings, out, kind, found.columns)
        print_facts(data, _facts_of_device(found))
        remark(f"next: say whose it is and where it was worn, in {out}")
        return
    dataset = open_recordings(data, root=root, rate_hz=rate_hz, channels=parse_list(channels))
    write_recordings_folder(dataset.card, dataset.recordings, out, kind)
    remark(f"next: edgeclust train {out}")


def _facts_of_device(found: "DeviceData") -> dict[str, Any]:
    """Return what there is to say of the file of a device; nothing in it was changed."""
    card, calibration = found.card, found.calibration
    told = [(columns["non_wear"] != 0) for columns in found.columns if columns]
    hours = sum(recording.signal.shape[1] for recording in found.recordings) / card.rate_hz / 3600
    facts = {
        "rate_hz": card.rate_hz,
        "channels": [*map(str, card.channels)],
        "n_recordings": len(found.recordings),
        "hours": round(hours, 3),
        "non_wear_hours": round(sum(int(t.sum()) for t in told) / card.rate_hz / 3600, 3)
        if told
        else "unknown, shorter than an hour",
    }
    if calibration is None:
        return facts | {"calibration": "unknown, too little rest in too few directions"}
    return facts | {
        "calibration": "found, not applied: (acc + offset) * scale",
        "offset (g)": [round(number, 5) for number in calibration.offset],
        "scale": [round(number, 5) for number in calibration.scale],
        "from 1 g at rest, before (g)": round(calibration.before_g, 5),
        "from 1 g at rest, after (g)": round(calibration.after_g, 5),
    }


def _first_line(text: str | None) -> str:
    """Return the first line of a docstring."""
    return (text or "").strip().partition("\n")[0]
