"""What keeps clusters alive while training: the method of this library and its rivals, by name.

Every method is a function of a batch's `Costs` and returns an `Outcome`; encoder, centroids,
scale, batches and restarts are the same for all. The constants of the rivals stand in their
signatures; how each was found, without labels, stands in their docstrings, and
``benchmarks/tune_rivals.py`` finds it again.
"""

from collections.abc import Callable

from edgeclust.train.methods.ckm import ckm
from edgeclust.train.methods.costs import Costs, Outcome
from edgeclust.train.methods.ent import ent
from edgeclust.train.methods.hard import hard
from edgeclust.train.methods.none import none
from edgeclust.train.methods.sinkhorn import sinkhorn
from edgeclust.train.methods.ss import ss

Method = Callable[[Costs], Outcome]
"""From the costs of a batch to what to minimise, and the labels."""

METHODS: dict[str, Method] = {
    "hard": hard,
    "none": none,
    "ent": ent,
    "ss": ss,
    "sinkhorn": sinkhorn,
    "ckm": ckm,
}
"""Methods by the name that ``edgeclust train --method`` takes."""

__all__ = ["METHODS", "Costs", "Method", "Outcome"]
