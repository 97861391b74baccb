"""The command ``edgeclust``, also ``python -m edgeclust``."""

import sys

from edgeclust.errors import MissingExtraError
from edgeclust.extras import require_extra


def main() -> None:
    """Run the command line, or say how to install it."""
    try:
        require_extra("cli", "The command edgeclust", ("typer", "rich"))
    except MissingExtraError as error:
        sys.exit(f"error: {error}")
    from edgeclust.cli import app

    app(prog_name="edgeclust")


if __name__ == "__main__":
    main()
