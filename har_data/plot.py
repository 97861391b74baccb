"""A picture of recordings: a few seconds of every class."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from edgeclust.dataset import Recording, WindowedDataset
from edgeclust.har_data.facts import UNLABELLED

SECONDS = 5.0
"""How much of a class is drawn."""

MOST_UNITS = 3
"""Units that get a column; of more, the first in the order of the channels."""

MOST_LINES = 3
"""Channels of one unit that are drawn, the first: more would only hide each other."""

ABOVE: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "frameon": False}
"""Where legends stand: over the axes, beside their title, over no data."""


def draw_classes(dataset: WindowedDataset) -> Figure:
    """Draw the middle of the longest stretch of every class, a column for each unit.

    Parameters
    ----------
    dataset : WindowedDataset
        Not modified. Of data without labels a stretch of no class is drawn.

    Returns
    -------
    figure : Figure
        A row for each class that there is; axes of a column share their scale.
    """
    card = dataset.card
    found = longest_stretches(dataset.recordings, len(card.classes))
    names = {label: card.classes[label] if label >= 0 else UNLABELLED for label in found}
    units = list(dict.fromkeys(channel.unit for channel in card.channels))[:MOST_UNITS]
    length = max(2, round(SECONDS * card.rate_hz))
    figure = Figure(figsize=(2 + 5 * len(units), 1 + 0.8 * len(found)), layout="constrained")
    panels = figure.subplots(len(found), len(units), sharex=True, sharey="col", squeeze=False)
    colors = colormaps["tab10"]
    for row, (label, (recording, start, stop)) in zip(panels, found.items(), strict=True):
        first = max(start, (start + stop - length) // 2)
        own = slice(first, min(stop, first + length))
        for axes, unit in zip(row, units, strict=True):
            alike = [i for i, channel in enumerate(card.channels) if channel.unit == unit]
            for number, index in enumerate(alike[:MOST_LINES]):
                samples = recording.signal[index, own]
                seconds = np.arange(len(samples)) / card.rate_hz
                named = plain(card.channels[index].name)
                axes.plot(seconds, samples, color=colors(number), linewidth=0.9, label=named)
            axes.tick_params(labelsize=8)
        row[0].set_ylabel(plain(names[label]), rotation=0, ha="right", va="center", fontsize=9)
    for axes, unit in zip(panels[0], units, strict=True):
        n_alike = sum(channel.unit == unit for channel in card.channels)
        more = f", {MOST_LINES} of {n_alike} channels" if n_alike > MOST_LINES else ""
        axes.set_title(plain(f"{unit}{more}"), fontsize=10, loc="left")
        axes.legend(fontsize=8, ncols=MOST_LINES, **ABOVE)
    for axes in panels[-1]:
        axes.set_xlabel("seconds")
    return figure


def longest_stretches(
    recordings: Sequence[Recording], n_classes: int
) -> dict[int, tuple[Recording, int, int]]:
    """Find the longest stretch of every class.

    Parameters
    ----------
    recordings : sequence of Recording
        Not modified.
    n_classes : int
        Classes of the card.

    Returns
    -------
    stretches : dict
        Recording, first sample and the one behind the last, by class in their order; the first
        of several as long. A class that is nowhere is left out; where all are, -1 stands alone.

    Examples
    --------
    >>> import numpy as np
    >>> from edgeclust.dataset import Recording
    >>> from edgeclust.har_data.plot import longest_stretches
    >>> labels = np.array([1, 0, 0, -1, -1, -1, 1, 1])
    >>> recording = Recording(np.zeros((1, 8), np.float32), "1", "1", labels)
    >>> found = longest_stretches([recording], n_classes=3)
    >>> {label: (start, stop) for label, (_, start, stop) in found.items()}
    {0: (1, 3), 1: (6, 8)}
    """
    found: dict[int, tuple[Recording, int, int]] = {}
    for recording in recordings:
        n_samples = recording.signal.shape[1]
        labels = np.full(n_samples, -1) if recording.labels is None else recording.labels
        edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), n_samples]
        for start, stop in pairwise(edges):
            label = int(labels[start])
            _, first, last = found.get(label, (recording, 0, 0))
            if stop - start > last - first:
                found[label] = recording, start, stop
    known = {label: found[label] for label in range(n_classes) if label in found}
    return known or found


def plain(text: str) -> str:
    """Return a text that matplotlib draws as it is, not as mathematics."""
    return text.replace("$", r"\$")
