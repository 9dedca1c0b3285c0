"""Starting values of weights: their distributions, names and seeds."""

import nnfast as nn
import numpy as np
import pytest
from nnfast import initializers

FAN_IN, FAN_OUT = 300, 200


@pytest.mark.parametrize(
    ("name", "variance", "normal"),
    [
        ("normal", 1e-4, True),
        ("uniform", 0.05**2 / 3, False),
        ("he", 2 / FAN_IN, True),
        ("he_normal", 2 / FAN_IN, True),
        ("he_uniform", 2 / FAN_IN, False),
        ("xavier", 2 / (FAN_IN + FAN_OUT), True),
        ("glorot_normal", 2 / (FAN_IN + FAN_OUT), True),
        ("xavier_uniform", 2 / (FAN_IN + FAN_OUT), False),
        ("lecun", 1 / FAN_IN, True),
        ("lecun_uniform", 1 / FAN_IN, False),
        (0.3, 0.09, True),
    ],
)
def test_initializers_have_their_variance(name, variance, normal):
    W = nn.Affine(FAN_IN, FAN_OUT, init=name, dtype=np.float64, rng=4).W
    assert abs(W.mean()) < 5 * np.sqrt(variance / W.size)
    # The variance of a sample variance of n draws is (kurtosis - 1) variance^2 / n.
    spread = np.sqrt((2 if normal else 0.8) / W.size)
    assert abs(W.var() / variance - 1) < 5 * spread
    assert (np.abs(W).max() <= np.sqrt(3 * variance) * (1 + 1e-12)) != normal


@pytest.mark.parametrize("shape", [(20, 30), (30, 20), (7, 7)])
def test_orthogonal(shape):
    W = nn.Affine(*shape, init="orthogonal", dtype=np.float64, rng=0).W
    product = W @ W.T if shape[0] <= shape[1] else W.T @ W
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-13)


def test_initializers_by_name_callable_and_seed():
    assert not nn.Affine(3, 2, init="zeros").W.any()
    own = nn.Affine(3, 2, init=lambda shape, rng: np.arange(6).reshape(shape)).W
    np.testing.assert_array_equal(own, np.arange(6).reshape(3, 2))
    assert own.dtype == np.float32
    a, b = nn.Affine(3, 2, rng=7).W, nn.Affine(3, 2, rng=np.random.default_rng(7)).W
    np.testing.assert_array_equal(a, b)
    assert (nn.Affine(3, 2).W != nn.Affine(3, 2).W).any()
    assert abs(nn.Affine(100, 100, init=initializers.uniform(2.0)).W).max() > 1.9


@pytest.mark.parametrize("name", ["he", "uniform", "orthogonal"])
def test_both_dtypes_start_from_the_same_numbers(name):
    single, double = (nn.Affine(30, 20, init=name, dtype=d, rng=1).W for d in (np.float32, np.float64))
    np.testing.assert_array_equal(single, double.astype(np.float32))


@pytest.mark.parametrize("init", [-1.0, np.inf, np.nan])
def test_initializers_refuse(init):
    with pytest.raises(ValueError, match="standard deviation"):
        nn.Affine(3, 2, init=init)
