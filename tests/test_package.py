"""What a fresh interpreter loads, and what the installed package holds."""

import subprocess
import sys
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

import pytest

LIGHT = ["napari_tweedie." + name for name in ("recipe", "engine", "cli", "analysis.noise_level")]


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize("module", LIGHT)
def test_declaring_methods_does_not_import_torch(module: str) -> None:
    code = f"import sys, {module}; print('torch' in sys.modules, 'qtpy' in sys.modules, 'napari.viewer' in sys.modules)"
    assert fresh(code) == "False False False"


@pytest.mark.slow
def test_building_every_method_does_not_import_torch() -> None:
    code = """
import sys, numpy
from napari_tweedie import denoisers, degradations, solvers
for registry in (denoisers.registry, degradations.registry, solvers.registry):
    for name in registry.names():
        cls = registry.method(name)
        cls(**{field: numpy.ones((3, 3)) for field in cls.inputs()}).describe()
print('torch._C' in sys.modules)
"""
    assert fresh(code) == "False"


def test_importing_the_package_loads_nothing_else() -> None:
    known = "import sys, importlib, typing, __future__; before = set(sys.modules); "
    assert fresh(known + "import napari_tweedie; print(sorted(set(sys.modules) - before))") == "['napari_tweedie']"


def test_types_are_shipped() -> None:
    assert (files("napari_tweedie") / "py.typed").is_file()


def test_the_installed_manifest_is_the_one_in_the_repository() -> None:
    top = Path(__file__).parents[1]
    assert (files("napari_tweedie") / "napari.yaml").read_text() == (top / "napari.yaml").read_text()


def test_weights_and_samples_are_installed() -> None:
    package = files("napari_tweedie")
    assert (package / "weights" / "unet.safetensors").is_file()
    assert (package / "weights" / "unet.md").is_file()
    assert (package / "weights" / "unet-levels.safetensors").is_file()
    assert sum(item.name.endswith(".tif") for item in (package / "sample_data").iterdir()) >= 8
    weights = sum(len(item.read_bytes()) for item in (package / "weights").iterdir())
    assert weights < 25 * 2**20


def test_the_distribution_names_no_qt_binding() -> None:
    required = " ".join(line for line in distribution("napari-tweedie").requires or [] if "extra ==" not in line).lower()
    assert "pyqt" not in required
    assert "pyside" not in required


@pytest.mark.slow
def test_rooms_show_what_is_meant_and_work_without_a_further_import() -> None:
    code = """
import sys
from napari_tweedie import analysis, degradations, denoisers, engine, recipe, samplers, solvers
for room in (analysis, degradations, denoisers, engine, recipe, samplers, solvers):
    assert sorted(room.__all__) == dir(room), room
    assert all(hasattr(room, name) for name in room.__all__), room
for room in (analysis, degradations, denoisers, samplers, solvers):
    assert room.registry.names() == room.names() != []
degradations.noise.Gaussian(sigma=1)
degradations.Problem
print('torch' in sys.modules)
"""
    assert fresh(code) == "False"
