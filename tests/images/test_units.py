"""Are pixel sizes brought to one unit, and nonsense told apart from numbers?"""

import math

import pytest

from napari_tweedie.images.calibration import Stated, calibrate
from napari_tweedie.images.picture import Picture
from napari_tweedie.images.units import canonical, metres, seconds


@pytest.mark.parametrize(
    ("unit", "length"),
    [
        ("µm", 1e-6), ("\u03bcm", 1e-6), ("um", 1e-6), ("UM", 1e-6), ("micron", 1e-6), ("microns", 1e-6), ("Micrometers", 1e-6),
        ("micrometre", 1e-6), ("\\u00B5m", 1e-6), ("Âµm", 1e-6), ("µm/pixel", 1e-6), ("nm", 1e-9), ("NM", 1e-9),
        ("nanometers", 1e-9), ("dm", 0.1), ("decimeter", 0.1), ("mm", 1e-3), ("Mm", 1e6), ("cm", 1e-2), ("meter", 1.0),
        ("pm", 1e-12), ("Å", 1e-10), ("angstroms", 1e-10), ("inch", 0.0254), ("in", 0.0254), ("ft", 0.3048), ("thou", 2.54e-5),
        ("A\u030angstro\u0308m", 1e-10), ("\u212b", 1e-10), ("[um]", 1e-6), ("&#181;m", 1e-6), ("micro-meter", 1e-6),
        ("nms", 1e-9), ("hectometer", 100.0), ("yoctometer", 1e-24),
        ("mu", 1e-6), ("µ", 1e-6), ("\u03bc", 1e-6), ("\\u03BCm", 1e-6), ("mum", 1e-6), ("Um", 1e-6), ("micra", 1e-6),
        ("Mikrometer", 1e-6), ('"', 0.0254), ('"µm"', 1e-6), ("\\u00C5", 1e-10), ("microns per pixels", 1e-6),
    ],
)  # fmt: skip
def test_lengths(unit: str, length: float) -> None:
    found = metres(unit)
    assert found is not None
    assert math.isclose(found, length)
    assert seconds(unit) is None


@pytest.mark.parametrize(
    ("unit", "duration"),
    [("s", 1), ("sec", 1), ("Seconds", 1), ("ms", 1e-3), ("msec", 1e-3), ("µs", 1e-6), ("us", 1e-6), ("ns", 1e-9), ("min", 60),
     ("minutes", 60), ("h", 3600), ("hr", 3600), ("hrs", 3600), ("hours", 3600),
     ("d", 86400), ("day", 86400), ("ds", 0.1), ("kilosecond", 1e3)],
)  # fmt: skip
def test_times(unit: str, duration: float) -> None:
    found = seconds(unit)
    assert found is not None
    assert math.isclose(found, duration)
    assert metres(unit) is None


@pytest.mark.parametrize("unit", ["", "pixel", "Pixels", "px", "reference frame"])
def test_what_stands_for_no_unit_is_pixels(unit: str) -> None:
    assert canonical(unit) == ("pixel", 1)
    assert metres(unit) is None
    assert seconds(unit) is None


@pytest.mark.parametrize(
    ("value", "known"),
    [(0, False), ("0", False), (-0.3, False), ("NaN", False), (math.nan, False), (math.inf, False), ("0,5", False), ("", False),
     ("10/0", False), ((10, 0), False), (True, False), (None, False), ((1, 4), True), ("2.5e-1", True), (0.25, True)],
)  # fmt: skip
def test_a_size_is_a_positive_number_or_unknown_with_one_note(value: object, known: bool) -> None:
    sizes = {"z": Stated(value, "µm", "PhysicalSizeZ"), "y": Stated("0.1", "µm", ""), "x": Stated(0.1, "µm", "")}
    found = calibrate("zyx", sizes)
    assert found.spacing == (0.25 if known else 1.0, 0.1, 0.1)
    assert found.unit == "micrometer"
    assert found.unknown == ("" if known else "z")
    assert len(found.notes) == (0 if known else 1)
    assert known or found.notes[0].startswith("PhysicalSizeZ is ")


@pytest.mark.parametrize("unit", ["second", "pixel", "furlong", "°"])
def test_an_axis_that_is_no_length_leaves_the_others_theirs(unit: str) -> None:
    sizes = {"z": Stated(3, unit, "zunit"), "y": Stated(100, "nm", ""), "x": Stated(0.1, "µm", ""), "t": Stated(2, "min", "")}
    found = calibrate("tzyx", sizes)
    assert found.spacing == (120.0, 1.0, 0.1, 0.1)
    assert (found.unit, found.unknown) == ("micrometer", "z")
    assert len(found.notes) == 1
    assert repr(unit) in found.notes[0]


@pytest.mark.parametrize("unit", ["micrometer", "pixel", "", "frames"])
def test_a_time_in_no_unit_of_time_is_unknown(unit: str) -> None:
    found = calibrate("tyx", {"t": Stated(3, unit, "finterval"), "y": Stated(1, "mm", ""), "x": Stated(2, "mm", "")})
    assert (found.spacing, found.unit, found.unknown) == ((1.0, 1.0, 2.0), "millimeter", "t")


def test_several_odd_sizes_are_told_in_one_sentence() -> None:
    sizes = {axis: Stated("0,5", "µm", "spacing") for axis in "zyx"}
    found = calibrate("zyx", sizes)
    assert found.unknown == "zyx"
    assert found.notes == (
        "spacing is '0,5': the distance of planes, the height of pixels, the width of pixels are taken as unknown.",
    )


def test_sizes_in_a_unit_that_is_not_kept_are_converted() -> None:
    picture = Picture(None, "tzyx", (3.0, 2e-5, 1e-6, 1e-6), "decimeter", origin=(0, 1e-5, 0, 0))
    assert picture.unit == "micrometer"
    assert picture.spacing == pytest.approx((3.0, 2.0, 0.1, 0.1))
    assert picture.origin == pytest.approx((0, 1.0, 0, 0))
    assert picture.nanometres() == pytest.approx((2000, 100, 100))


def test_a_stack_of_unknown_distance_is_no_measure_for_a_function() -> None:
    assert Picture(None, "zyx", (1, 0.1, 0.1), "µm", unknown="z").nanometres() == ()
