"""Network: several threads at once, and what it refuses."""

import threading

import nnfast as nn
import numpy as np
import pytest
from network_samples import batch, network_of_everything


# ------------------------------------------------------------------------------------------------- threads
def test_predict_from_many_threads(rng):
    network = network_of_everything(np.float32)
    x, _ = batch(rng, 500, np.float32)
    expected = [network.predict(x[: i + 1]) for i in range(8)] + [network.predict(x)]
    wrong = []

    def work():
        for _ in range(50):
            rows = [*range(1, 9), len(x)]
            pairs = zip(rows, expected, strict=True)
            wrong.extend(n for n, y in pairs if not np.array_equal(network.predict(x[:n]), y))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_one_thread_at_a_time_trains(rng):
    network = nn.mlp([6, 4], seed=0)
    x, t = batch(rng)
    inside, done = threading.Event(), threading.Event()

    class Wait(nn.Callback):
        def on_epoch_end(self, epoch, logs):
            inside.set()
            assert done.wait(60)

    thread = threading.Thread(target=lambda: network.fit(x, t, callbacks=[Wait()]))
    thread.start()
    assert inside.wait(60)
    try:
        for call in (
            lambda: network.fit(x, t),
            lambda: network.train_step(x, t, nn.SGD()),
            lambda: network.gradient(x, t),
        ):
            with pytest.raises(RuntimeError, match="another thread is training this network"):
                call()
        assert network.predict(x).shape == (11, 4)
        network.copy().fit(x, t)
    finally:
        done.set()
        thread.join()
    network.fit(x, t)


def test_no_fit_inside_a_fit(rng):
    network = nn.mlp([6, 4], seed=0)
    x, t = batch(rng)

    class Nested(nn.Callback):
        def on_epoch_end(self, epoch, logs):
            self.norm = float(np.square(self.network.gradient(x, t)["W1"]).sum())
            self.network.fit(x, t)

    callback = Nested()
    with pytest.raises(RuntimeError, match="this call comes from inside it"):
        network.fit(x, t, callbacks=[callback])
    assert callback.norm > 0
    network.fit(x, t)


# ------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("make", "error", "names"),
    [
        (lambda: nn.Network([]), ValueError, "Network: layers is empty"),
        (
            lambda: nn.Network([nn.Relu]),
            TypeError,
            r"layers\[0\] is the class Relu; expected an object, Relu\(...\)",
        ),
        (lambda: nn.Network([3]), TypeError, r"layers\[0\] is 3; expected an object with forward"),
        (
            lambda: nn.Network([nn.Affine(3, 4), nn.Relu(), nn.Affine(5, 2)]),
            ValueError,
            r"layers\[2\] Affine 2: x \(batch, 4\) @ W \(5, 2\): 4 != 5; is W transposed\?",
        ),
        (
            lambda: nn.Network([nn.Affine(3, 4), nn.BatchNormalization(3)]),
            ValueError,
            r"layers\[1\] BatchNormalization",
        ),
        (lambda: nn.Network([nn.Affine(3, 4), nn.PRelu(width=3)]), ValueError, r"layers\[1\] PRelu"),
        (lambda: nn.Network([nn.Affine(np.ones((0, 4)))]), ValueError, "has a size of 0"),
        (lambda: nn.Network([nn.Affine(3, 4)], loss=nn.Huber), TypeError, "Network: loss is <class"),
        (lambda: nn.Network([nn.Affine(3, 4)], loss="mse"), TypeError, "Network: loss is 'mse'"),
        (lambda: nn.Network([nn.Affine(3, 4)], nn.Huber(reduction="none")), ValueError, "reduction 'none'"),
        (lambda: nn.Network([nn.Affine(3, 4)], dtype=int), TypeError, "Network: dtype is int64"),
        (lambda: nn.Network([nn.Affine(3, 4)], l2=-1), ValueError, "Network: l2 is -1"),
        (lambda: nn.Network([nn.Affine(3, 4)], seed=-1), ValueError, "Network: seed is -1"),
        (lambda: nn.Network([nn.Affine(3, 4)], seed=2**64), ValueError, "Network: seed"),
        (
            lambda: nn.Network([nn.Affine(3, 4), nn.Softmax(0), nn.Affine(4, 2)]),
            ValueError,
            "Softmax has axis 0",
        ),
        (lambda: nn.mlp([3]), ValueError, "mlp: sizes is"),
        (lambda: nn.mlp([3, 0]), ValueError, r"mlp: sizes\[1\] is 0"),
        (lambda: nn.mlp([3, 2.0]), TypeError, r"mlp: sizes\[1\] is 2.0"),
        (lambda: nn.mlp([3, 4, 2], "rleu"), ValueError, "mlp: activation is 'rleu'"),
        (lambda: nn.mlp([3, 4, 2], seed="a"), TypeError, "mlp: seed is 'a'"),
        (lambda: nn.mlp([3, 4, 2], dropout=1.0), ValueError, "Dropout: ratio"),
    ],
)
def test_constructors_say_what_is_wrong(make, error, names):
    with pytest.raises(error, match=names):
        make()


