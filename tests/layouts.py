"""Small fixtures in the layout of the official distributions."""

import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from edgeclust.card import Card
from edgeclust.dataset import Recording
from edgeclust.har_data import READERS
from edgeclust.har_data.source import Source


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    """Return a zip archive of files by their paths."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def unpacked(files: Mapping[str, str | bytes], folder: Path) -> Path:
    """Write files into a folder, and return it."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def lines(rows: Iterable[Sequence[object]], separator: str = " ", before: str = "") -> str:
    """Return rows as text, a line each."""
    return "".join(before + separator.join(map(str, row)) + "\n" for row in rows)


def read(name: str, root: Path) -> tuple[Card, list[Recording]]:
    """Return the card and the recordings of a published set, the same when read file by file."""
    source = READERS[name]
    assert isinstance(source, Source)
    recordings = source.recordings(root)
    with source.open(root) as members:
        by_file = [source.read(members, [path], Counter()) for path in source.paths(members)]
        for whole, own in zip(recordings, chain(*by_file), strict=True):
            assert (whole.subject, whole.session) == (own.subject, own.session)
            np.testing.assert_array_equal(whole.signal, own.signal)
            np.testing.assert_array_equal(np.asarray(whole.labels), np.asarray(own.labels))
    return source.card, recordings
