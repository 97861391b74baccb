"""How fast data are read, prepared, opened and gathered, and what memory that takes.

Each measurement has a process of its own, and compares side by side there: medians, and ratios
above 1 where ours is the quicker. Of text it is the time by the clock, for pandas alone may use all
cores where the readers use one (hold both to one by taskset), of all else that of the CPU.
Data are generated in a temporary folder, 3 GB at most by default. Some minutes. Run from the root:

    .venv/bin/python benchmarks/data.py [parse gather prepare open overlap]
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Nothing heavy up here: a process begins with the peak memory of the one that starts it.
if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from edgeclust import Recording
    from edgeclust.card import Card

MB = 1_000_000


def main() -> None:
    """Run the measurements that are asked for, each in its process, and print what they say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", metavar="what", help=", ".join(MEASUREMENTS))
    parser.add_argument("--parse-mb", type=int, default=20, help="of text of each reader")
    parser.add_argument("--prepare-mb", type=int, default=2000, help="of text to prepare")
    parser.add_argument("--file-mb", type=int, default=32, help="of text of each file of these")
    parser.add_argument("--jobs", type=int, default=2, help="processes that prepare")
    parser.add_argument("--open-mb", type=int, nargs="+", default=[10, 100, 1000], help="to open")
    parser.add_argument("--hours", type=float, default=6, help="of 117 channels to overlap")
    parser.add_argument("--rounds", type=int, default=5, help="that a median is of")
    parser.add_argument("--folder", type=Path, help="for the data; the system's if left out")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(MEASUREMENTS[arguments.what[0]](arguments)))
        return
    for name in arguments.what or MEASUREMENTS:
        print(f"\n{name}: {(MEASUREMENTS[name].__doc__ or '').partition(chr(10))[0]}", flush=True)
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            command = [sys.executable, "-P", __file__, "--child", *sys.argv[1:]]
            command = [part for part in command if part not in arguments.what]
            environment = os.environ | {"XDG_CACHE_HOME": f"{folder}/cache"}
            command += ["--folder", folder, "--", name]
            answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        for line in json.loads(answer.stdout):
            print(" ", line, flush=True)


def measure_parse(arguments: argparse.Namespace) -> list[str]:
    """Readers, from file to recordings, against pandas.read_csv of the same bytes."""
    import pandas as pd

    from edgeclust.har_data import READERS, read_recordings_folder
    from edgeclust.har_data.source import Source

    said = []
    for name, (path, write, options) in _texts().items():
        root = arguments.folder / name
        file = root / path
        file.parent.mkdir(parents=True)
        write(file, arguments.parse_mb * MB)
        source = READERS.get(name)

        def ours(root: Path = root, source: Any = source) -> object:
            if isinstance(source, Source):
                return source.recordings(root)
            return read_recordings_folder(root)

        def plain(file: Path = file, options: dict[str, Any] = options) -> object:
            return pd.read_csv(file, **options)

        taken = _medians(arguments.rounds, time.perf_counter, reader=ours, pandas=plain)
        speeds = {key: file.stat().st_size / MB / seconds for key, seconds in taken.items()}
        said.append(
            f"{name:18} {speeds['reader']:6.1f} MB/s, pandas {speeds['pandas']:6.1f} MB/s: "
            f"x{speeds['reader'] / speeds['pandas']:.2f}"
        )
    return said


