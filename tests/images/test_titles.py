import pytest

from napari_tweedie.images.titles import LONGEST, source_of, titled, what_of


def test_a_title_is_the_input_and_what_was_made_of_it() -> None:
    assert titled("cells", "deblurred") == "cells · deblurred"
    assert titled("cells", "std", "counts") == "cells · std (counts)"


def test_a_long_input_is_shortened_in_its_middle_so_that_what_was_made_is_read() -> None:
    made = titled("plate_07_well_B11_field_3_mitochondria.ome.tif", "denoised")
    assert made.startswith("plate_07")
    assert made.endswith("ome.tif · denoised")
    assert len(made) <= LONGEST + len(" · denoised")


def test_of_a_result_of_a_result_the_first_name_is_shortened_first() -> None:
    assert titled("cells · degraded", "deblurred") == "cells · degraded · deblurred"
    made = titled("plate_07_well_B11_field_3 · degraded", "deblurred")
    assert made.endswith(" · degraded · deblurred")
    assert "…" in made
    assert made.startswith("pla")


@pytest.mark.parametrize(
    "name",
    ["cells · std", "cells · std (counts)", "cells · std (counts) [3]", "cells · std (stopped at 2 of 4) [1]", "a · cells · std"],
)
def test_what_a_title_says_is_read_back_without_units_and_numbers(name: str) -> None:
    assert what_of(name) == "std"


def test_a_title_without_a_source_is_its_own() -> None:
    assert (source_of("cells"), what_of("cells")) == ("cells", "cells")
    assert source_of("a · cells · std") == "a · cells"
