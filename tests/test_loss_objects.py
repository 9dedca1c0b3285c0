"""Losses as objects: what they return, keep and refuse; the formulas are tested in test_losses.py."""

import nnfast as nn
import numpy as np
import oracle
import pytest
from finite_differences import assert_gradient

LOSSES = {
    "softmax_cross_entropy": (nn.SoftmaxCrossEntropy(label_smoothing=0.1, class_weight=[1, 2, 3, 0.5]),
                              {"label_smoothing": 0.1, "class_weight": [1, 2, 3, 0.5]}),
    "sigmoid_cross_entropy": (nn.SigmoidCrossEntropy(), {}),
    "squared_error": (nn.MeanSquaredError(), {}),
    "squared_error, half sum": (nn.SumSquaredError(), {"factor": 0.5, "reduction": "sum"}),
    "squared_error, per sample": (nn.SumSquaredError(1.5, "batch_mean"), {"factor": 1.5, "reduction": "batch_mean"}),
    "absolute_error": (nn.MeanAbsoluteError(), {}),
    "huber": (nn.Huber(0.7), {"delta": 0.7}),
    "hinge": (nn.Hinge(1.5, reduction="sum"), {"margin": 1.5, "reduction": "sum"}),
}  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_loss_is_its_formula(name, weighted, rng):
    loss, options = LOSSES[name]
    kind = name.split(",")[0]
    y = rng.standard_normal((6, 4))
    t = rng.integers(4, size=6) if kind in ("softmax_cross_entropy", "hinge") else rng.random((6, 4))
    weight = rng.random(6) if weighted else None
    value, dy = oracle.loss(kind, y, t, sample_weight=weight, **options)
    got = loss.forward(y, t, weight)
    assert isinstance(got, float)
    np.testing.assert_allclose(got, float(value), rtol=1e-13)
    np.testing.assert_allclose(loss.backward(), dy.astype(float), rtol=1e-12, atol=1e-15)
    assert_gradient(loss.backward(), lambda: loss.forward(y, t, weight), y, name)


@pytest.mark.parametrize("name", ["softmax_cross_entropy", "huber"])
def test_loss_per_sample(name, rng):
    make = {"softmax_cross_entropy": nn.SoftmaxCrossEntropy, "huber": nn.Huber}[name]
    y = rng.standard_normal((6, 4))
    t = rng.integers(4, size=6) if make is nn.SoftmaxCrossEntropy else rng.random((6, 4))
    loss = make(reduction="none")
    rows, dy = oracle.loss(name, y, t, reduction="none")
    np.testing.assert_allclose(loss.forward(y, t), rows.astype(float), rtol=1e-13)
    np.testing.assert_allclose(loss.backward(), dy.astype(float), rtol=1e-12, atol=1e-15)


def test_loss_of_one_sample():
    loss = nn.SoftmaxCrossEntropy()
    y = np.array([1.0, 2.0, 3.0])
    batch = loss.forward(y[None], [2])
    dy = loss.backward()
    assert loss.forward(y, 2) == batch
    assert loss.backward().shape == (3,)
    np.testing.assert_array_equal(loss.backward(), dy[0])
    assert loss.forward(y, [0.0, 0.0, 1.0]) == batch


def test_loss_of_one_output():
    for loss in (nn.SigmoidCrossEntropy(), nn.MeanSquaredError()):
        flat = loss.forward(np.array([1.0, -2.0]), [1, 0])
        assert loss.backward().shape == (2,)
        assert loss.forward(np.array([[1.0], [-2.0]]), [1, 0]) == flat
        assert loss.backward().shape == (2, 1)


def test_loss_backward_before_forward():
    with pytest.raises(RuntimeError, match="before forward"):
        nn.Huber().backward()


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: nn.SoftmaxCrossEntropy(label_smoothing=1.5), "SoftmaxCrossEntropy: label_smoothing is 1.5"),
        (lambda: nn.SoftmaxCrossEntropy(reduction="average"), "SoftmaxCrossEntropy: reduction is 'average'"),
        (lambda: nn.SoftmaxCrossEntropy(ignore_index=1.0), "SoftmaxCrossEntropy: ignore_index"),
        (lambda: nn.SoftmaxCrossEntropy(class_weight=[1, -1]), "SoftmaxCrossEntropy: class_weight"),
        (lambda: nn.Huber(0), "Huber: delta is 0.0; expected a number > 0"),
        (lambda: nn.Hinge(np.inf), "Hinge: margin is inf"),
        (lambda: nn.SumSquaredError("half"), "SumSquaredError: factor"),
    ],
)
def test_losses_say_what_is_wrong(make, names):
    with pytest.raises((ValueError, TypeError), match=names):
        make()


@pytest.mark.parametrize(
    ("t", "error", "names"),
    [
        ([0, 4], IndexError, r"SoftmaxCrossEntropy\.forward: t\[1\] is 4"),
        ([0, -1], IndexError, r"t\[1\] is -1"),
        ([0.0, 1.0], TypeError, "t has dtype float64"),
        ([0, 1, 2], ValueError, r"t has shape \(3,\) but logits has shape \(2, 4\)"),
    ],
)
def test_losses_refuse_targets(t, error, names):
    with pytest.raises(error, match=names):
        nn.SoftmaxCrossEntropy().forward(np.zeros((2, 4)), t)
