"""Download the official files of a data set, going on where a download was cut."""

import http.client
import logging
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch

from edgeclust.errors import DataError
from edgeclust.har_data.official import default_root

TIMEOUT_S = 30
CHUNK = 1 << 18  # bytes

OnBytes = Callable[[str, int, int | None], None]
"""Told the name of a file, its bytes that are there, and all it has, where that is known."""


@dataclass(frozen=True)
class Official:
    """Where the authors keep the files of a data set.

    Parameters
    ----------
    url : str
        Folder of the files.
    checksums : dict of str to str
        Published checksum of each file, as pooch writes it.
    unpack : tuple of str
        What is needed unpacked, of the one archive that there is then.
    """

    url: str
    checksums: dict[str, str]
    unpack: tuple[str, ...] = ()


OFFICIAL = {
    "fashion-mnist": Official(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        {
            "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
    "cifar10": Official(
        "https://www.cs.toronto.edu/~kriz",
        {"cifar-10-binary.tar.gz": "md5:c32a1d4ab5d03f1284b67883e8d87530"},
    ),
    "cifar100": Official(
        "https://www.cs.toronto.edu/~kriz",
        {"cifar-100-binary.tar.gz": "md5:03b5dce01913d631647c71ecec9e9cb8"},
    ),
    "stl10": Official(
        "http://ai.stanford.edu/~acoates/stl10",
        {"stl10_binary.tar.gz": "md5:91f7769df0f17e558f3565bffb0c7dfb"},
        unpack=tuple(
            f"stl10_binary/{part}.bin"
            for part in ("train_X", "train_y", "test_X", "test_y", "unlabeled_X")
        ),
    ),
}
"""Data sets that can be downloaded, by name, with the checksums that their authors, or for
FashionMNIST and STL-10 the loaders everybody uses, publish."""


def fetch(
    name: str, root: Path | None = None, *, on_bytes: OnBytes = lambda file, n_done, n_all: None
) -> Path:
    """Download the official files of a data set that are not there yet, and verify them.

    A download that is cut leaves what it has beside the file as ``FILE.part`` and goes on there
    the next time. A file that is not the published one leaves nothing.

    Parameters
    ----------
    name : str
        One of `OFFICIAL`.
    root : Path, optional
        Folder to keep them in, made when it is not there; the usual one when left out.
    on_bytes : callable
        Called as the bytes of a file come.

    Returns
    -------
    root : Path
        The folder.

    Raises
    ------
    DataError
        If there is nothing to download under this name, the network fails, or a file is not the
        published one.
    """
    if name not in OFFICIAL:
        raise DataError(f"nothing to fetch for {name!r}: there is {', '.join(OFFICIAL)}")
    official, folder = OFFICIAL[name], default_root(name) if root is None else root
    pooch.get_logger().setLevel(logging.WARNING)  # it would tell of each file on stderr
    for file, checksum in official.checksums.items():
        if official.unpack and all((folder / member).is_file() for member in official.unpack):
            break  # the archive may be thrown away once it is unpacked
        url = f"{official.url}/{file}"
        try:
            pooch.retrieve(
                url,
                checksum,
                fname=file,
                path=folder,
                downloader=_Resuming(folder / f"{file}.part", file, on_bytes),
            )
        except ValueError as error:
            raise DataError(
                f"{url}: is not the published file, its checksum differs from {checksum}: "
                "nothing of it was kept"
            ) from error
        except (http.client.HTTPException, OSError) as error:
            raise DataError(
                f"{url}: cannot be fetched: {error}; the same command goes on where it stopped, "
                f"or put {file} into {folder} yourself"
            ) from error
        if official.unpack:
            _unpack(folder / file, official.unpack)
    return folder


class _Resuming:
    """What pooch downloads with: into a ``.part`` file, from where that one ends."""

    def __init__(self, part: Path, file: str, on_bytes: OnBytes) -> None:
        self.part, self.file, self.on_bytes = part, file, on_bytes

    def __call__(self, url: str, output_file: str, _: Any) -> None:
        """Download, and hand the whole file over; pooch verifies it."""
        n_done = self.part.stat().st_size if self.part.is_file() else 0
        request = urllib.request.Request(url, headers={"Range": f"bytes={n_done}-"})
        try:
            answer = urllib.request.urlopen(request, timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            if error.code != 416 or not n_done:
                raise
            self.part.unlink()  # as long as the file or longer: it belongs to another one
            return self(url, output_file, _)
        with answer:
            if answer.status != 206:  # the server sends the whole file
                n_done = 0
            length = answer.headers.get("Content-Length")
            n_all = None if length is None else n_done + int(length)
            with self.part.open("ab" if n_done else "wb") as file:
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                    n_done += len(chunk)
                    self.on_bytes(self.file, n_done, n_all)
        if n_all is not None and n_done < n_all:
            raise http.client.HTTPException(f"it was cut at {n_done:,} of {n_all:,} bytes")
        self.part.replace(output_file)


def _unpack(archive: Path, members: tuple[str, ...]) -> None:
    """Unpack some members beside an archive, each whole or not at all."""
    with tarfile.open(archive, "r|gz") as content:
        for member in content:
            if member.name in members and (source := content.extractfile(member)):
                target = archive.parent / member.name
                target.parent.mkdir(exist_ok=True)
                partial = target.with_name(f"{target.name}.part")
                with partial.open("wb") as file:
                    shutil.copyfileobj(source, file, CHUNK)
                partial.replace(target)
