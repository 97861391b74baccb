"""``edgeclust data``: what there is to train on."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeclust.console import (
    download_progress,
    print_facts,
    print_json,
    print_rows,
    reading_progress,
    remark,
)
from edgeclust.errors import ConfigError, DataError
from edgeclust.images import ArrayDataset
from edgeclust.options import Channels, Data, Json, Labels, MaxMissing, Rate, Root, parse_list
from edgeclust.processes import MOST_JOBS, n_cores

if TYPE_CHECKING:
    from edgeclust.dataset import WindowedDataset
    from edgeclust.har_data.devices import DeviceData

data_app = typer.Typer(no_args_is_help=True, help="What there is to train on.")


@data_app.command("list")
def list_data(root: Root = None, json: Json = False) -> None:
    """List the data sets known by name, and which are here: edgeclust data list."""
    from edgeclust.har_data import READERS

    if root is not None and not root.exists():
        raise DataError(f"{root}: is not there")
    here = {name: known.is_here(root) for name, known in READERS.items()}
    if json:
        print_json({"data": {n: {"what": READERS[n].what, "here": here[n]} for n in here}})
    else:
        rows = [(n, READERS[n].what, "here" if here[n] else "not here") for n in here]
        print_rows(["data", "what", "under --root" if root else "in the cache"], rows)


@data_app.command("show")
def show_data(
    data: Data,
    root: Root = None,
    rate_hz: Rate = None,
    channels: Channels = "",
    labels: Labels = "pure",
    max_missing: MaxMissing = 0.0,
    plot: Annotated[
        Path | None,
        typer.Option(help="Picture to make of a few seconds of every class, as in classes.png."),
    ] = None,
    json: Json = False,
) -> None:
    """Say what a data set is, and what was found in its files: edgeclust data show watch."""
    from edgeclust.har_data import READERS, open_dataset
    from edgeclust.har_data.facts import describe_card, describe_images, describe_recordings

    repairs: Counter[str] = Counter()
    try:
        dataset = open_dataset(
            data,
            root=root,
            rate_hz=rate_hz,
            channels=parse_list(channels),
            labels=labels,
            max_missing=max_missing,
            repairs=repairs,
        )
    except DataError:
        if data in READERS:  # what the files would hold is known without them
            _print_card(describe_card(READERS[data].card, data), json)
        raise
    card = describe_card(dataset.card, data)
    if isinstance(dataset, ArrayDataset):
        if plot:
            raise DataError(f"--plot draws recordings, {data!r} holds images: leave it out")
        found = describe_images(dataset)
    else:
        found = describe_recordings(dataset, repairs)
        if plot:
            _save_plot(dataset, plot)
    if json:
        print_json(card | found)
        return
    _print_card(card)
    _print_found(found)


def _print_card(card: dict[str, Any], json: bool = False) -> None:
    """Print what is known of a data set."""
    if json:
        print_json(card)
        return
    official = card.get("official", {})
    files = [f"{file} ({checksum or 'checksum unknown'})" for file, checksum in official.items()]
    shown = {name: value or "unknown" for name, value in card.items()}
    shown["classes"] = "; ".join(card["classes"]) or "unknown"  # some have commas
    if "official" in card:
        shown["official"] = files or "none"
    print_facts(card["name"], shown)


def _print_found(found: dict[str, Any]) -> None:
    """Print what was found in the files of a data set."""
    minutes, sensors = found.get("minutes_by_activity", {}), found.get("at_rest", [])
    shown = {n: v for n, v in found.items() if n not in ("minutes_by_activity", "at_rest")}
    if minutes:
        shown["nan_share"] = f"{found['nan_share']:.3%}"
        shown["repairs"] = [f"{count} {what}" for what, count in found["repairs"].items()] or "none"
        for name in ("measured_rate_hz", "n_gaps"):
            if found[name] is None:
                shown[name] = "unknown: no time stamps are read"
    for sensor in sensors:
        norm_g, still_s = sensor["norm_g"], sensor["still_s"]
        shown[f"at rest: {', '.join(sensor['channels'])}"] = (
            "never still" if norm_g is None else f"{norm_g:.3f} g, over {still_s:,} s"
        )
    if minutes and not sensors:
        shown["at rest"] = "not checked: no x, y and z of an accelerometer in g, mg or m/s^2"
    print_facts("found", shown)
    if minutes:
        _print_minutes(minutes)
    for sensor in sensors:
        if sensor["doubt"]:
            remark(f"doubtful: {sensor['doubt']}")


def _print_minutes(minutes: dict[str, dict[str, float]]) -> None:
    """Print the minutes of each activity of each subject, the shorter of the two across."""
    names = next(iter(minutes.values()))
    activities = [name for name in names if any(own[name] for own in minutes.values())]
    rows = {subject: [own[name] for name in activities] for subject, own in minutes.items()}
    kind, across = "subject", activities
    if len(activities) > len(minutes):
        columns = zip(*rows.values(), strict=True)
        rows = {name: [*column] for name, column in zip(activities, columns, strict=True)}
        kind, across = "activity", [*minutes]
    rows["all"] = [sum(column) for column in zip(*rows.values(), strict=True)]
    cells = [
        [name, *(f"{m:.1f}" if m else "-" for m in own), f"{sum(own):.1f}"]
        for name, own in rows.items()
    ]
    print_rows([f"minutes by {kind}", *across, "all"], cells)


def _save_plot(dataset: "WindowedDataset", path: Path) -> None:
    """Draw a few seconds of every class."""
    from edgeclust.har_data.plot import draw_classes

    figure = draw_classes(dataset)
    known = figure.canvas.get_supported_filetypes()
    if path.suffix.removeprefix(".") not in known:
        raise DataError(f"--plot should end in .png or another of {', '.join(known)}, got {path}")
    figure.savefig(path, dpi=110)


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


@data_app.command("prepare")
def prepare_data(
    data: Data,
    root: Root = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes; the cores, 8 at most, if left out.")
    ] = None,
) -> None:
    """Prepare recordings once, to open in milliseconds from then on: edgeclust data prepare pamap2.

    They are kept in the user's cache until the files change. One that was stopped goes on, and
    what is prepared already is read and verified.
    """
    from edgeclust.har_data import prepare_data

    with reading_progress() as on_part:
        folder = prepare_data(data, root, jobs=jobs or min(n_cores(), MOST_JOBS), on_part=on_part)
    remark(f"prepared and verified, in {folder}")
    remark(f"next: edgeclust train {data}" + ("" if root is None else f" --root {root}"))


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
    remark("files are called by number, subject and session; times begin at 0: clocks are not kept")
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
