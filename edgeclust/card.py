"""What is known of a data set: its channels, its classes, and the shape of what is clustered."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

from edgeclust.errors import DataError
from edgeclust.windows import check_window


@dataclass(frozen=True)
class Channel:
    """One column of a recording."""

    name: str
    unit: str  # as the data hold it, "g" and "rad/s" by convention

    def __str__(self) -> str:
        """Return the name with the unit, as in ``ax (g)``."""
        return f"{self.name} ({self.unit})"


@dataclass(frozen=True)
class Card:
    """What is known of a data set: its sensors, its classes and its usual windows."""

    name: str
    rate_hz: float
    channels: tuple[Channel, ...]
    window: int  # samples
    stride: int  # samples
    classes: tuple[str, ...] = ()
    mount: str = "unknown"
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        """Check what everything else relies on."""
        if not (math.isfinite(self.rate_hz) and self.rate_hz > 0):
            raise DataError(f"rate_hz of {self.name!r} should be above 0 Hz, got {self.rate_hz}")
        _check_names(self)
        check_window(self.window, self.stride)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a window of one channel."""
        return (self.window,)

    @property
    def channel_names(self) -> list[str]:
        """Names of the channels, in their order."""
        return [channel.name for channel in self.channels]

    def to_json(self) -> dict[str, Any]:
        """Return the card as the object that a ``dataset.json`` holds."""
        return _as_json(self)

    @classmethod
    def from_json(cls, content: Any, where: str) -> "Card":
        """Read a card from the object that a ``dataset.json`` holds.

        Parameters
        ----------
        content : object
            What the JSON text held. Keys that a card does not have are left alone.
        where : str
            The file, for the messages.

        Raises
        ------
        DataError
            If a key is missing or holds something of another kind.
        """
        with _errors_say(where):
            return cls(
                **_read_texts(content, ("mount", "source", "licence")),
                rate_hz=float(content["rate_hz"]),
                window=_whole(content, "window"),
                stride=_whole(content, "stride"),
            )


@dataclass(frozen=True)
class ImageCard:
    """What is known of a set of images: their size, their channels and their classes.

    Examples
    --------
    >>> from edgeclust import Channel, ImageCard
    >>> ImageCard("toy", (Channel("grey", "0..1"),), height=28, width=20).shape
    (28, 20)
    """

    name: str
    channels: tuple[Channel, ...]
    height: int  # pixels
    width: int  # pixels
    classes: tuple[str, ...] = ()
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        """Check what everything else relies on."""
        _check_names(self)
        if self.height < 1 or self.width < 1:
            raise DataError(f"images of {self.name!r} should have pixels, got {self.shape}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image of one channel."""
        return (self.height, self.width)

    @property
    def channel_names(self) -> list[str]:
        """Names of the channels, in their order."""
        return [channel.name for channel in self.channels]

    def to_json(self) -> dict[str, Any]:
        """Return the card as the object that a run's ``config.json`` holds."""
        return _as_json(self)

    @classmethod
    def from_json(cls, content: Any, where: str) -> "ImageCard":
        """Read a card from the object that `to_json` returned; else as `Card.from_json`."""
        with _errors_say(where):
            return cls(
                **_read_texts(content, ("source", "licence")),
                height=_whole(content, "height"),
                width=_whole(content, "width"),
            )


AnyCard = Card | ImageCard
"""What is known of any data."""


def card_from_json(content: Any, where: str) -> AnyCard:
    """Read a card of either kind; that of images has the key ``height``.

    Parameters
    ----------
    content : object
        What `to_json` of the card returned.
    where : str
        The file, for the messages.

    Raises
    ------
    DataError
        If a key is missing or holds something of another kind.

    Examples
    --------
    >>> from edgeclust.card import Channel, ImageCard, card_from_json
    >>> card = ImageCard("toy", (Channel("grey", "0..1"),), height=28, width=20)
    >>> card_from_json(card.to_json(), "config.json") == card
    True
    """
    kind = ImageCard if isinstance(content, dict) and "height" in content else Card
    return kind.from_json(content, where)


def _check_names(card: AnyCard) -> None:
    """Refuse names that are missing, stand twice, or cannot name a file."""
    names = card.channel_names
    if not names or len(set(names)) < len(names):
        raise DataError(f"channels of {card.name!r} should be named, each once, got {names}")
    if len(set(card.classes)) < len(card.classes) or "" in card.classes:
        raise DataError(f"classes of {card.name!r} should each have a name of their own")
    if not card.name or set(card.name) & {"/", "\\"}:
        raise DataError(f"name should be a word that can name a file, got {card.name!r}")


def _as_json(card: AnyCard) -> dict[str, Any]:
    """Return a card with lists where JSON has no tuples."""
    return asdict(card) | {
        "channels": [asdict(channel) for channel in card.channels],
        "classes": list(card.classes),
    }


def _read_texts(content: Any, optional: Sequence[str]) -> dict[str, Any]:
    """Read the name, the channels, the classes and other texts, where they are there."""
    texts = {key: content[key] for key in optional if key in content}
    channels = [(channel["name"], channel["unit"]) for channel in content["channels"]]
    classes = content.get("classes", [])
    if not isinstance(classes, list):
        raise TypeError(f"classes should be a list, got {classes!r}")
    found = [content["name"], *texts.values(), *classes, *chain.from_iterable(channels)]
    if not all(isinstance(text, str) for text in found):
        raise TypeError(f"names, units and classes should be texts, got {found}")
    return texts | {
        "name": content["name"],
        "channels": tuple(Channel(*channel) for channel in channels),
        "classes": tuple(classes),
    }


def _whole(content: Any, key: str) -> int:
    """Read a whole number."""
    value = content[key]
    if type(value) is not int:
        raise TypeError(f"{key} should be a whole number, got {value!r}")
    return value


@contextmanager
def _errors_say(where: str) -> Iterator[None]:
    """Turn what reading a wrong JSON object raises into an error that names the file."""
    try:
        yield
    except KeyError as error:
        raise DataError(f"{where}: the key {error} is missing") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(f"{where}: {error}") from error
