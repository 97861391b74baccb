"""What commands take: options that several share, and texts turned into values."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgeclust.errors import ConfigError

if TYPE_CHECKING:
    from edgeclust.dataset import Dataset

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Data = Annotated[str, typer.Argument(help="A name, or the path of a recordings folder.")]
Root = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the official files of a name, or their archive; that of 'data fetch' if "
        "left out."
    ),
]
Rate = Annotated[
    float | None, typer.Option("--rate-hz", help="Rate to resample to; the data's if left out.")
]
Channels = Annotated[
    str,
    typer.Option(help="Channels to keep, by name or kind, as in acc,gyro; all if left out."),
]

Labels = Annotated[
    str,
    typer.Option(
        help="Which windows have a class, for the scores: 'pure', those whose samples all have it; "
        "'majority', that which more of them have than any other; 'none'."
    ),
]

MaxMissing = Annotated[
    float,
    typer.Option(
        help="Share of a window's samples, below 1, that may be missing and are bridged by "
        "straight lines; windows that lack more are left out."
    ),
]


def parse_sigma(text: str) -> float | None:
    """Return a fixed sigma, or None for a calibrated one."""
    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"sigma should be a number above 0 or 'auto', got {text!r}") from error


def parse_list(text: str) -> list[str]:
    """Return the parts between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def parse_seed(text: str) -> int:
    """Return a seed."""
    try:
        return int(text)
    except ValueError as error:
        raise ConfigError(f"seeds should be whole numbers, as in 0,1,2, got {text!r}") from error


def parse_prior(
    text: str | None, imbalanced: "Dataset | None", n_clusters: int
) -> str | tuple[float, ...]:
    """Return a prior by name or as numbers; with none given, imbalanced data's true shares."""
    from edgeclust.train.imbalance import class_shares

    if text is None and imbalanced is not None:
        shares = class_shares(imbalanced)
        if len(shares) != n_clusters or not all(shares):
            raise ConfigError(
                f"--imbalance hands the shares of {sum(share > 0 for share in shares)} classes "
                f"to {n_clusters} clusters, one each: say another --prior, as 'uniform'"
            )
        return shares
    if text is None or text in ("uniform", "learned"):
        return text or "uniform"
    try:
        return _numbers(text)
    except ValueError as error:
        try:
            return _numbers(Path(text).read_text())
        except (ValueError, OSError):
            raise ConfigError(
                "prior should be 'uniform', 'learned', numbers as in 0.5,0.3,0.2 or a file of "
                f"them, got {text!r}"
            ) from error


def _numbers(text: str) -> tuple[float, ...]:
    """Return the numbers of a text, commas, spaces or lines between them."""
    return tuple(float(number) for number in text.replace(",", " ").split())
