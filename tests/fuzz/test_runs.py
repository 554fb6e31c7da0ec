"""Does any recipe on any array give a result that is one, or a sentence?"""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis")

from hypothesis import given

from .strategies import EXAMPLES, check, fuzzed, images, recipes


@pytest.mark.skipif(not EXAMPLES, reason="run by make fuzz: images of two pixels still find what is not foreseen")
@fuzzed(20)
@given(recipes(), images())
def test_any_recipe_on_any_array_gives_a_result_or_a_sentence(recipe: dict[str, Any], drawn: tuple[np.ndarray, str]) -> None:
    check(recipe, *drawn)
