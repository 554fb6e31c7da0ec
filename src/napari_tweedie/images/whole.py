"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_tweedie.images.picture import beside


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a name beside that of a file to write to; it becomes the file at the end, or is gone if anything failed.

    The name ends as that of the file does, as some libraries choose the format by it, and in ``.part`` before, by which batches
    leave out what a killed run has left.
    """
    part = path.with_name(f".{beside(path, f'{os.getpid()}.part').name}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
