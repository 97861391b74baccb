"""The examples run, on the base install."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def run_example(name: str, *arguments: object) -> list[str]:
    """Run an example in a process of its own; return the lines it prints."""
    command = [sys.executable, "-P", str(EXAMPLES / name), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert result.stderr == ""
    return result.stdout.splitlines()


def test_after_a_crash_it_goes_on_from_the_last_save(toy_model: Path, tmp_path: Path) -> None:
    assert run_example("resume.py", toy_model, tmp_path / "state") == [
        "starting with 0 windows seen",
        "power cut after 28 windows",
        "starting with 20 windows seen",
        "saved with 71 windows seen",
    ]
    again = run_example("resume.py", toy_model, tmp_path / "state")
    assert again[0] == "starting with 71 windows seen"
    assert again[2] == "starting with 90 windows seen"
