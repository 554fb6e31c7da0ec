"""Complete description of a run, as data that can be stored and replayed."""

from napari_tweedie.recipe.recipe import JobName, Recipe

__all__ = ["JobName", "Recipe"]


def __dir__() -> list[str]:
    return __all__
