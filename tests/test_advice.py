"""Warnings that teach: each comes where it should, says where, and can be switched off alone."""

from __future__ import annotations

import threading
import warnings

import nnfast as nn
import numpy as np
import pytest
from conftest import assert_same_bits
from nnfast import errors

KINDS = [
    errors.CollapsingLayersWarning, errors.DeadUnitsWarning, errors.IntegerGradientWarning, errors.LabelShapeWarning,
    errors.RepeatedSoftmaxWarning, errors.RisingLossWarning, errors.SaturatedUnitsWarning, errors.UnscaledInputWarning,
]  # fmt: skip


@pytest.fixture
def digits():
    (x, t), _ = nn.datasets.load_mnist_sample()
    return x[:1000], t[:1000]


def told(kind, work):
    """The one warning of `work`, which points at this file."""
    with pytest.warns(kind) as caught:
        work()
    assert [entry.category for entry in caught] == [kind]
    assert caught[0].filename == __file__
    return str(caught[0].message)


def silent(work):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return work()


def test_every_kind_is_a_class_of_its_own():
    assert all(issubclass(kind, nn.NNFastWarning) and kind is not nn.NNFastWarning for kind in KINDS)
    # Those of nnfast.graph have their tests with it, and that of layers in Python with the gradient checks.
    assert {kind.__name__ for kind in KINDS} == {
        name for name in errors.__all__ if name.endswith("Warning")
    } - {"NNFastWarning", "NotFiniteWarning", "NotSeparableWarning", "UnseenParametersWarning"}


# ---- When a network is made


def test_affine_layers_in_a_row():
    message = told(
        errors.CollapsingLayersWarning,
        lambda: nn.Network(
            [nn.Affine(4, 3), nn.Relu(), nn.Affine(3, 5), nn.Dropout(0.5), nn.Identity(), nn.Affine(5, 2)]
        ),
    )
    assert message.startswith("Network: Affine 2 and Affine 3 have no non-linearity between them")
    for between in (nn.Relu(), nn.BatchNormalization(3), nn.LayerNormalization(3)):
        silent(lambda between=between: nn.Network([nn.Affine(4, 3), between, nn.Affine(3, 2)]))