def measure_gather(arguments: argparse.Namespace) -> list[str]:
    """Batches of 256 random windows against a fancy index into windows that are cut already."""
    import numpy as np

    from edgeclust import Card, Channel, WindowedDataset

    rng, said = np.random.default_rng(0), []
    for n_channels, window, stride, n_recordings, n_samples in (
        (6, 128, 64, 60, 20_000),
        (6, 128, 64, 1000, 1_280),
        (6, 200, 100, 140, 1_700),
        (3, 1000, 1000, 10, 400_000),
        (117, 512, 256, 20, 8_000),
    ):
        channels = tuple(Channel(f"c{n}", "g") for n in range(n_channels))
        card = Card("toy", 50.0, channels, window, stride)
        signals = [_noise(rng, n_channels, n_samples) for _ in range(n_recordings)]
        dataset = WindowedDataset(card, [_recording(signal) for signal in signals])
        cut = dataset.gather(np.arange(len(dataset)))
        batches = [rng.integers(0, len(cut), 256) for _ in range(20)]

        def ours(dataset: WindowedDataset = dataset, batches: Any = batches) -> None:
            for batch in batches:
                dataset.gather(batch)

        def bare(cut: "np.ndarray" = cut, batches: Any = batches) -> None:
            for batch in batches:
                cut[batch]

        taken = _medians(5 * arguments.rounds, gather=ours, bare=bare)
        each = {key: seconds / len(batches) * 1e6 for key, seconds in taken.items()}
        said.append(
            f"{n_channels:3} x {window:4}, {n_recordings:4} recordings: {each['gather']:7.0f} us, "
            f"bare {each['bare']:7.0f} us: x{each['bare'] / each['gather']:.2f}"
        )
    return said


