"""The programs of one idea in other fields: what their page says of them, against their oracles."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

TOP = Path(__file__).parents[1]
FOLDER = TOP / "examples" / "other_fields"


def program(name: str) -> Callable[..., Any]:
    module = runpy.run_path(str(FOLDER / f"{name}.py"))
    return module[name]  # type: ignore[no-any-return]


def test_potentials_of_new_charges_are_found_to_less_than_five_percent() -> None:
    assert program("poisson_equation")()["relative error"] < 0.05


def test_the_oracle_solves_poissons_equation() -> None:
    solved = runpy.run_path(str(FOLDER / "poisson_equation.py"))["solved"]
    rho = np.random.default_rng(0).normal(size=(1, 9, 9))
    phi = np.pad(solved(rho)[0], 1)
    five_points = phi[:-2, 1:-1] + phi[2:, 1:-1] + phi[1:-1, :-2] + phi[1:-1, 2:] - 4 * phi[1:-1, 1:-1]
    np.testing.assert_allclose(five_points, rho[0], atol=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
def test_retrieval_from_cleaned_keys_is_that_from_clean_ones(seed: int) -> None:
    found = program("attention_keys")(seed=seed)
    assert found["clean"] == 1
    assert found["noisy"] < 0.8
    assert found["cleaned"] > 0.99
    assert found["degrees off"] < 3


def test_memory_turns_into_knowledge_as_the_training_set_grows() -> None:
    found = program("memorisation")(sizes=(4, 16, 64, 256, 1024))
    new = [errors["linear"] for errors in found.values()]
    own = [errors["linear, on its own images"] for errors in found.values()]
    memory = [errors["memory"] for errors in found.values()]
    assert sorted(new, reverse=True) == new
    assert new[-1] == pytest.approx(1, abs=0.05)
    assert own[0] < 0.3
    assert own[-1] == pytest.approx(1, abs=0.2)
    assert min(memory) > 1.5


def test_at_least_half_of_the_wrong_bases_are_corrected_and_the_rest_is_stated() -> None:
    found = program("reads")(seed=3)
    assert found["after"] < 0.5 * found["before"]
    assert found["after"] < 0.002
    assert found["stated"] < 0.002
    few = program("reads")(count=60, seed=3)
    assert few["stated"] == pytest.approx(few["after"], rel=0.5)


@pytest.mark.slow
def test_inverse_problems_are_solved_in_about_the_published_number_of_steps() -> None:
    found = program("linear_inverse")(side=32, only=("prior", "resolution / 4"))
    assert found["prior"]["iterations"] == pytest.approx(47, rel=0.15)
    quarter = found["resolution / 4"]
    assert quarter["iterations"] == pytest.approx(215, rel=0.3)
    assert quarter["off the measurement"] < 1e-5
    assert quarter["result, dB"] > quarter["pseudo-inverse, dB"] + 3


@pytest.mark.slow
def test_a_denoisers_own_basis_holds_an_image_better_than_cosines() -> None:
    found = program("adaptive_bases")(side=20)
    assert found["left by k own vectors, %"] < 0.7 * found["left by the first k cosines, %"]
    vectors = found["vectors"].reshape(400, 400)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(400), atol=1e-4)


def test_the_jacobian_of_a_linear_denoiser_has_its_own_eigenvalues() -> None:
    """A periodic filter shrinks every frequency by its own factor."""
    jacobian = runpy.run_path(str(FOLDER / "adaptive_bases.py"))["jacobian"]
    side = 6
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side)))
    factor = torch.tensor(1 / (1 + 20 * frequencies**2), dtype=torch.float32)

    def shrink(x: torch.Tensor, sigma: float) -> torch.Tensor:
        return torch.fft.ifft2(torch.fft.fft2(x) * factor).real

    values = np.linalg.eigvalsh(jacobian(shrink, torch.rand(1, 1, side, side), 0.1).numpy().astype(float))
    np.testing.assert_allclose(values, np.sort(factor.numpy().ravel()), atol=1e-5)


def test_every_program_is_on_the_page() -> None:
    page = (TOP / "docs" / "other-fields.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\[(\w+)\.py\]", page)) == {path.stem for path in FOLDER.glob("*.py")}
