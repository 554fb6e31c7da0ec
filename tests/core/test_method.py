from typing import ClassVar

import numpy as np
import pytest
import torch

from napari_tweedie import degradations, denoisers, solvers
from napari_tweedie.core.array_input import Input, fingerprint
from napari_tweedie.core.method import Method, Parameter


class Example(Method):
    name: ClassVar[str] = "example"
    title: ClassVar[str] = "Example"

    strength: float = Parameter(1.0, "How much.", unit="px", ge=0)


def test_out_of_range_values_are_explained_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^strength: should be greater than or equal to 0 \(got -0.1\)$"):
        Example(strength=-0.1)


def test_unknown_parameters_are_refused_and_values_cannot_change() -> None:
    with pytest.raises(ValueError, match="sigma"):
        Example(sigma=3)
    with pytest.raises(ValueError, match="strength: cannot be changed: make a new one"):
        Example().strength = 2.0


@pytest.mark.parametrize("registry", [denoisers.registry, degradations.registry, solvers.registry], ids=lambda r: r.kind)
def test_every_bundled_method_describes_itself_and_is_rebuilt(registry: object) -> None:
    for name in registry.names():
        cls = registry.method(name)
        assert cls.name == name
        assert cls.title
        assert (cls.__doc__ or "").strip()
        assert all(field.description for field in cls.model_fields.values())
        method = cls(**{field: np.ones((3, 3)) for field in cls.inputs()})
        described = method.describe()
        assert described["name"] == name
        assert registry.build(described).describe() == described


def test_an_array_is_a_snapshot_and_travels_as_name_and_hash() -> None:
    psf = np.ones((3, 3))
    method = degradations.load("psf-blur", psf=psf)
    psf[0] = 9
    assert method.psf.array.sum() == 9
    described = method.describe()["psf"]
    assert described == {"name": "", "sha256": fingerprint(np.ones((3, 3)))}
    again = degradations.registry.build(method.describe())
    assert again.missing_inputs() == ["psf"]
    with pytest.raises(ValueError, match="not at hand"):
        again(torch.zeros(1, 1, 8, 8))


def test_fingerprints_tell_arrays_apart() -> None:
    zeros = np.zeros((2, 3))
    assert fingerprint(zeros) == fingerprint(zeros.copy())
    assert len({fingerprint(a) for a in (zeros, zeros.T, zeros.astype(np.float32), zeros + 1)}) == 4
    assert Input.of(torch.zeros(2, 3, dtype=torch.float64)).sha256 == fingerprint(zeros)


def test_methods_are_equal_when_their_parameters_are_whatever_they_have_computed() -> None:
    used, fresh = degradations.load("fourier-mask", seed=3), degradations.load("fourier-mask", seed=3)
    used(torch.zeros(1, 1, 8, 8))
    assert used == fresh
    assert hash(used) == hash(fresh)
    fresh(torch.zeros(1, 1, 8, 8))
    assert used == fresh
    assert used != degradations.load("fourier-mask", seed=4)
    assert used != "fourier-mask"
