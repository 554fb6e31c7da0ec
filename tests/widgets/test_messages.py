import pytest

from napari_tweedie.widgets.layers.messages import duration, numbers, sentence, summary, undecided


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (12.4, "12 s"), (80, "1 min 20 s"), (1500, "25 min"), (7500, "2 h 5 min")]
)
def test_times_are_written_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_many_channels_are_cut_short() -> None:
    assert numbers([12.44, 8, 3, 1]) == "12.4, 8, 3, …"


def test_an_error_becomes_a_sentence() -> None:
    assert sentence(ValueError("axes 'yxz' lack c")) == "Axes 'yxz' lack c."


def test_the_end_is_told_in_a_line() -> None:
    provenance = {"noise_levels": [12.44], "data_residuals": [], "seconds": 3.14, "device": "cpu"}
    assert summary(provenance, estimated=True, unit="counts") == "σ 12.4 counts (estimated) · 3.1 s on cpu"
    provenance["data_residuals"] = [13.0]
    assert summary(provenance, estimated=False) == "σ 12.4 (given) · residual 13 · 3.1 s on cpu"
    provenance["interval"] = "90 % interval, measured coverage 90.4 %"
    assert "residual 13 · 90 % interval, measured coverage 90.4 % · 3.1 s" in summary(provenance, estimated=False)


def test_what_stands_elsewhere_of_the_noise_is_left_out_whole() -> None:
    decisions = ["Gaussian noise: level 17.", "Gaussian noise: level 17.1."]
    provenance = {"noise": [{"decision": decision} for decision in decisions]}
    notes = [f"Channel {n}: {decision}" for n, decision in enumerate(decisions, 1)]
    assert undecided([*notes, "Frames helped."], provenance) == ["Frames helped."]
