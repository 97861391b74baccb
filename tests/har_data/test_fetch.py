"""Downloads against a server of our own: cut, resumed, wrong, missing, and whole."""

import hashlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from edgeclust import DataError
from edgeclust.cli import app
from edgeclust.har_data import fetch as fetching
from edgeclust.har_data.fetch import OFFICIAL, Official, fetch

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()


@dataclass
class Server:
    """Files over HTTP, with the faults that networks have."""

    files: dict[str, bytes]
    cut_at: int | None = None  # bytes of an answer after which the connection is closed
    knows_ranges: bool = True
    ranges: list[str | None] = field(default_factory=list)  # asked for, request by request
    url: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server({"a.bin": CONTENT})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers["Range"]
            served.ranges.append(asked)
            content = served.files.get(self.path.removeprefix("/"))
            if content is None:
                self.send_error(404)
                return
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            if served.knows_ranges and start >= len(content):
                self.send_error(416)
                return
            start = start if served.knows_ranges else 0
            self.send_response(206 if served.knows_ranges else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = None if served.cut_at is None else start + served.cut_at
            self.wfile.write(content[start:end])

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        served.url = f"http://127.0.0.1:{web.server_address[1]}"
        thread = threading.Thread(target=web.serve_forever, args=(0.01,))
        thread.start()
        yield served
        web.shutdown()
        thread.join()


@pytest.fixture
def toy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    checksum = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
    monkeypatch.setitem(OFFICIAL, "toy", Official(server.url, {"a.bin": checksum}))
    return server


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_file_is_downloaded_and_its_bytes_are_told(toy: Server, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    folder = fetch("toy", tmp_path / "new", on_bytes=lambda *all: told.append(all))
    assert folder == tmp_path / "new"
    assert (folder / "a.bin").read_bytes() == CONTENT
    assert files_in(folder) == ["a.bin"]
    assert told[-1] == ("a.bin", 300_000, 300_000)
    assert [n for _, n, _ in told] == sorted(n for _, n, _ in told)


def test_what_is_there_is_not_downloaded_again(toy: Server, tmp_path: Path) -> None:
    fetch("toy", tmp_path)
    fetch("toy", tmp_path)
    assert len(toy.ranges) == 1


def test_a_cut_download_leaves_a_part_and_goes_on_there(toy: Server, tmp_path: Path) -> None:
    toy.cut_at = 120_000
    with pytest.raises(DataError, match=r"a.bin: cannot be fetched: .*cut at 120,000 of 300,000"):
        fetch("toy", tmp_path)
    assert files_in(tmp_path) == ["a.bin.part"]
    with pytest.raises(DataError, match=r"cut at 240,000 of 300,000 bytes; the same command goes"):
        fetch("toy", tmp_path)
    toy.cut_at = None
    fetch("toy", tmp_path)
    assert toy.ranges == ["bytes=0-", "bytes=120000-", "bytes=240000-"]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert files_in(tmp_path) == ["a.bin"]


def test_a_server_that_knows_no_ranges_starts_anew(toy: Server, tmp_path: Path) -> None:
    toy.knows_ranges, toy.cut_at = False, 120_000
    with pytest.raises(DataError, match=r"cut at 120,000 of 300,000"):
        fetch("toy", tmp_path)
    toy.cut_at = None
    fetch("toy", tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_file_of_another_checksum_leaves_nothing(toy: Server, tmp_path: Path) -> None:
    toy.files["a.bin"] = CONTENT[:-1] + b"\0"
    with pytest.raises(DataError, match=r"a.bin: is not the published file, its checksum differs"):
        fetch("toy", tmp_path)
    assert files_in(tmp_path) == []


def test_a_part_of_another_file_leaves_nothing_and_then_it_works(
    toy: Server, tmp_path: Path
) -> None:
    (tmp_path / "a.bin.part").write_bytes(b"\0" * 1000)
    with pytest.raises(DataError, match=r"its checksum differs"):
        fetch("toy", tmp_path)
    assert files_in(tmp_path) == []
    (tmp_path / "a.bin.part").write_bytes(b"\0" * 300_001)  # longer than the file: starts anew
    fetch("toy", tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_damaged_file_is_replaced(toy: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT[:100])
    fetch("toy", tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_missing_page_and_a_dead_network_say_what_to_do(toy: Server, tmp_path: Path) -> None:
    toy.files.clear()
    said = rf"{toy.url}/a.bin: cannot be fetched: HTTP Error 404.* put a.bin into {tmp_path} your"
    with pytest.raises(DataError, match=said):
        fetch("toy", tmp_path)
    assert files_in(tmp_path) == []


def test_a_dead_network_is_one_line_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Official("http://127.0.0.1:1", {"a.bin": "md5:0"})
    monkeypatch.setitem(OFFICIAL, "toy", dead)
    result = CliRunner().invoke(app, ["data", "fetch", "toy", "--root", str(tmp_path)])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "http://127.0.0.1:1/a.bin: cannot be fetched: " in line
    assert files_in(tmp_path) == []


def test_the_command_says_what_it_did(toy: Server, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["data", "fetch", "toy", "--root", str(tmp_path)])
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert "downloading a.bin" in result.stderr
    assert f"verified, in {tmp_path}" in result.stderr
    assert f"next: edgeclust train toy --root {tmp_path}" in result.stderr


def test_what_has_no_files_lists_what_has() -> None:
    with pytest.raises(DataError, match=r"nothing to fetch for 'watch': there is fashion-mnist, c"):
        fetch("watch")


def test_members_are_unpacked_whole_and_the_archive_may_go(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("set/a.bin", "set/other.txt", "../evil.bin"):
            member = tarfile.TarInfo(name)
            member.size = 5
            archive.addfile(member, io.BytesIO(b"bytes"))
    server.files["set.tar.gz"] = packed.getvalue()
    checksum = f"md5:{hashlib.md5(packed.getvalue()).hexdigest()}"
    official = Official(server.url, {"set.tar.gz": checksum}, unpack=("set/a.bin",))
    monkeypatch.setitem(OFFICIAL, "toy", official)
    folder = fetch("toy", tmp_path / "here")
    assert files_in(tmp_path) == ["here/set.tar.gz", "here/set/a.bin"]
    (folder / "set.tar.gz").unlink()
    fetch("toy", folder)
    assert len(server.ranges) == 1


def test_every_set_names_a_published_checksum() -> None:
    for official in fetching.OFFICIAL.values():
        for checksum in official.checksums.values():
            algorithm, _, digits = checksum.partition(":")
            assert algorithm == "md5"
            assert len(bytes.fromhex(digits)) == 16
