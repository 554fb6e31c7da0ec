"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_tweedie.images.picture import beside


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a name beside that of a file to write to; it becomes the file at the end, or is gone if anything failed.

    The name ends as that of the file does, as some libraries choose the format by it, and in ``.part`` before, by which batches
    leave out what a killed run has left.

    Raises
    ------
    OSError
        If it cannot be written: the disk is full, or the folder is read-only or gone.
    """
    part = path.with_name(f".{beside(path, f'{os.getpid()}.part').name}")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        with suppress(OSError):  # of a folder that is gone
            part.unlink(missing_ok=True)


def not_written(path: Path, error: OSError, way_out: str = "") -> OSError:
    """Return an error that says in a sentence that a file could not be written, and why; its number stays."""
    told = OSError(f"{path} cannot be written: {error.strerror or error}{way_out}")
    told.errno = error.errno
    return told


def is_full(error: OSError) -> bool:
    """Tell whether nothing more can be written to a disk."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
