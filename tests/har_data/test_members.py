"""Published files are found unpacked, in their archive and in one within it, and read safely."""

import io
import tarfile
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeclust import DataError
from edgeclust.har_data.members import Members, find_members
from edgeclust.har_data.text_tables import read_numbers

from layouts import unpacked, zipped

FILES = {"Set/raw/a.txt": "1 2\n3 4\n", "Set/README.txt": "hello", "Set/.DS_Store": "x"}


def found(root: Path) -> AbstractContextManager[Members]:
    return find_members("toy", root, "raw/a.txt", ("toy.zip", "toy.tar.gz"))


def refuse(root: Path) -> None:
    with found(root):
        pass


def numbers(text: str, root: Path) -> NDArray[np.float64]:
    with found(unpacked({"raw/a.txt": text}, root)) as members:
        return read_numbers(members, "raw/a.txt", 2)


def packed(files: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return content.getvalue()


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(FILES, id="unpacked"),
        pytest.param({f"toy/{name}": text for name, text in FILES.items()}, id="in its folder"),
        pytest.param({"toy.zip": zipped(FILES)}, id="zip"),
        pytest.param({"toy.zip": zipped({"x.zip": zipped({"n": "1"}), "in.zip": zipped(FILES)})}),
        pytest.param({"toy/toy.tar.gz": packed(FILES)}, id="tar"),
    ],
)
def test_the_same_files_are_found_however_they_are_packed(
    files: dict[str, str | bytes], tmp_path: Path
) -> None:
    with found(unpacked(files, tmp_path)) as members:
        (name,) = members.require("raw/*.txt")
        assert members.read(name) == b"1 2\n3 4\n"
        assert not members.matching(".DS_Store")
        with pytest.raises(DataError, match=r"is not the official data, it has no raw/b.txt"):
            members.require("raw/b.txt")


def test_data_that_lie_there_twice_are_refused(tmp_path: Path) -> None:
    twice = {f"copy/{name}": text for name, text in FILES.items()} | FILES
    with found(unpacked(twice, tmp_path)) as members:
        assert len(members.matching("raw/a.txt")) == 2
        message = r"has raw/a.txt twice, as Set/raw/a.txt and copy/Set/raw/a.txt"
        with pytest.raises(DataError, match=message):
            members.require("raw/*.txt")


def test_the_archive_itself_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "renamed.zip").write_bytes(zipped(FILES))
    with found(tmp_path / "renamed.zip") as members:
        assert members.require("a.txt") == ["Set/raw/a.txt"]


def test_what_is_missing_is_named_with_its_archive(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has neither raw/a.txt nor toy.zip nor toy.tar.gz of 'to"):
        refuse(tmp_path)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:\\evil", "..\\evil"])
def test_paths_that_lead_out_of_an_archive_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "toy.zip").write_bytes(zipped(FILES | {name: "x"}))
    with pytest.raises(DataError, match="leads out of it: refused"):
        refuse(tmp_path)


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "toy.zip").write_bytes(zipped(FILES | {"Set/zeros": bytes(1 << 22)}))
    with pytest.raises(DataError, match=r"Set/zeros unpacks to 4,194,304 bytes from .*: refused"):
        refuse(tmp_path)


def test_a_packed_tar_that_is_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "toy.tar.gz").write_bytes(packed(FILES | {"Set/zeros": "0" * (1 << 23)}))
    with pytest.raises(DataError, match=r"toy.tar.gz: unpacks to 8,388,\d+ bytes .*: refused"):
        refuse(tmp_path)


@pytest.mark.parametrize("name", ["toy.zip", "toy.tar.gz"])
def test_a_cut_archive_is_said_to_be_so(name: str, tmp_path: Path) -> None:
    content = zipped(FILES) if name.endswith("zip") else packed(FILES)
    (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(DataError, match=r"is no archive, or damaged or cut"):
        refuse(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    text = "".join(f"{i} {i * i}\n" for i in range(2000))
    content = bytearray(zipped({"raw/a.txt": text}))
    content[200:260] = bytes(60)
    (tmp_path / "toy.zip").write_bytes(content)
    with (
        found(tmp_path) as members,
        pytest.raises(DataError, match=r"raw/a.txt is damaged or cut"),
    ):
        members.read("raw/a.txt")


def test_other_data_are_refused(tmp_path: Path) -> None:
    (tmp_path / "toy.zip").write_bytes(zipped({"other.txt": "1"}))
    with pytest.raises(DataError, match=r"toy.zip: is not the official data, it has no raw/a.txt"):
        refuse(tmp_path)
    assert zipfile.is_zipfile(tmp_path / "toy.zip")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2\n3\n", r"a.txt, line 2: has 1 columns, expected 2"),
        ("1 2\n\n3 4 5\n", r"a.txt, line 3: has 3 columns, expected 2"),
        ("1 2\n3 x\n", r"a.txt, line 2: 'x' is no number"),
        ("1 2\n3 4,5\n", r"a.txt, line 2: '4,5' is no number"),
        ("", r"a.txt is empty"),
        ("\n \n", r"a.txt is empty"),
    ],
)
def test_a_wrong_line_of_a_table_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        numbers(text, tmp_path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_numbers_are_read_as_written(end: str, tmp_path: Path) -> None:
    text = f"  1e-004 NaN{end}2.5  -3{end}4 NaN{end}"
    table = numbers(text, tmp_path)
    assert table[:, 0].tolist() == [1e-4, 2.5, 4.0]
    assert str(table[:, 1].tolist()) == "[nan, -3.0, nan]"
