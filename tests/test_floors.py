"""The floors of the house: a module imports downward only, and the device needs two packages."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent

PACKAGES = {
    "edgeclust": ROOT / "edgeclust",
    "edgeclust.export": ROOT / "export",
    "edgeclust.har_data": ROOT / "har_data",
}

FLOOR_1 = {"edgeclust.encoder", "edgeclust.labeler", "edgeclust.recording_labels"}
FLOOR_4 = {
    f"edgeclust.{name}"
    for name in (
        "__main__",
        "bench",
        "cli",
        "console",
        "data_commands",
        "options",
        "name_command",
        "population",
        "population_commands",
        "ray_engine",
        "reproduce",
        "state_commands",
    )
}
DEVICE_PACKAGES = {0: {"numpy"}, 1: {"numpy", "onnxruntime"}}
HEAVY = [
    "filelock",
    "matplotlib",
    "onnx",
    "onnxscript",
    "pandas",
    "pooch",
    "pyarrow",
    "pydantic",
    "rich",
    "safetensors",
    "scipy",
    "seglearn",
    "sklearn",
    "torch",
    "typer",
]


def source_files() -> Iterator[tuple[str, Path]]:
    """Yield all modules by the name they are imported by."""
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join([package, *(part for part in parts if part != "__init__")]), path


MODULES = dict(source_files())


def floor_of(module: str) -> int:
    if module.startswith("edgeclust.export"):
        return 3
    if module.startswith(("edgeclust.train", "edgeclust.har_data")):
        return 2
    if module in FLOOR_4:
        return 4
    return 1 if module in FLOOR_1 else 0


DEVICE_MODULES = [name for name in MODULES if floor_of(name) <= 1 and name != "edgeclust"]


def imports_of(path: Path) -> set[str]:
    """All modules that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {str(node.module), *(members & MODULES.keys())}
    return found


@pytest.mark.parametrize("module", [name for name in MODULES if name != "edgeclust"])
def test_a_module_imports_downward_only(module: str) -> None:
    floor = floor_of(module)
    own = ".".join(module.split(".")[:2])
    for imported in imports_of(MODULES[module]):
        if not imported.startswith("edgeclust"):
            continue
        below = floor_of(imported) < floor
        same_house = floor_of(imported) == floor and (floor < 2 or imported.startswith(own))
        assert below or same_house or floor == 4, f"{module} imports {imported}"


@pytest.mark.parametrize("module", DEVICE_MODULES)
def test_a_device_module_names_no_package_but_those_of_its_floor(module: str) -> None:
    allowed = DEVICE_PACKAGES[floor_of(module)] | {"edgeclust"} | sys.stdlib_module_names
    assert {name.split(".")[0] for name in imports_of(MODULES[module])} <= allowed


def run_masked(code: str) -> None:
    """Run code in a fresh interpreter in which every heavy package cannot be imported."""
    mask = (
        "import sys\n"
        f"for name in {HEAVY}:\n"
        "    sys.modules[name] = None\n"  # importing it raises ModuleNotFoundError
    )
    subprocess.run([sys.executable, "-P", "-c", mask + code], check=True, timeout=60)


@pytest.mark.parametrize("module", DEVICE_MODULES)
def test_a_device_module_imports_where_nothing_heavy_is_installed(module: str) -> None:
    run_masked(f"import {module}")


def test_a_stream_is_labelled_where_nothing_heavy_is_installed(toy_model: Path) -> None:
    run_masked(
        "import numpy as np, edgeclust\n"
        f"labeler = edgeclust.Labeler.open({str(toy_model)!r})\n"
        "samples = np.zeros((200, 3), np.float32)\n"
        "assert len(labeler.push(samples)) == 7\n"
    )


def test_images_are_labelled_where_nothing_heavy_is_installed(
    image_model: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "images.npy", np.zeros((4, 16, 16), np.uint8))
    run_masked(
        "import edgeclust\n"
        "from edgeclust.images import read_images\n"
        f"labeler = edgeclust.Labeler.open({str(image_model)!r})\n"
        f"images = read_images({str(tmp_path / 'images.npy')!r})\n"
        "assert len([*labeler.label_images(images)]) == len(labeler.predict(images)) == 4\n"
    )


def test_the_package_list_is_what_the_folders_hold() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = [name for name, path in MODULES.items() if path.name == "__init__.py"]
    assert sorted(listed) == sorted(found)
