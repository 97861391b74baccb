"""What work in several processes shares: how many cores there are, and an end with the parent."""

import os
import signal
import threading
from multiprocessing import parent_process

MOST_JOBS = 8
"""Processes at most where nobody says how many: each holds its libraries and its data."""


def n_cores() -> int:
    """Return how many cores this process may use, at least 1.

    Examples
    --------
    >>> from edgeclust.processes import n_cores
    >>> n_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def obey_parent() -> None:
    """Let this process ignore Ctrl-C and end when the one that started it is gone, even killed.

    Ctrl-C reaches all processes of a terminal; the first one alone decides what follows.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """Wait for the end of the parent, and end."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
