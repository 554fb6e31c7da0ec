"""How is a path proposed to a user who may know a better one?"""

from __future__ import annotations

from pathlib import Path

from napari_tweedie.widgets.forms.editors import FileName


class ProposedName(FileName):
    """The name of a file, proposed until the user has typed or chosen another one."""

    def __init__(self) -> None:
        super().__init__()
        self._own = False
        self.text.textEdited.connect(self._take)

    def propose(self, path: Path) -> None:
        """Show a path, unless the user has given one."""
        if not self._own:
            super().set_path(path)

    def set_path(self, path: Path | str) -> None:
        self._own = True
        super().set_path(path)

    def _take(self, text: str) -> None:
        self._own = True
