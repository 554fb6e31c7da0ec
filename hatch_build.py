"""Place the top-level napari.yaml and sample_data/ inside the package at build time."""

import os
import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface):
    """Copy them into wheels; link them in editable installs, so that edits are seen at once."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        for item in ("napari.yaml", "sample_data"):
            source, target = root / item, root / "src" / "napari_tweedie" / item
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
