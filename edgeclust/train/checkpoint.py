"""How far a training has come, as a file: tensors and JSON in one safetensors file, no pickle."""

import json
from dataclasses import dataclass
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from edgeclust.errors import RunError
from edgeclust.train.identity import difference
from edgeclust.train.training import EpochReport

KEY = "edgeclust"
"""Under this name the JSON stands in the metadata of the file."""

VERSION = 1
"""Of the layout."""


@dataclass(frozen=True)
class Checkpoint:
    """All that a training needs to go on after an epoch as if nothing had been.

    Parameters
    ----------
    identity : dict
        What the training is of, as `edgeclust.train.identity.identify` says.
    reports : list of EpochReport
        Of all epochs of all restarts, in the order they were run.
    state : dict
        What else JSON holds: how the tournament stands, where random numbers are.
    tensors : dict of tensors
        Weights, centroids and the state of the optimiser, by restart, and the labels of the vote.
    """

    identity: dict[str, Any]
    reports: list[EpochReport]
    state: dict[str, Any]
    tensors: dict[str, Tensor]

    def to_bytes(self) -> bytes:
        """Return the content of its file."""
        content = {
            "version": VERSION,
            "identity": self.identity,
            "reports": [vars(report) for report in self.reports],
            "state": self.state,
        }
        tensors = {name: tensor.contiguous() for name, tensor in self.tensors.items()}
        return save(tensors, {KEY: json.dumps(content)})

    @classmethod
    def from_bytes(cls, content: bytes, source: str) -> "Checkpoint":
        """Read the content of a file.

        Parameters
        ----------
        content : bytes
            All of it.
        source : str
            What to call it in errors.

        Raises
        ------
        RunError
            If it is no checkpoint, or is damaged.
        """
        try:
            tensors = load(content)
            # The header: its length in eight bytes, then JSON.
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
            facts = json.loads(header["__metadata__"][KEY])
            if facts["version"] != VERSION:
                raise RunError(
                    f"{source}: has layout {facts['version']}, this version reads {VERSION}: "
                    "go on with the version that wrote it, or begin anew with --overwrite"
                )
            reports = [EpochReport(**report) for report in facts["reports"]]
            return cls(facts["identity"], reports, facts["state"], tensors)
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{source}: is damaged or no checkpoint ({error}): begin anew with --overwrite"
            ) from error

    def check(self, identity: dict[str, Any], source: str) -> None:
        """Refuse to go on with other data, settings or libraries.

        Parameters
        ----------
        identity : dict
            What the training that goes on is of.
        source : str
            What to call the checkpoint in errors.

        Raises
        ------
        RunError
            If anything differs; it names both.
        """
        if what := difference(self.identity, identity):
            raise RunError(
                f"{source}: is of another training, {what}: "
                "go on with the same, or begin anew with --overwrite"
            )
