"""Kill a process again and again while it saves, and look what is left each time.

python tests/kill_saves.py 1000 0   (how many times, and a seed; POSIX alone, for it forks)
"""

import os
import random
import signal
import struct
import sys
import tempfile
import time
from pathlib import Path

from edgeclust.state import StateStore

MODEL = "ab" * 32
NUMBER = struct.Struct("<Q")
LONGEST_S = 0.06  # that a child lives: some saves, on a disk that flushes in 20 ms


def payload(number: int) -> bytes:
    """A state of 12 KiB that says one number all over, so that a mixture of two shows."""
    return NUMBER.pack(number) * 1536


def save_until_killed(folder: Path, told: int) -> None:
    """Save greater and greater numbers, and tell each that is on the disk."""
    store = StateStore(folder, MODEL)
    number = last_number(store)
    while True:
        number += 1
        store.save(payload(number))
        os.write(told, NUMBER.pack(number))


def last_number(store: StateStore) -> int:
    """Return the number that a store holds, 0 before the first; it has to be whole."""
    if store.payload is None:
        return 0
    (number,) = NUMBER.unpack_from(store.payload)
    assert store.payload == payload(number), "a state that nobody saved"
    return int(number)


def main(n_kills: int, seed: int) -> None:
    """Kill, and check that at most the save under way is missing."""
    rng = random.Random(seed)
    number = n_amid = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "state"
        for _ in range(n_kills):
            listening, told = os.pipe()
            child = os.fork()
            if not child:
                os.close(listening)
                save_until_killed(folder, told)
            os.close(told)
            time.sleep(rng.uniform(0, LONGEST_S))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            with os.fdopen(listening, "rb") as told_so_far:
                numbers = [saved for (saved,) in NUMBER.iter_unpack(told_so_far.read())]
            n_amid += any(folder.glob(".state*"))
            number = max([number, *numbers])
            with StateStore(folder, MODEL) as store:  # the lock of the dead does not stay
                assert number <= last_number(store) <= number + 1, "a save was lost"
                assert store.generation == last_number(store)
                number = last_number(store)
            assert not [*folder.glob(".state*")], "a temporary file stays"
    sys.stdout.write(
        f"{n_kills} kills, {n_amid} amid the writing of a file; {number} saves, none lost\n"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
