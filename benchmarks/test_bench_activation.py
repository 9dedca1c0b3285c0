"""Activations and their derivatives on a layer's output, and on more than the cache holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import nnfast.functional as F
import numpy as np
import pytest

Function = Callable[[Any], Any]


def erf(x: Any) -> Any:
    """Abramowitz and Stegun 7.1.26 has 1e-7: NumPy has no erf, this is what people write."""
    s = 1 / (1 + 0.3275911 * np.abs(x))
    poly = s * (0.254829592 + s * (-0.284496736 + s * (1.421413741 + s * (-1.453152027 + s * 1.061405429))))
    return np.sign(x) * (1 - poly * np.exp(-x * x))


NUMPY: dict[str, Function] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(x, 0),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "gelu": lambda x: 0.5 * x * (1 + erf(x * math.sqrt(0.5))),
    "softmax": lambda x: (e := np.exp(x - x.max(axis=-1, keepdims=True))) / e.sum(axis=-1, keepdims=True),
}


def torch_function(name: str) -> Function:
    import torch

    if name == "softmax":
        return lambda x: torch.softmax(x, -1)
    return getattr(torch, name, None) or getattr(torch.nn.functional, name)


@pytest.mark.parametrize("shape", [(128, 512), (1000, 2048)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize("name", NUMPY)
def test_activation(measure: Any, library: str, name: str, shape: tuple[int, int]) -> None:
    x = (3 * np.random.default_rng(0).standard_normal(shape)).astype("f4")
    if library == "torch":
        import torch

        function, argument = torch_function(name), torch.from_numpy(x)
    else:
        function, argument = (getattr(F, name) if library == "nnfast" else NUMPY[name]), x
    measure(f"{name} {shape[0]}x{shape[1]}", lambda: function(argument), NUMPY[name](x.astype("f8")), 1e-5)


SLOPES: dict[str, tuple[Function, Callable[[Any, Any], Any]]] = {
    "relu": (NUMPY["relu"], lambda dy, y: dy * (y > 0)),
    "sigmoid": (NUMPY["sigmoid"], lambda dy, y: dy * y * (1 - y)),
    "tanh": (NUMPY["tanh"], lambda dy, y: dy * (1 - y * y)),
}


@pytest.mark.parametrize("name", SLOPES)
def test_activation_backward(measure: Any, library: str, name: str) -> None:
    """From the output, which determines these derivatives."""
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((128, 512)).astype("f4") for _ in range(2))
    value, slope = SLOPES[name]
    y = value(x)
    if library == "nnfast":
        backward = getattr(F, f"{name}_backward")
        run = lambda: backward(dy, y)
    elif library == "numpy":
        run = lambda: slope(dy, y)
    else:
        import torch

        ty, tdy = torch.from_numpy(y), torch.from_numpy(dy)
        ops = torch.ops.aten
        function = {"sigmoid": ops.sigmoid_backward, "tanh": ops.tanh_backward}.get(name)
        run = lambda: function(tdy, ty) if function else ops.threshold_backward(tdy, ty, 0)
    measure(f"{name} backward 128x512", run, slope(dy.astype("f8"), value(x.astype("f8"))), 1e-5)
