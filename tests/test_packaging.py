"""What a package index, the napari hub, a citation manager and a conda channel are told."""

import re
import runpy
import tomllib
from importlib.metadata import metadata
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from PIL import Image
from readme_renderer import markdown
from trove_classifiers import classifiers

TOP = Path(__file__).parents[1]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
ON_CONDA = {"dask[array]": "dask-core", "napari": "napari-base", "torch": "pytorch"}
"""Packages that conda-forge names otherwise."""


@pytest.fixture(scope="module")
def shown() -> str:
    """Return README as an index shows it, of the installed package."""
    told = metadata("napari-tweedie")
    assert told["Description-Content-Type"] == "text/markdown"
    html = markdown.render(told.get("Description") or told.get_payload())
    assert html is not None
    return str(html)


def test_every_picture_and_link_of_the_index_page_leads_to_a_file_of_this_version(shown: str) -> None:
    source = PROJECT["urls"]["Source"]
    raw = source.replace("github.com", "raw.githubusercontent.com")
    pictures = re.findall(r'<img[^>]* src="([^"]+)"', shown)
    links = re.findall(r'<a href="([^"]+)"', shown)
    assert pictures
    assert len(links) > 10
    for address, base in [(a, f"{raw}/v{PROJECT['version']}/") for a in pictures] + [
        (a, f"{source}/blob/v{PROJECT['version']}/") for a in links if a.startswith(source)
    ]:
        assert address.startswith(base), address
        assert (TOP / address.removeprefix(base).partition("#")[0]).exists(), address
    assert all(address.startswith(("https://", "#")) for address in links)


def test_pictures_of_the_index_page_are_shown_and_its_tables_are_tables(shown: str) -> None:
    readme = (TOP / "README.md").read_text()
    assert shown.count("<img") == len(re.findall(r"!\[[^]]*\]\(", readme))
    assert shown.count("<table") == len(re.findall(r"^\| *:?-+", readme, re.MULTILINE))
    assert "](" not in re.sub(r"<pre.*?</pre>", "", shown, flags=re.DOTALL)


def test_links_in_code_stay_as_they_are_and_pictures_that_are_links_get_two_addresses() -> None:
    build = runpy.run_path(str(TOP / "hatch_build.py"))
    text = "[![p](a.png)](../b.md#c) [w](https://w.org) [x](#y)\n```\n[k](l)\n```\n"
    assert build["with_addresses"](text, "https://github.com/o/r", "v1", "docs") == (
        "[![p](https://raw.githubusercontent.com/o/r/v1/docs/a.png)](https://github.com/o/r/blob/v1/b.md#c) [w](https://w.org) "
        "[x](#y)\n```\n[k](l)\n```\n"
    )


def test_the_version_is_the_same_everywhere() -> None:
    assert yaml.safe_load((TOP / "CITATION.cff").read_text())["version"] == PROJECT["version"]
    assert yaml.safe_load((TOP / "conda/recipe.yaml").read_text())["context"]["version"] == PROJECT["version"]
    assert metadata("napari-tweedie")["Version"] == PROJECT["version"]


def test_conda_requires_what_pip_does() -> None:
    required = {}
    for line in PROJECT["dependencies"]:
        name, bound = re.fullmatch(r"([^>]+)(.*)", line).groups()  # type: ignore[union-attr]
        required[ON_CONDA.get(name, name)] = bound
    recipe = yaml.safe_load((TOP / "conda/recipe.yaml").read_text())
    assert dict((*line.split(), "")[:2] for line in recipe["requirements"]["run"]) == required | {
        "python": PROJECT["requires-python"]
    }
    command = f"napari-tweedie = {PROJECT['scripts']['napari-tweedie']}"
    assert recipe["build"]["python"]["entry_points"] == [command]


def test_classifiers_are_known_and_name_the_pythons_that_are_tested() -> None:
    assert set(PROJECT["classifiers"]) <= classifiers
    named = re.findall(r":: (3\.\d+)$", "\n".join(PROJECT["classifiers"]), re.MULTILINE)
    workflow = yaml.safe_load((TOP / ".github/workflows/tests.yml").read_text())
    assert workflow["jobs"]["tests"]["strategy"]["matrix"]["python"] == named
    assert PROJECT["requires-python"] == f">={named[0]}"


def test_the_icon_is_a_square_in_the_package() -> None:
    manifest = yaml.safe_load((TOP / "napari.yaml").read_text())
    package, name = manifest["icon"].split(":")
    with (files(package) / name).open("rb") as file, Image.open(file) as icon:
        assert icon.width == icon.height >= 128
