"""Softmax cross-entropy on logits with labels: the loss, and the loss with its gradient."""

from __future__ import annotations

from typing import Any

import nnfast.functional as F
import numpy as np
import pytest


def by_hand(y: Any, t: Any) -> tuple[Any, Any]:
    shifted = y - y.max(axis=1, keepdims=True)
    exp = np.exp(shifted)
    total = exp.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = np.mean(np.log(total[:, 0]) - shifted[rows, t])
    dy = exp / total
    dy[rows, t] -= 1
    return loss, dy / len(y)


@pytest.mark.parametrize(("batch", "classes"), [(128, 10), (1024, 1000)], ids=lambda n: str(n))
def test_softmax_cross_entropy(measure: Any, library: str, batch: int, classes: int) -> None:
    rng = np.random.default_rng(0)
    y, t = rng.standard_normal((batch, classes)).astype("f4"), rng.integers(0, classes, batch)
    if library == "nnfast":
        run = lambda: F.softmax_cross_entropy(y, t)
    elif library == "numpy":
        run = lambda: by_hand(y, t)[0]
    else:
        import torch

        ty, tt = torch.from_numpy(y), torch.from_numpy(t)
        run = lambda: torch.nn.functional.cross_entropy(ty, tt)
    measure(f"softmax cross-entropy {batch}x{classes}", run, by_hand(y.astype("f8"), t)[0], 1e-5)


@pytest.mark.parametrize(("batch", "classes"), [(128, 10), (1024, 1000)], ids=lambda n: str(n))
def test_softmax_cross_entropy_gradient(measure: Any, library: str, batch: int, classes: int) -> None:
    rng = np.random.default_rng(0)
    y, t = rng.standard_normal((batch, classes)).astype("f4"), rng.integers(0, classes, batch)
    if library == "nnfast":
        run = lambda: F.softmax_cross_entropy_backward(y, t)
    elif library == "numpy":
        run = lambda: by_hand(y, t)[1]
    else:
        import torch

        ty, tt = torch.from_numpy(y).requires_grad_(), torch.from_numpy(t)
        run = lambda: torch.autograd.grad(torch.nn.functional.cross_entropy(ty, tt), ty)
    measure(f"softmax cross-entropy gradient {batch}x{classes}", run, by_hand(y.astype("f8"), t)[1], 1e-5)
