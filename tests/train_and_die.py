"""Run ``edgeclust``, and kill this process with no chance to say so at a step of its training.

Arguments: the step, from 1; the rank that dies; then those of ``edgeclust``.
"""

import os
import signal
import sys

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from edgeclust.__main__ import main
from edgeclust.train.ranks import rank
from edgeclust.train.trainer import Trainer


def die_at(n_steps: int, dying: int) -> None:
    """Let a rank die where its trainers begin their step of that number."""
    step, n_left = Trainer.step, n_steps

    def counted(
        self: Trainer, blocks: list[NDArray[np.intp]], labels: NDArray[np.intp] | None = None
    ) -> tuple[Tensor, float]:
        nonlocal n_left
        n_left -= 1
        if n_left == 0 and rank() == dying:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, blocks, labels)

    Trainer.step = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    die_at(int(sys.argv[1]), int(sys.argv[2]))
    sys.argv[1:] = sys.argv[3:]
    main()
