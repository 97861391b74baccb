"""Run the command line in this process; typer alone beside the package."""

from typer.testing import CliRunner, Result

from edgeclust.cli import app


def run(*arguments: object, stdin: str | None = None) -> Result:
    """Run a command, its standard input given as text."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


def fails_with(result: Result) -> str:
    """Return the one line that a failed command said."""
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.splitlines()
    return line
