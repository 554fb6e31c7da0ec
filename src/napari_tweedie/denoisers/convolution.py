"""Convolutions with fixed weights whose first and second derivatives are computed by their adjoint alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Convolution(nn.Conv2d):
    """A convolution without bias whose derivative, while its weights need none, is its adjoint and nothing more."""

    def forward(self, x: Tensor) -> Tensor:
        if needs_adjoint_only(x, self.weight):
            return adjoint_only(x, self.weight, self.stride, self.padding, False)
        return super().forward(x)


class TransposedConvolution(nn.ConvTranspose2d):
    """The same for a transposed convolution."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if output_size is None and needs_adjoint_only(x, self.weight):
            return adjoint_only(x, self.weight, self.stride, self.padding, True)
        return super().forward(x, output_size)


def needs_adjoint_only(x: Tensor, weight: Tensor) -> bool:
    """Return whether a derivative will be asked for, and not that by the weights."""
    return torch.is_grad_enabled() and x.requires_grad and not weight.requires_grad


class AdjointOnly(torch.autograd.Function):
    """A convolution or its transpose, each of them the other's derivative.

    Torch, differentiating a convolution twice, computes the derivative by its weights as well, even if nobody asks for it,
    which takes longer than all the rest.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, weight: Tensor, stride: Any, padding: Any, transposed: bool) -> Tensor:
        convolve = F.conv_transpose2d if transposed else F.conv2d
        return convolve(x, weight.to(x.dtype), stride=stride, padding=padding)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, weight, *ctx.geometry = inputs
        ctx.save_for_backward(weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        stride, padding, transposed = ctx.geometry
        return adjoint_only(gradient, weight, stride, padding, not transposed), None, None, None, None


def adjoint_only(x: Tensor, weight: Tensor, stride: Any, padding: Any, transposed: bool) -> Tensor:
    """Return the convolution of `x` or, if `transposed`, its transpose; sizes are multiples of the stride."""
    result: Tensor = AdjointOnly.apply(x, weight, stride, padding, transposed)
    return result
