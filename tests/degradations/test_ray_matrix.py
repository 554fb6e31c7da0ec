"""Sums along rays are the same, and their transpose exact, by sampling and by the matrix that many of them are worth."""

import pickle

import numpy as np
import pytest
import torch

from napari_tweedie import degradations
from napari_tweedie.core.testing import check_degradation
from napari_tweedie.degradations.radon import Radon
from napari_tweedie.degradations.ray_matrix import USES

SCANS = {
    "parallel": {"angles": 11},
    "off axis": {"angles": 9, "axis": 1.7},
    "fan": {"angles": 14, "limit": 360.0, "source": 60.0},
    "turned": {"angles": 10, "angles_along": "y"},
    "own angles": {"at": "0, 13, 47.5, 100, 171"},
}


def used(operator: Radon, side: int) -> Radon:
    for _ in range(USES + 1):
        operator(torch.zeros(1, 1, side, side))
    return operator


@pytest.mark.parametrize("scan", SCANS)
def test_a_matrix_gives_the_sums_that_sampling_gives(scan: str, rng: np.random.Generator) -> None:
    sampling, matrix = degradations.load("radon", **SCANS[scan]), used(degradations.load("radon", **SCANS[scan]), 25)
    x = torch.from_numpy(rng.random((2, 3, 25, 25), np.float32))
    y = sampling(x)
    found = matrix(x)
    assert any(each._matrix is not None for each in matrix._matrices.values())
    assert all(each._matrix is None for each in sampling._matrices.values())
    torch.testing.assert_close(found, y, rtol=1e-5, atol=1e-5 * float(y.abs().max()))
    z = sampling.adjoint(y)
    torch.testing.assert_close(matrix.adjoint(y), z, rtol=1e-5, atol=1e-5 * float(z.abs().max()))
    check_degradation(matrix, (25, 25))


def test_derivatives_other_numbers_and_other_processes_go_without_it(rng: np.random.Generator) -> None:
    operator = used(degradations.load("radon", angles=7), 20)
    x = torch.from_numpy(rng.random((1, 1, 20, 20))).float().requires_grad_()
    operator(x).square().sum().backward()
    y = operator(x.detach())
    torch.testing.assert_close(x.grad, 2 * operator.adjoint(y), rtol=1e-4, atol=1e-3)
    assert operator(x.detach().double()).dtype == torch.float64
    assert len(pickle.dumps(operator)) < 10_000
