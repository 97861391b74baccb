"""A data set known by name: what it is, what its files are called, and how they are read."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edgeclust.card import AnyCard, Card
from edgeclust.dataset import Recording
from edgeclust.har_data.members import Members, find_archive, find_members, is_there
from edgeclust.har_data.official import look_for
from edgeclust.images import ArrayDataset

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
    null_class : str
        What the authors left to no class, which is unlabelled.
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
    null_class: str = "none"
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

    def archive(self, root: Path | None = None) -> Path | None:
        """Return the archive that `open` would look into; None where the files are unpacked.

        Raises
        ------
        DataError
            If neither is there.
        """
        return find_archive(self.folder or self.card.name, root, self.pattern, self.archives)

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

    @property
    def official(self) -> dict[str, None]:
        """Names of the official files; no checksum of theirs is known."""
        return dict.fromkeys(self.archives)

    def recordings(
        self, root: Path | None = None, repairs: Counter[str] | None = None
    ) -> list[Recording]:
        """Read all recordings.

        Parameters
        ----------
        root : Path, optional
            As of `open`.
        repairs : Counter, optional
            What was repaired is added; left out, one line warns of it.

        Raises
        ------
        DataError
            If the files are not there, or are other than the official ones.
        """
        with self.open(root) as members, counted_repairs(members.where, repairs) as counted:
            return list(self.read(members, self.paths(members), counted))


@dataclass(frozen=True)
class WholeSet:
    """A data set that is read as a whole: images, or what is installed with a package.

    Parameters
    ----------
    card : Card or ImageCard
        Its name is the one that ``edgeclust train`` takes.
    what : str
        What it is, in a line.
    read : callable
        From the folder of the files, or None for the usual one, to card and recordings, or images.
    citation : str
        What to cite.
    official : mapping of str to str
        Checksum of each official file, as pooch writes it.
    files : tuple of tuples of str
        For each file that has to be there, the paths where it is looked for.
    folder : str
        As of `Source`.
    """

    card: AnyCard
    what: str
    read: Callable[[Path | None], tuple[Card, list[Recording]] | ArrayDataset]
    citation: str = ""
    official: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, ...], ...] = ()
    folder: str = ""

    def is_here(self, root: Path | None = None) -> bool:
        """Tell whether all files are there, by their names alone."""
        folder = self.folder or self.card.name
        return all(look_for(folder, root, *candidates) for candidates in self.files)


@contextmanager
def counted_repairs(where: str | Path, repairs: Counter[str] | None) -> Iterator[Counter[str]]:
    """Count what is repaired while data are read, and warn of it where nobody asked for the count.

    Parameters
    ----------
    where : str or Path
        The folder, archive or file.
    repairs : Counter or None
        Whose count it is; None to warn in one line when all is read.

    Yields
    ------
    counted : Counter
        To add to.
    """
    counted: Counter[str] = Counter() if repairs is None else repairs
    yield counted
    if repairs is None:
        warn_of_repairs(where, counted)


def warn_of_repairs(where: str | Path, repairs: Mapping[str, int]) -> None:
    """Warn in one line of what was repaired, if anything was.

    Parameters
    ----------
    where : str or Path
        The folder, archive or file.
    repairs : mapping of str to int
        How often, by what is said of it.
    """
    if said := describe_repairs(repairs):
        logger.warning("%s: repaired: %s", where, said)


def describe_repairs(repairs: Mapping[str, int]) -> str:
    """Say what was repaired and how often.

    Examples
    --------
    >>> from collections import Counter
    >>> from edgeclust.har_data.source import describe_repairs
    >>> describe_repairs(Counter({"gaps cut": 2, "blank lines": 1, "broken records left out": 0}))
    '1 blank lines, 2 gaps cut'
    """
    return ", ".join(f"{count} {what}" for what, count in sorted(repairs.items()) if count)
