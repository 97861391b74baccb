"""Lines of text as they arrive: from a pipe that never ends, or a file that grows."""

import codecs
import csv
import io
import time
from collections import deque
from collections.abc import Iterator

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
        Wait for more where the bytes end, for ever; a line counts once it has its end.

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
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        self._lines: deque[str] = deque()
        self._rest = ""
        self._ended = False

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
            time.sleep(POLL_S)
            return
        self._ended = not content
        text = self._rest + self._decoder.decode(content, final=self._ended)
        *lines, self._rest = text.split("\n")
        self._lines.extend(lines)
        if self._ended and self._rest:
            self._lines.append(self._rest)
        elif len(self._rest) > LONGEST:
            raise csv.Error(f"a line is longer than {LONGEST} characters")
