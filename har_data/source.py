"""A published data set: what it is, what its files are called, and how they are read one by one."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from edgeclust.card import Card
from edgeclust.dataset import Recording
from edgeclust.har_data.members import Members, find_members, is_there

logger = logging.getLogger(__name__)

Read = Callable[[Members, list[str], Counter[str]], Iterator[Recording]]
"""From some of the paths of `Source.paths` to their recordings, one after another; what was
repaired on the way is counted, by what is said of it."""


@dataclass(frozen=True)
class Source:
    """A data set as its authors published it.

    Parameters
    ----------
    card : Card
        Its name is the one that ``edgeclust train`` takes.
    what : str
        What was recorded, in a line.
    pattern : str
        What the paths of files end in that can be read each by itself, as `Members.matching`
        takes it; they make out the data set.
    archives : tuple of str
        Names that the archive goes by.
    read : callable
        Generator of the recordings of some files, which finds what belongs to them by itself.
        It holds one file at a time, so that memory stays flat and processes can share the files.
    citation : str
        What to cite.
    folder : str
        Name of the folder that the files are looked for in, that of the card where left out.
    same_names : bool
        Whether files of one name in several folders are no copies.
    version : int
        Raised whenever what is read changes.
    """

    card: Card
    what: str
    pattern: str
    archives: tuple[str, ...]
    read: Read
    citation: str = ""
    folder: str = ""
    same_names: bool = False
    version: int = 1

    def open(self, root: Path | None = None) -> AbstractContextManager[Members]:
        """Find the files; they can be read as long as the context lasts.

        Parameters
        ----------
        root : Path, optional
            As `edgeclust.har_data.members.find_members` takes it.

        Raises
        ------
        DataError
            If they are not there, or the archive cannot be read.
        """
        return find_members(self.folder or self.card.name, root, self.pattern, self.archives)

    def is_here(self, root: Path | None = None) -> bool:
        """Tell whether there is something to read, by its names alone."""
        return is_there(self.folder or self.card.name, root, self.pattern, self.archives)

    def paths(self, members: Members) -> list[str]:
        """Return the paths of all files that can be read each by itself, sorted.

        Raises
        ------
        DataError
            If there is none, or one is there twice.
        """
        return (members.matching if self.same_names else members.require)(self.pattern)

    def recordings(self, root: Path | None = None) -> list[Recording]:
        """Read all recordings, and warn in one line of what was repaired.

        Parameters
        ----------
        root : Path, optional
            As of `open`.

        Raises
        ------
        DataError
            If the files are not there, or are other than the official ones.
        """
        repairs: Counter[str] = Counter()
        with self.open(root) as members:
            recordings = list(self.read(members, self.paths(members), repairs))
            if said := describe_repairs(repairs):
                logger.warning("%s: repaired: %s", members.where, said)
        return recordings


def describe_repairs(repairs: Counter[str]) -> str:
    """Say what was repaired and how often.

    Examples
    --------
    >>> from collections import Counter
    >>> from edgeclust.har_data.source import describe_repairs
    >>> describe_repairs(Counter({"gaps cut": 2, "blank lines": 1, "broken records left out": 0}))
    '1 blank lines, 2 gaps cut'
    """
    return ", ".join(f"{count} {what}" for what, count in sorted(repairs.items()) if count)
