"""docs/conventions.md: the options of the native objects give the numbers of the conventions named there."""

import nnfast as nn
import numpy as np
import pytest
from course_reference import japanese
from nnfast import functional as F
from nnfast.compat.cs231n import layers as cs231n
from nnfast.compat.cs231n import optim

RTOL = 1e-12


@pytest.fixture
def arrays(rng):
    """params, and gradients for three steps."""
    return {"W": rng.standard_normal((4, 3))}, [{"W": rng.standard_normal((4, 3))} for _ in range(3)]


def trained(optimizer, arrays):
    params, steps = {"W": arrays[0]["W"].copy()}, arrays[1]
    for grads in steps:
        optimizer.update(params, grads)
    return params["W"]


@pytest.mark.parametrize(
    ("native", "name", "settings"),
    [
        (lambda: nn.SGD(lr=0.1), "SGD", {"lr": 0.1}),
        (lambda: nn.Momentum(lr=0.1, momentum=0.8), "Momentum", {"lr": 0.1, "momentum": 0.8}),
        (lambda: nn.Nesterov(lr=0.1), "Nesterov", {"lr": 0.1}),
        (lambda: nn.AdaGrad(lr=0.1, eps=1e-7), "AdaGrad", {"lr": 0.1}),
        (lambda: nn.RMSprop(lr=0.1, rho=0.99, eps=1e-7), "RMSprop", {"lr": 0.1}),
        (lambda: nn.Adam(lr=0.1, eps=1e-7, eps_form="outside"), "Adam", {"lr": 0.1}),
    ],
    ids=["SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"],
)
def test_optimizers_of_scratch(arrays, native, name, settings):
    book = getattr(japanese().optimizer, name)(**settings)
    np.testing.assert_allclose(trained(native(), arrays), trained(book, arrays), RTOL)


@pytest.mark.parametrize(
    ("native", "rule"),
    [
        (lambda: nn.Momentum(lr=1e-2, momentum=0.9), optim.sgd_momentum),
        (lambda: nn.RMSprop(lr=1e-2, rho=0.99, eps=1e-8), optim.rmsprop),
        (lambda: nn.Adam(), optim.adam),
    ],
    ids=["momentum", "rmsprop", "adam"],
)
def test_optimizers_of_cs231n(arrays, native, rule):
    w, config = arrays[0]["W"].copy(), None
    for grads in arrays[1]:
        w, config = rule(w, grads["W"], config)
    np.testing.assert_allclose(trained(native(), arrays), w, RTOL)


def test_momentum_and_weight_decay_of_torch(arrays, torch):
    params = {"W": arrays[0]["W"].copy()}
    tensor = torch.tensor(params["W"], requires_grad=True)
    theirs = torch.optim.SGD([tensor], lr=0.1, momentum=0.9, weight_decay=0.01)
    ours = nn.Momentum(lr=0.1, form="torch", weight_decay=0.01)
    for step, grads in enumerate(arrays[1]):
        theirs.param_groups[0]["lr"] = ours.lr = 0.1 / (step + 1)
        tensor.grad = torch.tensor(grads["W"])
        theirs.step()
        ours.update(params, grads)
    np.testing.assert_allclose(params["W"], tensor.detach().numpy(), 1e-10)


def test_squared_losses(rng):
    y, t = rng.standard_normal((2, 5, 3))
    squares = (y - t) ** 2
    for loss, expected in [
        (nn.SumSquaredError(), 0.5 * squares.sum()),
        (nn.SumSquaredError(reduction="batch_mean"), 0.5 * squares.sum(axis=1).mean()),
        (nn.SumSquaredError(factor=1, reduction="batch_mean"), squares.sum(axis=1).mean()),
        (nn.SumSquaredError(reduction="mean"), 0.5 * squares.mean()),
        (nn.MeanSquaredError(), squares.mean()),
    ]:
        assert loss.forward(y, t) == pytest.approx(expected, rel=RTOL)
    assert nn.SumSquaredError().forward(y, t) == pytest.approx(
        japanese().functions.sum_squared_error(y, t), rel=RTOL
    )


def test_cross_entropies(rng):
    y, t = rng.standard_normal((5, 3)), rng.integers(0, 3, 5)
    assert nn.SoftmaxCrossEntropy().forward(y, t) == pytest.approx(cs231n.softmax_loss(y, t)[0], rel=RTOL)
    a, rows = F.sigmoid(y), np.eye(3)[t]
    binary = -(rows * np.log(a) + (1 - rows) * np.log(1 - a))
    nielsen = nn.SigmoidCrossEntropy(reduction="batch_mean").forward(y, rows)
    assert nielsen == pytest.approx(binary.sum(axis=1).mean(), rel=RTOL)


def test_batch_normalization_of_scratch(rng):
    gamma, beta, x = rng.standard_normal(3), rng.standard_normal(3), rng.standard_normal((6, 3))
    book = japanese().layers.BatchNormalization(gamma, beta)
    native = nn.BatchNormalization(
        gamma, beta, eps=1e-6, running_mean=np.zeros(3), running_var=np.zeros(3), dtype=np.float64
    )
    np.testing.assert_allclose(native.forward(x), book.forward(x), RTOL)
    np.testing.assert_allclose(native.running_var, book.running_var, RTOL)
    np.testing.assert_allclose(native.forward(x, training=False), book.forward(x, train_flg=False), RTOL)


def test_batch_normalization_of_torch(rng, torch):
    x = rng.standard_normal((6, 3))
    theirs = torch.nn.BatchNorm1d(3, dtype=torch.float64)
    native = nn.BatchNormalization(3, momentum=0.9, unbiased=True, dtype=np.float64)
    np.testing.assert_allclose(native.forward(x), theirs(torch.tensor(x)).detach().numpy(), 1e-10)
    np.testing.assert_allclose(native.running_var, theirs.running_var.numpy(), 1e-10)


def test_weight_decay_of_the_courses(rng):
    x, t = rng.standard_normal((5, 4)), rng.integers(0, 3, 5)
    W, b = rng.standard_normal((4, 3)), rng.standard_normal(3)
    plain = nn.Network([nn.Affine(W.copy(), b.copy())], nn.SoftmaxCrossEntropy())
    decayed = nn.Network([nn.Affine(W.copy(), b.copy())], nn.SoftmaxCrossEntropy(), l2=0.3)
    assert decayed.loss(x, t) - plain.loss(x, t) == pytest.approx(0.15 * (W**2).sum(), rel=1e-10)
    more = decayed.gradient(x, t)["W1"] - plain.gradient(x, t)["W1"]
    np.testing.assert_allclose(more, 0.3 * W, rtol=1e-9, atol=1e-12)


def test_dropout_keeps_what_cs231n_keeps(rng):
    x = np.ones((200, 200))
    np.random.seed(0)  # noqa: NPY002
    theirs, _ = cs231n.dropout_forward(x, {"mode": "train", "p": 0.75})
    ours = nn.Dropout(1 - 0.75, seed=0).forward(x)
    assert set(np.unique(theirs)) == set(np.unique(ours)) == {0.0, 1 / 0.75}
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.02)