def test_collapsing_layers_are_one_layer_indeed(rng):
    with pytest.warns(errors.CollapsingLayersWarning):
        net = nn.Network([nn.Affine(4, 3, rng=0, dtype=np.float64), nn.Affine(3, 2, rng=1)], dtype=np.float64)
    one = nn.Affine(
        net.params["W1"] @ net.params["W2"], net.params["b1"] @ net.params["W2"] + net.params["b2"]
    )
    x = rng.standard_normal((5, 4))
    np.testing.assert_allclose(net(x), one.forward(x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("last", [nn.Softmax, nn.LogSoftmax])
def test_softmax_twice(last):
    message = told(errors.RepeatedSoftmaxWarning, lambda: nn.Network([nn.Affine(4, 3), last()]))
    assert f"the layers end with {last.__name__}, and SoftmaxCrossEntropy takes the softmax again" in message
    silent(lambda: nn.Network([nn.Affine(4, 3), last()], nn.MeanSquaredError()))


def test_sigmoid_twice():
    message = told(
        errors.RepeatedSoftmaxWarning,
        lambda: nn.Network([nn.Affine(4, 1), nn.Sigmoid()], nn.SigmoidCrossEntropy()),
    )
    assert "the layers end with Sigmoid, and SigmoidCrossEntropy takes the sigmoid again" in message


def test_copies_and_files_do_not_repeat_the_advice(tmp_path, rng):
    with pytest.warns(errors.CollapsingLayersWarning):
        net = nn.Network([nn.Affine(4, 3), nn.Affine(3, 2)])
    net.save(tmp_path / "net.safetensors")
    x, t = rng.random((2, 4)), [0, 1]
    silent(net.copy)
    silent(lambda: nn.Network.load(tmp_path / "net.safetensors"))
    silent(lambda: nn.check_gradients(net, x, t))


# ---- When it is fitted


def test_labels_in_a_column(digits):
    x, t = digits
    net, other = nn.mlp([784, 10], seed=0), nn.mlp([784, 10], seed=0)
    message = told(errors.LabelShapeWarning, lambda: net.fit(x, t[:, None]))
    assert (
        message
        == "Network.fit: t has shape (1000, 1) and integers, which are taken as labels (1000,); expected t.ravel()"
    )
    other.fit(x, t)
    np.testing.assert_array_equal(net.params["W1"], other.params["W1"])
    for method in (net.loss, net.gradient, net.evaluate, net.accuracy):
        told(errors.LabelShapeWarning, lambda method=method: method(x, t[:, None]))
    binary = nn.mlp([784, 1], loss=nn.SigmoidCrossEntropy(), seed=0)
    silent(lambda: binary.fit(x, (t[:, None] == 5).astype(int)))


def test_pixels_that_nobody_scaled(digits):
    x, t = digits
    pixels = np.rint(x * 255)
    message = told(
        errors.UnscaledInputWarning, lambda: nn.mlp([784, 10], seed=0).fit(pixels, t, batch_size=1000)
    )
    assert "x has whole numbers from 0 to 255 of dtype" in message
    for fine in (x, pixels.astype(np.uint8), pixels - 128, pixels / 128):
        silent(lambda fine=fine: nn.mlp([784, 10], seed=0).fit(fine, t, batch_size=1000))


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_saturation_at_the_start(activation, digits):
    x, t = digits
    sizes = [784, 100, 50, 10]
    wide = nn.mlp(sizes, activation, init=1.0, seed=0)
    with pytest.warns(errors.SaturatedUnitsWarning) as caught:
        wide.fit(x, t, epochs=1)
    text = str(caught[0].message)
    net = nn.mlp(sizes, activation, init=1.0, seed=0)
    net.forward(x[:256])
    a, z = net.a[1], net.z[1]
    saturated = np.abs(z) > (np.log(199) if activation == "sigmoid" else np.arctanh(0.99))
    assert text.startswith(f"Network.fit: {saturated.mean():.0%} of the outputs of layers[1] ")
    assert a.std() > 0
    silent(lambda: wide.fit(x, t, epochs=1))  # it is told at the start only
    silent(lambda: nn.mlp(sizes, activation, seed=0).fit(x, t, epochs=1))


def test_dead_units_after_an_epoch(digits):
    x, t = digits
    net = nn.mlp([784, 100, 10], seed=0)
    net.params["b1"][:70] = -1000
    message = told(errors.DeadUnitsWarning, lambda: net.fit(x, t, epochs=2))
    net.forward(x[:256], training=True)
    dead = int((net.a[1] <= 0).all(axis=0).sum())
    assert dead >= 70
    assert f"after epoch 1, {dead} of 100 units of layers[1] Relu give 0 for each of 256 samples" in message
    assert "Most did so before the first step" in message
    silent(lambda: nn.mlp([784, 100, 10], seed=0).fit(x, t, epochs=2))
    silent(lambda: nn.mlp([784, 512, 512, 10], seed=0).fit(x, t, epochs=1))


def test_units_that_training_kills(digits):
    x, t = digits
    net = nn.mlp([784, 100, 10], seed=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(x, t, optimizer=nn.SGD(lr=10.0))
    (message,) = (str(w.message) for w in caught if w.category is errors.DeadUnitsWarning)
    net.forward(x[:256])
    dead = int((net.a[1] <= 0).all(axis=0).sum())
    assert f"{dead} of 100 units of layers[1] Relu" in message
    assert "A smaller learning rate or LeakyRelu helps" in message


def test_units_behind_batch_normalization_are_not_called_dead(digits):
    """After one epoch the running statistics are far from those of the batches."""
    x, t = digits
    for init in (0.001, "he"):
        silent(
            lambda init=init: nn.mlp([784, 100, 10], init=init, batch_normalization=True, seed=0).fit(
                x, t, batch_size=100
            )
        )


def test_a_loss_that_rises(digits):
    x, t = digits
    net = nn.mlp([784, 50, 10], "tanh", seed=0)
    history = nn.History()

    def work():
        history.update(net.fit(x, t, epochs=4, optimizer=nn.SGD(lr=100.0), step_losses=True))

    message = told(errors.RisingLossWarning, work)
    assert "before the first step and is" in message
    assert "(epoch 2)" in message
    assert "the gradient of W" in message
    assert "A smaller learning rate helps" in message
    silent(lambda: nn.mlp([784, 50, 10], seed=0).fit(x, t, epochs=3))


def test_a_loss_that_is_not_finite_names_layer_and_step(digits):
    x, t = digits
    with np.errstate(all="ignore"), pytest.raises(nn.DivergedError) as caught:
        nn.mlp([784, 50, 10], seed=0).fit(x, t, epochs=20, optimizer=nn.SGD(lr=1e20))
    text = str(caught.value)
    assert f"at step {caught.value.step} of epoch {caught.value.epoch}: the output of layers[" in text
    bad = x.copy()
    bad[500, 3] = np.nan
    with pytest.raises(nn.DivergedError, match="the inputs of that step are not finite"):
        nn.mlp([784, 50, 10], seed=0).fit(bad, t)


def fits_of_every_kind():
    """Healthy training, small and large: nobody is to be frightened."""
    rng = np.random.default_rng(0)
    line = rng.random((100, 1))
    wave = np.sin(6 * line)
    plane = rng.standard_normal((200, 2))
    xor, table = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    noisy = plane @ [[1.0], [-2.0]] + rng.standard_normal((200, 1))
    squared, adam = nn.MeanSquaredError(), {"epochs": 30}
    for seed in range(3):
        yield nn.mlp([2, 4, 2], seed=seed), plane, (plane[:, 0] > 0).astype(int), adam
        yield nn.mlp([2, 8, 2], seed=seed), plane, rng.integers(0, 2, 200), adam
        yield nn.mlp([2, 8, 2], "tanh", seed=seed), xor, table, {"epochs": 50, "batch_size": 1}
        yield nn.mlp([1, 20, 1], "tanh", loss=squared, seed=seed), line, wave, adam
        yield nn.mlp([1, 20, 1], loss=squared, seed=seed), line, wave, adam
        for batch_size in (1, 8):
            yield (
                nn.mlp([2, 16, 1], loss=squared, seed=seed),
                plane,
                noisy,
                {"epochs": 10, "batch_size": batch_size},
            )
            yield (
                nn.mlp([2, 1], loss=squared, seed=seed),
                plane,
                noisy,
                {"epochs": 10, "batch_size": batch_size},
            )
        yield (
            nn.mlp([2, 16, 1], loss=nn.MeanAbsoluteError(), seed=seed),
            plane,
            noisy,
            {"epochs": 10, "batch_size": 2},
        )
        yield nn.mlp([2, 16, 2], dropout=0.5, seed=seed), plane, (plane[:, 0] > 0).astype(int), adam
        yield (
            nn.mlp([2, 1], loss=nn.SigmoidCrossEntropy(), seed=seed),
            plane,
            (plane[:, :1] > 0).astype(int),
            adam,
        )


def test_healthy_training_is_left_in_peace():
    for net, x, t, settings in fits_of_every_kind():
        silent(lambda net=net, x=x, t=t, settings=settings: net.fit(x, t, **settings))
        silent(
            lambda net=net, x=x, t=t, settings=settings: net.fit(x, t, **settings)
        )  # at the floor of its noise


def test_layers_in_python_are_left_alone(rng):
    """Advice asks them for nothing: they may not be copied, draw, or take one batch size only."""

    class Locked:
        def __init__(self):
            self.lock = threading.Lock()

        def forward(self, x):
            assert len(x) == 16
            np.random.rand()  # noqa: NPY002
            return x

        def backward(self, dy):
            return dy

    x, t = rng.standard_normal((64, 4)), rng.integers(0, 3, 64)
    np.random.seed(0)  # noqa: NPY002
    net = nn.Network([nn.Affine(4, 5, rng=0), Locked(), nn.Relu(), nn.Affine(5, 3, rng=1)])
    silent(lambda: net.fit(x, t, batch_size=16, epochs=2))
    drawn = np.random.rand()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    assert np.random.rand(9)[-1] == drawn  # noqa: NPY002
    with np.errstate(all="ignore"), pytest.raises(nn.DivergedError, match="not finite"):
        net.fit(x * 1e30, t, batch_size=16, epochs=20, optimizer=nn.SGD(lr=1e20))
    assert_same_bits(net.forward(x[:16]), net.predict(x[:16]))


# ---- Switches


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_switched_off_alone(kind, digits):
    x, t = digits

    def negative(shape, rng):
        return -rng.random(shape) / 20

    works = {
        errors.CollapsingLayersWarning: lambda: nn.Network([nn.Affine(4, 3), nn.Affine(3, 2)]),
        errors.RepeatedSoftmaxWarning: lambda: nn.Network([nn.Affine(4, 3), nn.Softmax()]),
        errors.LabelShapeWarning: lambda: nn.mlp([784, 10], seed=0).loss(x, t[:, None]),
        errors.UnscaledInputWarning: lambda: nn.mlp([784, 10], seed=0).fit(np.rint(x * 255), t),
        errors.SaturatedUnitsWarning: lambda: nn.mlp([784, 100, 10], "sigmoid", init=1.0, seed=0).fit(x, t),
        errors.DeadUnitsWarning: lambda: nn.mlp([784, 100, 10], init=negative, seed=0).fit(x, t),
        errors.RisingLossWarning: lambda: nn.mlp([784, 10], seed=0).fit(x, t, epochs=4, optimizer=nn.SGD(lr=1000.0)),
        errors.IntegerGradientWarning: lambda: nn.numerical_gradient(np.sum, np.array([1, 2])),
    }  # fmt: skip
    with pytest.warns(kind):
        works[kind]()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", kind)
        works[kind]()
    assert [entry for entry in caught if issubclass(entry.category, kind)] == []
