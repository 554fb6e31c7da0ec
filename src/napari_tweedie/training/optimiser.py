"""Optimiser of all trainings of networks: Muon for what lies between features, Adam for the rest."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from napari_tweedie.denoisers.non_local_network import NEIGHBOURS


class Optimiser:
    """Muon for what lies between features, Adam for the rest: first and last convolution, or what mixes the patches of a group.

    Muon (Jordan et al. 2024) orthogonalises the momentum of a matrix. A channels-last kernel (outputs, inputs, y, x)
    is one in memory: outputs × (y, x, inputs).

    Parameters
    ----------
    network : Module
        What learns.
    orthogonal : bool
        Whether Muon is used at all; else it is Adam for everything.
    """

    def __init__(self, network: nn.Module, orthogonal: bool = True) -> None:
        weights = list(network.parameters())
        self._kernels = [weight for weight in weights if orthogonal and _between_features(weight)]
        self._matrices = [nn.Parameter(_as_matrix(kernel.data)) for kernel in self._kernels]
        rest = [weight for weight in weights if not (orthogonal and _between_features(weight))]
        self._parts: list[torch.optim.Optimizer] = [torch.optim.Adam(rest, betas=(0.9, 0.99))] if rest else []
        if self._matrices:
            self._parts.insert(0, torch.optim.Muon(self._matrices, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"))

    def step(self, learning_rate: float) -> None:
        """Move the weights against their gradients."""
        for matrix, kernel in zip(self._matrices, self._kernels, strict=True):
            assert kernel.grad is not None
            gradient = kernel.grad if kernel.ndim == 2 else kernel.grad.contiguous(memory_format=torch.channels_last)
            matrix.grad = _as_matrix(gradient)
        for part in self._parts:
            part.param_groups[0]["lr"] = learning_rate
            if isinstance(part, torch.optim.Muon) and self._matrices[0].is_cuda:
                step_together(part)
            else:
                part.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the momenta, to resume from."""
        return [part.state_dict() for part in self._parts]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        """Resume from the momenta of `state_dict`."""
        for part, saved in zip(self._parts, state, strict=True):
            part.load_state_dict(saved)


@torch.no_grad()
def step_together(muon: torch.optim.Muon) -> None:
    """Make the step of Muon for all matrices of a shape at once: a GPU would wait for hundreds of small products."""
    group = muon.param_groups[0]
    weights = [weight for weight in group["params"] if weight.grad is not None]
    gradients = [weight.grad for weight in weights]
    for weight in weights:
        if not muon.state[weight]:
            muon.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
    momenta = [muon.state[weight]["momentum_buffer"] for weight in weights]
    torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
    updates = torch._foreach_lerp(gradients, momenta, group["momentum"]) if group["nesterov"] else momenta
    for shape in {weight.shape for weight in weights}:
        alike = [place for place, weight in enumerate(weights) if weight.shape == shape]
        turned = _orthogonal(torch.stack([updates[place] for place in alike]), group["ns_coefficients"], group["ns_steps"])
        rate = group["lr"] * 0.2 * math.sqrt(max(shape))  # what Adam's steps are like
        changes = turned.to(weights[alike[0]].dtype).unbind()
        torch._foreach_add_([weights[place] for place in alike], list(changes), alpha=-rate)


def _orthogonal(matrices: Tensor, coefficients: tuple[float, float, float], steps: int) -> Tensor:
    """Bring the singular values of matrices (N, R, C) near 1 by Newton–Schulz steps, in bfloat16."""
    a, b, c = coefficients
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).bfloat16()
    x = x / x.flatten(1).norm(dim=1).clamp(min=1e-7).view(-1, 1, 1)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def _between_features(weight: Tensor) -> bool:
    return weight.ndim > 1 and min(weight.shape[:2]) >= (16 if weight.ndim == 4 else NEIGHBOURS + 1)


def _as_matrix(kernel: Tensor) -> Tensor:
    if kernel.ndim == 2:
        return kernel
    channels_last = kernel.permute(0, 2, 3, 1)
    return channels_last.view(kernel.shape[0], -1)
