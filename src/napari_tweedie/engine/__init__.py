"""Recipe and arrays in, progress, previews and a result out: `run`, and what it knows of an image before: `measure`."""

from napari_tweedie.core.results import Cancelled, Preview, Progress, Result
from napari_tweedie.engine.run import last, measure, run

__all__ = ["Cancelled", "Preview", "Progress", "Result", "last", "measure", "run"]


def __dir__() -> list[str]:
    return __all__
