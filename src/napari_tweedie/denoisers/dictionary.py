"""Dictionary denoiser: every patch a sparse sum of atoms, cosines or learned from the image."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, ClassVar, Literal

from napari_tweedie.core.lazy import torch
from napari_tweedie.core.method import Parameter
from napari_tweedie.denoisers.classical import Classical
from napari_tweedie.denoisers.linear import cosines

if TYPE_CHECKING:
    from torch import Tensor

SIDE = {2: 8, 3: 4}
WAVES = {2: 16, 3: 6}
ERROR = 1.12
SPARSITY = 0.5
STRIDE = 2
EXAMPLES = 8192
ROUNDS = 4
LOYALTY = 50.0
RESOLVED = 1e-5  # of the strongest atom's energy: below it, float32 cannot tell two atoms apart
TOGETHER = 8192


class Dictionary(Classical):
    """Patches as sums of few atoms of a dictionary, found by orthogonal matching pursuit, and averaged where they overlap.

    A patch takes atoms until its residual is that of noise; one that needs half as many as it has pixels is no sparse
    signal and stays as it is. The atoms are overcomplete cosines, or learned from the image, starting with these, as in
    K-SVD (Elad & Aharon 2006).
    """

    name: ClassVar[str] = "dictionary"
    title: ClassVar[str] = "Sparse coding (dictionary)"
    halo: ClassVar[int] = 16

    atoms: Literal["learned", "cosines"] = Parameter("learned", "Atoms learned from the image, or overcomplete cosines.")

    def clean(self, images: Tensor) -> Tensor:
        return torch.stack([self._clean_one(image) for image in images])

    def _clean_one(self, image: Tensor) -> Tensor:
        axes = image.ndim
        atoms = overcomplete_cosines(axes).to(image)
        if self.atoms == "learned":
            examples = unfold(image, SIDE[axes], stride=1, most=EXAMPLES)[0]
            atoms = learn(atoms, examples - examples.mean(1, keepdim=True))
        patches, places = unfold(image, SIDE[axes], STRIDE)
        means = patches.mean(1, keepdim=True)
        clean = torch.cat([some - pursue(some, atoms)[0] for some in (patches - means).split(TOGETHER)]) + means
        return fold(clean, places, image)


def unfold(image: Tensor, side: int, stride: int, most: int = 2**63 - 1) -> tuple[Tensor, Tensor]:
    """Return patches of an image ([Z,] Y, X), shape (P, n), and where their pixels lie in the flattened image.

    They cover the image, unless there are more than `most`, of which these are evenly spaced. Where it ends, it is mirrored.
    """
    places = torch.arange(image.numel(), device=image.device).view(image.shape)
    for axis in range(image.ndim):
        n = image.shape[axis]
        length = max(n, side)
        mirrored = torch.arange(length + (length - side) % stride, device=image.device) % (2 * n)
        places = places.index_select(axis, torch.minimum(mirrored, 2 * n - 1 - mirrored)).unfold(axis, side, stride)
    grid = places.shape[: image.ndim]
    chosen = torch.arange(0, math.prod(grid), -(-math.prod(grid) // most), device=image.device)
    places = places[torch.unravel_index(chosen, grid)].reshape(len(chosen), -1)
    return image.flatten()[places], places


def fold(patches: Tensor, places: Tensor, image: Tensor) -> Tensor:
    """Return the image in which every pixel is the mean of what the patches say of it."""
    total = torch.zeros_like(image).flatten().index_add_(0, places.flatten(), patches.flatten())
    return (total / torch.bincount(places.flatten(), minlength=image.numel())).view(image.shape)


def overcomplete_cosines(axes: int) -> Tensor:
    """Return the products of overcomplete cosines along the axes, of mean 0 and unit norm, shape (K, n)."""
    waves = cosines(WAVES[axes], SIDE[axes])
    waves = torch.cat([waves[:1], waves[1:] - waves[1:].mean(1, keepdim=True)])
    waves = waves / waves.norm(dim=1, keepdim=True)
    atoms = [
        torch.einsum("i,j->ij" if axes == 2 else "i,j,k->ijk", *combination).flatten()
        for combination in product(waves, repeat=axes)
    ]
    return torch.stack(atoms[1:])


def pursue(signals: Tensor, atoms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Approximate signals by few atoms, one more at a time, orthogonally to those before (orthogonal matching pursuit).

    Parameters
    ----------
    signals : Tensor
        Shape (P, n), with noise of standard deviation 1.
    atoms : Tensor
        Shape (K, n), of unit norm.

    Returns
    -------
    residual, chosen, used : Tensor
        Shapes (P, n), (P, S) and (P, S): what is left, the numbers of the atoms, and which of these numbers count.
        Signals without a sparse approximation have neither residual nor atoms.
    """
    count, n = signals.shape
    most = int(SPARSITY * n)
    limit = ERROR**2 * n
    residual = signals.clone()
    basis = signals.new_zeros(count, most, n)
    chosen = torch.zeros(count, most, dtype=torch.long, device=signals.device)
    used = torch.zeros(count, most, dtype=torch.bool, device=signals.device)
    active = torch.arange(count, device=signals.device)
    for k in range(most):
        active = active[residual[active].square().sum(1) > limit]
        if len(active) == 0:
            break
        r = residual[active]
        best = (r @ atoms.T).abs().argmax(1)
        q = atoms[best]
        earlier = basis[active, :k]
        q = q - torch.einsum("pk,pkn->pn", torch.einsum("pkn,pn->pk", earlier, q), earlier)
        q = q / q.norm(dim=1, keepdim=True).clamp_min(1e-6)
        residual[active] = r - (r * q).sum(1, keepdim=True) * q
        basis[active, k], chosen[active, k], used[active, k] = q, best, True
    failed = residual.square().sum(1) > limit
    residual[failed], used[failed] = 0, False
    return residual, chosen, used


def learn(atoms: Tensor, signals: Tensor) -> Tensor:
    """Return atoms, shape (K, n), that fit signals, shape (P, n), better at equal sparsity.

    Sparse coding alternates with least squares for the atoms (method of optimal directions: Engan, Aase, Husøy 1999), which
    is K-SVD with all atoms updated at once. An atom stays near what it was unless enough signals use it.
    """
    identity = torch.eye(len(atoms)).to(atoms)
    for _ in range(ROUNDS):
        residual, chosen, used = pursue(signals, atoms)
        codes = coefficients(signals - residual, atoms, chosen, used)
        gram = codes.T @ codes
        loyalty = gram.diagonal().max().mul(RESOLVED).clamp_min(LOYALTY)
        update = torch.linalg.solve(gram + loyalty * identity, codes.T @ signals + loyalty * atoms)
        atoms = torch.nn.functional.normalize(update, dim=1)
    return atoms


def coefficients(signals: Tensor, atoms: Tensor, chosen: Tensor, used: Tensor) -> Tensor:
    """Return the coefficients, shape (P, K), with which the chosen atoms add up to the signals."""
    selected = atoms[chosen] * used.unsqueeze(-1)
    gram = selected @ selected.mT + torch.diag_embed((~used).to(atoms) + 1e-6)
    solution = torch.linalg.solve(gram, selected @ signals.unsqueeze(-1))[..., 0]
    return torch.zeros(len(signals), len(atoms)).to(atoms).scatter_add_(1, chosen, solution * used)
