"""Build steps: the top-level napari.yaml and sample_data/ go into the package, and README gets addresses that work anywhere."""

import os
import re
import shutil
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


class Readme(MetadataHookInterface):
    """Make README the long description that PyPI, the napari hub and plugin managers show."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = with_addresses(text, metadata["urls"]["Source"], f"v{metadata['version']}")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_addresses(text: str, repository: str, tag: str, folder: str = "") -> str:
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
    """
    raw = repository.replace("https://github.com/", "https://raw.githubusercontent.com/")

    def address(match: re.Match[str]) -> str:
        words = LINK.sub(address, match["text"]) if "](" in match["text"] else match["text"]
        target = match["target"]
        if not ELSEWHERE.match(target):
            path = os.path.normpath(os.path.join(folder, target)).replace(os.sep, "/")  # noqa: PTH118 - of no file here
            target = f"{raw}/{tag}/{path}" if match["picture"] else f"{repository}/blob/{tag}/{path}"
        return f"{match['picture']}{words}({target})"

    parts = re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else LINK.sub(address, part) for part in parts)
