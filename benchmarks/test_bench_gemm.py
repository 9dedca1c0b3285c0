"""Products of a layer: forward x W + b, and dy W^T, x^T dy of its backward."""

from __future__ import annotations

from typing import Any

import nnfast.functional as F
import numpy as np
import pytest

SHAPES = [
    (1, 784, 512),
    (8, 64, 64),
    (32, 784, 128),
    (100, 784, 50),
    (128, 784, 512),
    (128, 512, 512),
    (128, 512, 10),
]


@pytest.mark.parametrize("kind", ["NN", "NT", "TN"])
@pytest.mark.parametrize(("batch", "inner", "outer"), SHAPES, ids=lambda n: str(n))
def test_gemm(measure: Any, library: str, kind: str, batch: int, inner: int, outer: int) -> None:
    rng = np.random.default_rng(0)
    x, W, dy = (rng.standard_normal(s).astype("f4") for s in [(batch, inner), (inner, outer), (batch, outer)])
    a, b = {"NN": (x, W), "NT": (dy, W.T), "TN": (x.T, dy)}[kind]
    c = np.empty((a.shape[0], b.shape[1]), "f4")
    if library == "nnfast":
        run = lambda: F.gemm(a, b, c)
    elif library == "numpy":
        run = lambda: np.matmul(a, b, out=c)
    else:
        import torch

        ta, tb, tc = torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(c)
        run = lambda: torch.matmul(ta, tb, out=tc)
    measure(f"gemm {kind} {batch}x{inner}x{outer}", run, a.astype("f8") @ b.astype("f8"))


@pytest.mark.parametrize(("batch", "inner", "outer"), SHAPES, ids=lambda n: str(n))
def test_affine(measure: Any, library: str, batch: int, inner: int, outer: int) -> None:
    rng = np.random.default_rng(0)
    x, W, b = (rng.standard_normal(s).astype("f4") for s in [(batch, inner), (inner, outer), (outer,)])
    if library == "nnfast":
        run = lambda: F.affine(x, W, b)
    elif library == "numpy":
        run = lambda: x @ W + b
    else:
        import torch

        tx, tW, tb = torch.from_numpy(x), torch.from_numpy(W).T.contiguous(), torch.from_numpy(b)
        run = lambda: torch.nn.functional.linear(tx, tW, tb)
    measure(f"affine {batch}x{inner}x{outer}", run, x.astype("f8") @ W.astype("f8") + b)


@pytest.mark.parametrize(("batch", "inner", "outer"), SHAPES, ids=lambda n: str(n))
def test_affine_backward(measure: Any, library: str, batch: int, inner: int, outer: int) -> None:
    rng = np.random.default_rng(0)
    x, W, dy = (rng.standard_normal(s).astype("f4") for s in [(batch, inner), (inner, outer), (batch, outer)])
    if library == "nnfast":
        run = lambda: F.affine_backward(dy, x, W)
    elif library == "numpy":
        run = lambda: (dy @ W.T, x.T @ dy, dy.sum(axis=0))
    else:
        import torch

        tx, tW, tdy = (torch.from_numpy(v) for v in (x, W, dy))
        run = lambda: (tdy @ tW.T, tx.T @ tdy, tdy.sum(0))
    x8, W8, dy8 = (v.astype("f8") for v in (x, W, dy))
    expected = (dy8 @ W8.T, x8.T @ dy8, dy8.sum(axis=0))
    measure(f"affine backward {batch}x{inner}x{outer}", run, expected)