def test_the_same_layer_twice():
    layer = nn.Relu()
    with pytest.raises(ValueError, match=r"layers\[0\] and layers\[2\] are the same object"):
        nn.Network([layer, nn.Affine(3, 3), layer])


def test_softmax_twice_is_warned_of():
    with pytest.warns(nn.NNFastWarning, match="takes the softmax again"):
        nn.Network([nn.Affine(3, 2), nn.Softmax()])


@pytest.mark.parametrize(
    ("x", "t", "error", "names"),
    [
        (np.ones((3, 5)), [0, 1, 2], ValueError, r"x has shape \(3, 5\); expected \(batch, 6\)"),
        (np.ones(6), [0], ValueError, r"x has shape \(6,\); .* x\[None\] makes a batch"),
        (np.ones((0, 6)), [], ValueError, "at least one sample"),
        (np.ones((3, 6)), [0, 1], ValueError, r"x has 3 samples but t has shape \(2,\)"),
        (np.ones((3, 6)), 1, ValueError, r"x has 3 samples but t has shape \(\)"),
        (np.ones((3, 6), complex), [0, 1, 2], TypeError, "x has dtype complex128"),
        (np.full((3, 6), "a"), [0, 1, 2], TypeError, "x has dtype <U1"),
        (None, [0, 1, 2], TypeError, "x has dtype object"),
        (np.ones((3, 6)), [0, 1, 4], IndexError, r"t\[2\] is 4"),
        (np.ones((3, 6)), [0, -1, 2], IndexError, r"t\[1\] is -1"),
        (np.ones((3, 6)), [0.0, 1.0, 2.0], TypeError, "t has dtype float64"),
        (np.ones((3, 6)), ["a", "b", "c"], TypeError, "t has dtype <U1"),
        (np.ones((3, 6)), [[0.0], [1.0], [2.0]], ValueError, r"t has shape \(3, 1\)"),
        (np.ones((3, 6)), np.ones((3, 5)), ValueError, r"t has shape \(3, 5\)"),
    ],
)
def test_bad_arguments_change_nothing(x, t, error, names):
    network = nn.mlp([6, 5, 4], seed=0, batch_normalization=True)
    optimizer = nn.Adam()
    before = network._flat_params.copy(), network._flat_state.copy()
    for call in (
        lambda: network.train_step(x, t, optimizer),
        lambda: network.gradient(x, t),
        lambda: network.fit(x, t, optimizer=optimizer),
        lambda: network.loss(x, t),
        lambda: network.loss(x, t, training=True),
        lambda: network.evaluate(x, t),
    ):
        with pytest.raises(error, match=names):
            call()
    np.testing.assert_array_equal(network._flat_params, before[0])
    np.testing.assert_array_equal(network._flat_state, before[1])
    assert (network.training_steps, network.epochs_trained, optimizer.iterations) == (0, 0, 0)


@pytest.mark.parametrize(
    ("settings", "error", "names"),
    [
        ({"class_weight": [1, 2]}, ValueError, r"class_weight has shape \(2,\); expected \(4,\)"),
        ({"class_weight": [1, 2, 3, -1]}, ValueError, "class_weight"),
        (
            {"class_weight": {4: 1.0}},
            IndexError,
            r"class_weight has a weight for 4; expected labels in 0\.\.3",
        ),
        ({"class_weight": "even"}, ValueError, "class_weight is 'even'"),
        ({"sample_weight": [1, 2]}, ValueError, r"sample_weight has shape \(2,\)"),
        ({"sample_weight": [1, np.nan, 2]}, ValueError, "sample_weight"),
    ],
)
def test_bad_weights(settings, error, names):
    network = nn.mlp([6, 4], seed=0)
    for call in (network.loss, network.evaluate, network.gradient, network.fit):
        with pytest.raises(error, match=names):
            call(np.ones((3, 6)), [0, 1, 2], **settings)


def test_a_step_with_a_bad_loss_is_not_made():
    network = nn.mlp([3, 4, 2], seed=0, batch_normalization=True)
    before = network._flat_params.copy(), network._flat_state.copy()
    optimizer = nn.Adam()
    assert np.isnan(network.train_step(np.full((2, 3), np.nan), [0, 1], optimizer))
    np.testing.assert_array_equal(network._flat_params, before[0])
    np.testing.assert_array_equal(network._flat_state, before[1])
    assert (network.training_steps, optimizer.iterations) == (0, 0)


@pytest.mark.parametrize("optimizer", [nn.SGD, "adam", None, 0.1])
def test_train_step_needs_an_optimizer(optimizer):
    with pytest.raises(TypeError, match="optimizer is"):
        nn.mlp([3, 2], seed=0).train_step(np.ones((1, 3)), [0], optimizer)
