"""Build steps: napari.yaml, sample_data/ and docs/ go into the package, and README gets addresses that work anywhere."""

import os
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(?P<picture>!?)(?P<text>\[(?:!\[[^]]*\]\([^)]*\)|[^][])*\])\((?P<target>[^)\s]+)\)")
"""A link or picture of Markdown, whose text may be a picture itself."""
ELSEWHERE = re.compile(r"[a-z]+:|#|//")
"""Beginning of a target that is no file of the repository."""


class Copies(BuildHookInterface):
    """Copy them into wheels; link them in editable installs, so that edits are seen at once."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        for item in ("napari.yaml", "sample_data", "docs/pictures/icon.png"):
            source = root / item
            target = root / "src" / "napari_tweedie" / source.name
            if target.is_symlink() or target.is_file():
                target.unlink()
            elif target.is_dir():
                shutil.rmtree(target)
            if version == "editable":
                try:
                    target.symlink_to(os.path.relpath(source, target.parent), target_is_directory=source.is_dir())
                    continue
                except OSError:  # Windows without developer mode
                    pass
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.py", "*.png", "__pycache__"))
            else:
                shutil.copyfile(source, target)
        core = self.metadata.core
        write_pages(root / "docs", root / "src" / "napari_tweedie" / "docs", core.urls["Source"], f"v{core.version}")


class Readme(MetadataHookInterface):
    """Make README the long description that PyPI, the napari hub and plugin managers show."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = with_addresses(text, metadata["urls"]["Source"], f"v{metadata['version']}")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_addresses(text: str, repository: str, tag: str, folder: str = "", kept: str = "") -> str:
    """Return Markdown whose links to files of the repository are addresses of that version.

    Parameters
    ----------
    text : str
        A page in which links to files are relative, as they work in a clone.
    repository : str
        Address of the repository, on GitHub.
    tag : str
        Name of a version, a branch or a tag.
    folder : str
        Where the page lies in the repository.
    kept : str
        Beginning of the paths to which links stay as they are; none by default.
    """
    raw = repository.replace("https://github.com/", "https://raw.githubusercontent.com/")

    def address(match: re.Match[str]) -> str:
        words = LINK.sub(address, match["text"]) if "](" in match["text"] else match["text"]
        target = match["target"]
        if not ELSEWHERE.match(target):
            path = os.path.normpath(os.path.join(folder, target)).replace(os.sep, "/")  # noqa: PTH118 - of no file here
            if kept and path.startswith(kept):
                return f"{match['picture']}{words}({target})"
            target = f"{raw}/{tag}/{path}" if match["picture"] else f"{repository}/blob/{tag}/{path}"
        return f"{match['picture']}{words}({target})"

    parts = re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else LINK.sub(address, part) for part in parts)


STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 52rem; margin: 0 auto; padding: 1rem 1.2rem 4rem; }
nav { font-size: 0.85rem; border-bottom: 1px solid #8886; padding-bottom: 0.6rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; background: #8882; border-radius: 4px; }
code { padding: 0 0.2em; } pre { padding: 0.7em; overflow-x: auto; } pre code { background: none; padding: 0; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid #8886; padding: 0.25em 0.6em; vertical-align: top; text-align: left; }
img { max-width: 100%; }
"""


def write_pages(docs: Path, target: Path, repository: str, tag: str) -> None:
    """Write the documentation as plain pages that a browser opens from the disk.

    Parameters
    ----------
    docs, target : Path
        Folder of the Markdown, and of the pages, which are made anew.
    repository, tag : str
        Where links to other files of the repository lead, as in `with_addresses`.
    """
    from markdown_it import MarkdownIt

    if target.is_dir():
        shutil.rmtree(target)
    texts = {path.relative_to(docs): path.read_text(encoding="utf-8") for path in sorted(docs.rglob("*.md"))}
    texts = {page: text for page, text in texts.items() if "\n::: " not in text}  # those are made from docstrings, for the site
    titles = {page: text.partition("\n")[0].removeprefix("# ") for page, text in texts.items()}
    for page, written in texts.items():
        folder = (Path("docs") / page).parent.as_posix()
        text = with_addresses(written, repository, tag, folder, kept="docs/")
        tokens = (parser := MarkdownIt("commonmark").enable("table")).parse(text)
        for token, inline in pairwise(tokens):
            if token.type == "heading_open":
                token.attrSet("id", re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", inline.content).strip().lower()))
        body = re.sub(r'(<a href="(?![a-z]+:)[^"#]+)\.md', r"\1.html", parser.renderer.render(tokens, parser.options, {}))
        up = "../" * (len(page.parts) - 1)
        menu = " · ".join(f'<a href="{up}{other.with_suffix(".html").as_posix()}">{titles[other]}</a>' for other in texts)
        out = target / page.with_suffix(".html")
        out.parent.mkdir(parents=True, exist_ok=True)
        head = f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{titles[page]}</title><style>{STYLE}</style>'
        out.write_text(f"{head}<nav>{menu}</nav>\n{body}</html>\n", encoding="utf-8")
    for picture in docs.rglob("*.png"):
        copy = target / picture.relative_to(docs)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, copy)