def measure_prepare(arguments: argparse.Namespace) -> list[str]:
    """Peak memory and speed of preparing a recordings folder."""
    folder = arguments.folder / "mine"
    n_files = max(1, arguments.prepare_mb // arguments.file_mb)
    own = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    bare = int(subprocess.run([sys.executable, "-c", own], stdout=subprocess.PIPE).stdout) / 1000
    _generate(f"folder({str(folder)!r}, {n_files}, {arguments.file_mb})")
    size = sum(path.stat().st_size for path in folder.iterdir()) / MB
    said = [f"{size:.0f} MB of CSV in {n_files} files; the bare interpreter takes {bare:.0f} MB"]
    for jobs in dict.fromkeys((1, arguments.jobs)):
        code = (
            "import json, resource, sys, time; from pathlib import Path\n"
            "from edgeclust.har_data import prepare_data\n"
            "if __name__ == '__main__':\n"
            "    start = time.perf_counter()\n"
            f"    where = prepare_data({str(folder)!r}, jobs={jobs})\n"
            "    taken = time.perf_counter() - start\n"
            "    who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN\n"
            "    peaks = [resource.getrusage(w).ru_maxrss / 1000 for w in who]\n"
            "    print(json.dumps([str(where), taken, *peaks]))\n"
        )
        script = arguments.folder / "prepare.py"
        script.write_text(code)
        answer = subprocess.run(
            [sys.executable, "-P", script], stdout=subprocess.PIPE, check=True
        ).stdout
        where, taken, ours, worker = json.loads(answer)
        workers = f" and {worker:.0f} MB in the largest of {jobs} workers" if jobs > 1 else ""
        total = ours + (jobs * worker if jobs > 1 else 0) - bare
        said.append(
            f"--jobs {jobs}: {taken:.1f} s, {size / taken:.0f} MB/s; peak {ours:.0f} MB{workers}: "
            f"{max(ours, worker) - bare:.0f} MB a process above the interpreter, {total:.0f} in all"
        )
        shutil.rmtree(where)
    return said


def measure_open(arguments: argparse.Namespace) -> list[str]:
    """CPU time to open one prepared file of equal recordings, and to cut them into windows."""
    import numpy as np

    from edgeclust import Card, Channel, WindowedDataset
    from edgeclust.har_data.prepared import open_prepared, write_prepared

    card = Card("toy", 50.0, tuple(Channel(f"c{n}", "g") for n in range(6)), 128, 64)
    noise, said = _noise(np.random.default_rng(0), 6, 100_000), []

    def cut(folder: Path) -> object:
        return WindowedDataset(*open_prepared(folder))

    for size in arguments.open_mb:
        folder = arguments.folder / str(size)
        folder.mkdir()
        n_recordings = max(1, round(size * MB / noise.nbytes))
        write_prepared(card, (_recording(noise) for _ in range(n_recordings)), folder)
        taken = _medians(
            arguments.rounds,
            prepared=partial(open_prepared, folder),
            cut=partial(cut, folder),
        )
        said.append(
            f"{size:6} MB, {n_recordings:4} recordings: {taken['prepared'] * 1e3:6.1f} ms, "
            f"with windows {taken['cut'] * 1e3:6.1f} ms"
        )
        shutil.rmtree(folder)
    return said


def measure_overlap(arguments: argparse.Namespace) -> list[str]:
    """Memory of windows of 512, stride 5, against that of their recordings."""
    said = []
    for kind in ("held in memory", "prepared"):
        code = f"overlap({str(arguments.folder)!r}, {arguments.hours}, {kind == 'prepared'})"
        facts = json.loads(_generate(code))
        said.append(
            f"{kind}: recordings {facts['recordings']:.0f} MB; memory "
            f"{facts['before']:.0f} MB with them, {facts['cut']:.0f} MB with "
            f"{facts['n_windows']:,} windows of {facts['copied'] / 1000:,.0f} GB if copied, peak "
            f"{facts['peak']:.0f} MB after {facts['gathered']:,} were gathered"
        )
    return said


MEASUREMENTS: dict[str, Callable[[argparse.Namespace], list[str]]] = {
    "parse": measure_parse,
    "gather": measure_gather,
    "prepare": measure_prepare,
    "open": measure_open,
    "overlap": measure_overlap,
}


def folder(where: str, n_files: int, file_mb: int) -> None:
    """Write a recordings folder of one recording many times over."""
    import numpy as np

    from edgeclust.har_data import write_recordings_folder

    card = _card(6)
    n_samples = file_mb * MB // 76  # bytes of a line
    one = _recording(_noise(np.random.default_rng(0), 6, n_samples))
    labels = np.arange(n_samples) // 5000 % 2
    write_recordings_folder(card, [replace(one, labels=labels)], Path(where))
    rows = ["file,subject,session", "0000_1_1.csv,0,1"]
    for number in range(1, n_files):
        shutil.copyfile(Path(where) / "0000_1_1.csv", Path(where) / f"{number:04d}.csv")
        rows.append(f"{number:04d}.csv,{number},1")
    (Path(where) / "recordings.csv").write_text("\n".join(rows))


def overlap(where: str, hours: float, prepared: bool) -> None:
    """Print what memory windows take that overlap by 99 %."""
    import numpy as np

    from edgeclust import Channel, WindowedDataset
    from edgeclust.har_data.prepared import open_prepared, write_prepared

    rng, n_samples = np.random.default_rng(0), 90_000  # half an hour at 50 Hz
    card = replace(_card(6), channels=tuple(Channel(f"c{n}", "g") for n in range(117)))
    card = replace(card, window=512, stride=5)
    generated = (_recording(_noise(rng, 117, n_samples)) for _ in range(round(2 * hours)))
    if prepared:
        write_prepared(card, generated, Path(where))
        _, recordings = open_prepared(Path(where))
    else:
        recordings = list(generated)
    facts: dict[str, float] = {"before": _memory()}
    dataset = WindowedDataset(card, recordings)
    facts |= {"cut": _memory(), "gathered": 0, "n_windows": len(dataset)}
    for _ in range(20):
        facts["gathered"] += len(dataset.gather(rng.integers(0, len(dataset), 256)))
    facts["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    facts["recordings"] = sum(recording.signal.nbytes for recording in recordings) / MB
    facts["copied"] = len(dataset) * 512 * 117 * 4 / MB
    print(json.dumps(facts))


def _memory() -> float:
    """Return the memory of this process now, in MB; its peak where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return pages * resource.getpagesize() / MB


def _generate(call: str) -> bytes:
    """Run a function of this file in a process that ends with its memory."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import data; data."
    command = [sys.executable, "-P", "-c", code + call]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def _medians(
    rounds: int, clock: Callable[[], float] = time.process_time, **functions: Callable[[], object]
) -> dict[str, float]:
    """Return the median seconds, by a clock, of functions that take turns."""
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = clock()
            function()
            taken[name].append(clock() - start)
    return {name: sorted(values)[rounds // 2] for name, values in taken.items()}


def _card(n_channels: int) -> "Card":
    """Return a card of some channels and two classes."""
    from edgeclust import Card, Channel

    channels = tuple(Channel(f"c{n}", "g") for n in range(n_channels))
    return Card("toy", 50.0, channels, window=128, stride=64, classes=("rest", "walk"))


def _noise(rng: "np.random.Generator", n_channels: int, n_samples: int) -> Any:
    """Return a signal."""
    import numpy as np

    return rng.standard_normal((n_channels, n_samples), np.float32)


def _recording(signal: Any) -> "Recording":
    """Return a recording of a signal."""
    from edgeclust import Recording

    return Recording(signal, "1", "1")


def _texts() -> dict[str, tuple[str, Callable[[Path, int], None], dict[str, Any]]]:
    """Return the files to read by the name of the set: how they are written, and read plainly."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)

    def table(n_rows: int, n_columns: int, digits: int = 5) -> "pd.DataFrame":
        return pd.DataFrame(np.round(rng.normal(0, 5, (n_rows, n_columns)), digits))

    def write(path: Path, size: int, rows: "Callable[[int], pd.DataFrame]", **options: Any) -> None:
        width = len(rows(100).to_csv(index=False, header=False, sep=options.get("sep", ","))) / 100
        rows(int(size / width)).to_csv(path, index=False, **({"header": False} | options))

    def recordings(path: Path, size: int) -> None:
        folder(str(path.parent / "made"), 1, size // MB)
        for made in (path.parent / "made").iterdir():
            made.rename(path.parent / made.name)

    def wisdm(path: Path, size: int) -> None:
        def rows(n: int) -> "pd.DataFrame":
            values = table(n, 3, 6).astype(str)
            values.insert(0, "time", 49_105_962_326_000 + np.arange(n) * 50_000_000)
            values.insert(0, "activity", np.array(["Walking", "Jogging"])[np.arange(n) // 4000 % 2])
            values.insert(0, "user", np.arange(n) // 30_000 + 1)
            return values.assign(**{"2": values[2] + ";"}).drop(columns=2)

        write(path, size, rows)

    def pamap2(path: Path, size: int) -> None:
        def rows(n: int) -> "pd.DataFrame":
            values = table(n, 54)
            values[0], values[1] = np.arange(n) / 100, np.arange(n) // 5000 % 2
            return values

        write(path, size, rows, sep=" ")

    def realdisp(path: Path, size: int) -> None:
        def rows(n: int) -> "pd.DataFrame":
            values = table(n, 120)
            values[0], values[1] = np.arange(n) // 50, np.arange(n) % 50 * 20_000
            values[119] = np.arange(n) // 2000 % 34
            return values

        write(path, size, rows, sep="\t")

    def harth(path: Path, size: int) -> None:
        def rows(n: int) -> "pd.DataFrame":
            values = table(n, 6)
            values.columns = [f"{place}_{axis}" for place in ("back", "thigh") for axis in "xyz"]
            steps = pd.Timestamp("2019-01-12") + pd.to_timedelta(np.arange(n) * 20, unit="ms")
            values.insert(0, "timestamp", steps.strftime("%Y-%m-%d %H:%M:%S.%f"))
            return values.assign(label=np.arange(n) // 5000 % 2 + 1)

        write(path, size, rows, header=True)

    headless = {"header": None}
    return {
        "recordings folder": ("0000_1_1.csv", recordings, {}),
        "wisdm-v1": ("WISDM_ar_v1.1_raw.txt", wisdm, headless),
        "pamap2": ("Protocol/subject101.dat", pamap2, headless | {"sep": r"\s+"}),
        "realdisp": ("subject1_ideal.log", realdisp, headless | {"sep": "\t"}),
        "harth": ("S006.csv", harth, {}),
    }


if __name__ == "__main__":
    main()
