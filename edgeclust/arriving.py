"""Lines of text as they arrive: from a pipe that never ends, or a file that grows."""

import codecs
import csv
import io
import logging
import os
import time
from collections import deque
from collections.abc import Iterator

logger = logging.getLogger(__name__)

BLOCK = 1 << 16
"""Bytes read at a time, at most."""

LONGEST = 1 << 20
"""Characters of the longest line: what never ends is no line."""

POLL_S = 0.1
"""Seconds between two looks at a file that is followed."""


class ArrivingLines:
    r"""Iterate over lines as soon as they are there, in fixed memory.

    Parameters
    ----------
    stream : BufferedReader or BytesIO
        Open for reading bytes: UTF-8, with or without a byte-order mark, lines of any ending.
    follow : bool
        Wait for more where the bytes end, for ever; a line counts once it has its end. A file
        that is cut short, or gives its name to another one, is read on from the new start, which
        is logged as a warning; a first line like that of before is passed over, a header.

    Examples
    --------
    >>> import io
    >>> from edgeclust.arriving import ArrivingLines
    >>> lines = ArrivingLines(io.BytesIO(b"ax,ay\r\n1,2\n3,4"))
    >>> next(lines), lines.dry, [*lines], lines.dry
    ('ax,ay', False, ['1,2', '3,4'], True)
    """

    def __init__(self, stream: io.BufferedReader | io.BytesIO, *, follow: bool = False) -> None:
        self._stream = stream
        self._follow = follow
        self._lines: deque[str] = deque()
        self._ended = False
        self._header: str | None = None  # the first line of all
        self._start()

    def _start(self) -> None:
        """Begin to read where a file begins."""
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._rest = ""
        self._at_start = True

    @property
    def dry(self) -> bool:
        """Whether the next line has to be waited for."""
        return not self._lines

    def __iter__(self) -> Iterator[str]:
        """Return itself."""
        return self

    def __next__(self) -> str:
        """Return the next line without its end.

        Raises
        ------
        UnicodeDecodeError
            If the bytes are no UTF-8.
        csv.Error
            If a line is longer than a mebibyte.
        """
        while not self._lines:
            if self._ended:
                raise StopIteration
            self._read()
        return self._lines.popleft()

    def _read(self) -> None:
        """Wait for bytes and keep the lines they complete."""
        content = self._stream.read1(BLOCK)
        if not content and self._follow:
            if self._is_another():
                self._start()
            else:
                time.sleep(POLL_S)
            return
        self._ended = not content
        text = self._rest + self._decoder.decode(content, final=self._ended)
        *lines, self._rest = text.split("\n")
        if lines and self._at_start:
            self._at_start = False
            if lines[0] == self._header:
                lines = lines[1:]
            elif self._header is None:
                self._header = lines[0]
        self._lines.extend(lines)
        if self._ended and self._rest:
            self._lines.append(self._rest)
        elif len(self._rest) > LONGEST:
            raise csv.Error(f"a line is longer than {LONGEST} characters")

    def _is_another(self) -> bool:
        """Go to the start of a file that was cut short or replaced; say whether it was.

        A file that is cut short and has its old length again before the next look is not noticed,
        as by ``tail -F``.
        """
        if not isinstance(self._stream, io.BufferedReader) or not self._stream.seekable():
            return False
        path, here = self._stream.name, self._stream.fileno()
        try:
            if replaced := not os.path.samestat(os.stat(path), os.fstat(here)):
                with open(path, "rb") as other:
                    os.dup2(other.fileno(), here)
        except OSError:  # it is gone; one of its name may come
            return False
        if not replaced and os.fstat(here).st_size >= self._stream.tell():
            return False
        how = "was replaced" if replaced else "was cut short"
        logger.warning("%s: %s; reading on from its start", path, how)
        self._stream.seek(0, os.SEEK_END)  # so that nothing is left of what was read ahead
        self._stream.seek(0)
        return True
