"""Pages of the documentation: the site, and what the installed package holds of it."""

import html
import re
import runpy
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from napari_tweedie import degradations

TOP = Path(__file__).parents[2]
PAGES = {path.relative_to(TOP / "docs").as_posix() for path in (TOP / "docs").rglob("*.md")}
LOADED = re.compile(
    r'<(?:script|img|source|iframe)\b[^>]*\bsrc="([^"]+)"|<link\b[^>]*\brel="(?:stylesheet|preconnect|icon)"[^>]*>'
)


@pytest.mark.slow
def test_the_site_has_no_broken_link_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-W",
        "default",
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        for match in LOADED.finditer(page.read_text(encoding="utf-8")):
            assert "//" not in match[0].split(">")[0].replace("https://napari-tweedie.github.io", ""), f"{page}: {match[0]}"
    std = str(degradations.registry.method("gaussian-blur").model_fields["std"].description)
    assert html.escape(std) in (tmp_path / "site/methods/index.html").read_text(encoding="utf-8")
    assert "fields.setdefault" not in (tmp_path / "site/python/index.html").read_text(encoding="utf-8")


def test_every_page_is_in_the_navigation() -> None:
    def names(items: list[object]) -> list[str]:
        found: list[str] = []
        for item in items:
            value = next(iter(item.values())) if isinstance(item, dict) else item
            found += names(value) if isinstance(value, list) else [value]
        return found

    class Loader(yaml.SafeLoader):
        pass

    nav = names(yaml.load((TOP / "mkdocs.yml").read_text(encoding="utf-8"), Loader)["nav"])
    assert PAGES - set(nav) == set()
    assert len(nav) == len(set(nav))


def test_links_of_pages_lead_to_files_of_the_repository() -> None:
    build = runpy.run_path(str(TOP / "hatch_build.py"))
    pages = [TOP / "README.md", TOP / "CONTRIBUTING.md", *(TOP / "docs").rglob("*.md"), *(TOP / "examples").glob("*.md")]
    for page in pages:
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target in (match["target"] for match in build["LINK"].finditer(text)):
            if not build["ELSEWHERE"].match(target):
                assert (page.parent / target.partition("#")[0]).exists(), f"{page.relative_to(TOP)}: {target}"


def test_the_installed_pages_lead_to_each_other() -> None:
    folder = Path(str(files("napari_tweedie") / "docs"))
    pages = sorted(folder.rglob("*.html"))
    held = {page.relative_to(folder).with_suffix(".md").as_posix() for page in pages}
    assert held == {name for name in PAGES if "\n::: " not in (TOP / "docs" / name).read_text(encoding="utf-8")}
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    for page, text in texts.items():
        for target in re.findall(r'(?:href|src)="([^"]+)"', text):
            if not re.match(r"https?:|mailto:", target):
                path, _, anchor = target.partition("#")
                there = (page.parent / path).resolve() if path else page
                assert there.exists(), f"{page.name}: {target}"
                assert not anchor or f'id="{anchor}"' in texts[there], f"{page.name}: {target}"
        assert not re.search(r'(?:src|rel="stylesheet" href)="https?:', text), page.name


def test_the_installed_pages_are_small() -> None:
    folder = Path(str(files("napari_tweedie") / "docs"))
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 3 * 2**20
