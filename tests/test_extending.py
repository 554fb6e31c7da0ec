"""The package of ``docs/extending.md``: installed beside the plugin, its methods are found, listed and pass the public checks."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "examples" / "extending"
PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
METHODS = {group: list(entries) for group, entries in PROJECT["entry-points"].items()}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """An interpreter's command line that also sees the example package, installed into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", target, PACKAGE], check=True)
    return ["env", f"PYTHONPATH={target}", sys.executable]


def output(*command: str | Path) -> str:
    environment = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_methods_are_found_listed_and_in_the_schema(python: list[str]) -> None:
    code = """
from napari_tweedie import degradations, denoisers, samplers, solvers
from napari_tweedie.cli import app
from napari_tweedie.recipe.schema import schema
for kind in (degradations, denoisers, samplers, solvers):
    registry = kind.registry
    print("names", registry.group, *kind.names())
    print("schema", registry.group, *schema()["properties"][registry.kind]["anyOf"][0]["enum"])
    assert not registry.unusable(), registry.unusable()
app(["list"])
"""
    said = output(*python, "-c", code)
    listed = said[said.rindex("schema ") :]
    for group, names in METHODS.items():
        for name in names:
            for where in ("names", "schema"):
                assert re.search(rf"^{where} {group} .*\b{name}\b", said, re.MULTILINE)
            assert re.search(rf"^.*\b{name}\b", listed, re.MULTILINE)


@pytest.mark.parametrize("entry", [entry for entries in PROJECT["entry-points"].values() for entry in entries.values()])
def test_each_file_passes_its_check(python: list[str], entry: str) -> None:
    module = entry.partition(":")[0]
    assert output(*python, "-m", module).strip().endswith("passes")


def test_the_guide_shows_these_files() -> None:
    guide = (ROOT / "docs" / "extending.md").read_text()
    for file in (PACKAGE / "pyproject.toml", *sorted((PACKAGE / "tweedie_extras").glob("[a-z]*.py"))):
        assert file.read_text().strip() in guide, f"docs/extending.md must show {file.relative_to(ROOT)} as it is"
