"""Maxout against a loop: the function, the layer, the network, and where pieces are equal or not numbers."""

from __future__ import annotations

import nnfast as nn
import numpy as np
import pytest
from conftest import LAYOUTS, assert_same_bits, thread_counts, use_threads
from nnfast import functional as F


def by_numpy(x, pieces):
    return x.reshape(*x.shape[:-1], -1, pieces).max(axis=-1)


def gradient_by_numpy(dy, x, pieces):
    parts = x.reshape(*x.shape[:-1], -1, pieces)
    dx = np.zeros_like(parts)
    np.put_along_axis(dx, parts.argmax(-1)[..., None], dy[..., None], axis=-1)
    return dx.reshape(x.shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pieces", [1, 2, 3, 5])
@pytest.mark.parametrize("shape", [(30,), (0, 30), (7, 30), (2, 3, 60), (5, 0)])
def test_maxout(shape, pieces, dtype, rng):
    x = rng.integers(-3, 3, shape).astype(dtype)  # with ties
    y = F.maxout(x, pieces)
    assert_same_bits(
        y, by_numpy(x, pieces) if x.size else np.empty((*shape[:-1], shape[-1] // pieces), dtype)
    )
    dy = rng.standard_normal(y.shape).astype(dtype)
    if x.size:
        assert_same_bits(F.maxout_backward(dy, x, pieces), gradient_by_numpy(dy, x, pieces))


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_and_threads(name, rng):
    x = rng.standard_normal((40, 12))
    laid = LAYOUTS[name](x)
    for n in thread_counts():
        use_threads(n)
        assert_same_bits(F.maxout(laid, 3), by_numpy(x, 3))


def test_nan_wins_wherever_it_stands():
    x = np.array([[np.nan, 1, 2], [1, np.nan, 2], [1, 2, np.nan], [-np.inf, -np.inf, -np.inf]])
    assert np.array_equal(F.maxout(x, 3), [[np.nan], [np.nan], [np.nan], [-np.inf]], equal_nan=True)
    assert F.maxout_backward(np.ones((4, 1)), x, 3).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: F.maxout(np.ones((2, 5)), 2),
            ValueError,
            r"maxout: x has shape \(2, 5\); .* a multiple of 2 columns",
        ),
        (lambda: F.maxout(np.ones((2, 4)), 0), ValueError, "maxout: pieces is 0; expected an integer >= 1"),
        (lambda: F.maxout(1.0), ValueError, r"x has shape \(\)"),
        (
            lambda: F.maxout_backward(np.ones((2, 4)), np.ones((2, 4))),
            ValueError,
            r"dy has shape \(2, 4\) but x has shape \(2, 4\); expected \(2, 2\)",
        ),
        (
            lambda: nn.Network([nn.Affine(3, 5), nn.Maxout()]),
            ValueError,
            r"Maxout\(pieces=2\) gets 5 columns",
        ),
        (lambda: nn.Maxout(0), ValueError, "pieces is 0"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_network_with_maxout(rng, tmp_path):
    net = nn.mlp([6, 5, 4, 3], "maxout", seed=0, dtype=np.float64, batch_normalization=True)
    assert [W.shape for W in net.W] == [(10, 6), (8, 5), (3, 4)]
    x, t = rng.standard_normal((20, 6)), rng.integers(3, size=20)
    check = nn.check_gradients(net, x, t)
    assert check.ok, str(check)
    y = net.forward(x)
    assert_same_bits(y, net.predict(x))
    assert net.n == (6, 10, 8, 3)
    grads = {name: g.copy() for name, g in net.gradient(x, t).items()}
    net.training_steps -= 1
    for name, g in net.sensitivity(x, t, training=True).items():
        np.testing.assert_allclose(grads[name], g, rtol=1e-12, atol=1e-15)
    before = net.loss(x, t)
    net.fit(x, t, epochs=30, batch_size=20, optimizer=nn.Adam(lr=0.01))
    assert net.loss(x, t) < before / 2
    net.save(tmp_path / "maxout.safetensors")
    assert_same_bits(nn.Network.load(tmp_path / "maxout.safetensors").predict(x), net.predict(x))
    rows = {line.split()[1]: line.split()[-2] for line in net.summary().splitlines() if "Maxout" in line}
    assert rows == {"Maxout(pieces=2)": "4"}  # the last of the two


def test_a_step_that_changes_the_winner_is_a_kink():
    net = nn.Network([nn.Affine([[1.0, 2.0]], [2e-6, 0.0]), nn.Maxout()], nn.SumSquaredError(), np.float64)
    check = nn.check_gradients(net, [[0.0]], [[1.0]])
    assert check.ok, str(check)
    assert check.parameters["b1"].crossed == 2
    assert check.parameters["b1"].kinks == ["layers[1] Maxout"]
