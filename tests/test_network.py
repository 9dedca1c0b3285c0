"""Network: against formulas, finite differences and torch; its buffers."""

import copy
import gc
import weakref

import nnfast as nn
import numpy as np
import oracle
import pytest
from conftest import LAYOUTS, assert_same_bits
from finite_differences import assert_gradient
from network_samples import batch, network_of_everything


# ------------------------------------------------------------------------------------------------- values
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "leaky_relu"])
def test_scores_and_gradients_are_the_formulas(activation, dtype, rng):
    network = nn.mlp([6, 9, 8, 4], activation, dtype=dtype, seed=0)
    x, t = batch(rng, dtype=dtype)
    Ws = [oracle.wide(network.params[f"W{i}"]) for i in (1, 2, 3)]
    for i in (1, 2, 3):
        network.params[f"b{i}"][...] = rng.standard_normal(network.params[f"b{i}"].shape)
    bs = [oracle.wide(network.params[f"b{i}"]) for i in (1, 2, 3)]
    y = oracle.mlp(oracle.wide(x), Ws, bs, [activation] * 2)
    tolerance = {np.float32: 2e-5, np.float64: 1e-12}[dtype]
    scores = network.predict(x)
    assert scores.dtype == dtype
    np.testing.assert_allclose(scores, y.astype(float), rtol=tolerance, atol=tolerance)
    loss, dy = oracle.loss("softmax_cross_entropy", y, t)
    assert network.loss(x, t) == pytest.approx(float(loss), rel=tolerance)
    _, _, dWs, dbs = oracle.mlp(oracle.wide(x), Ws, bs, [activation] * 2, dy)
    grads = network.gradient(x, t)
    for i in (1, 2, 3):
        np.testing.assert_allclose(grads[f"W{i}"], dWs[i - 1].astype(float), rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(grads[f"b{i}"], dbs[i - 1].astype(float), rtol=tolerance, atol=tolerance)


LOSSES = {
    "softmax": lambda: nn.SoftmaxCrossEntropy(label_smoothing=0.1),
    "softmax, weights": lambda: nn.SoftmaxCrossEntropy(class_weight=[1.0, 2.0, 0.5, 3.0]),
    "sigmoid": nn.SigmoidCrossEntropy,
    "squared": nn.MeanSquaredError,
    "half sum": nn.SumSquaredError,
    "huber": nn.Huber,
    "hinge": lambda: nn.Hinge(margin=20.0),  # no kink is near
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_by_finite_differences(name, weighted, rng):
    network = network_of_everything(kinks=False, loss=LOSSES[name](), l1=0.01, l2=0.1, seed=3)
    x, t = batch(rng)
    if name not in ("softmax", "softmax, weights", "hinge"):
        t = rng.random((len(x), 4))
    weight = rng.random(len(x)) if weighted else None
    for p in network.params.values():
        p += 0.1 * rng.standard_normal(p.shape)
        p += 0.03 * np.sign(p)  # away from the kink of |W|

    def loss():
        return network.loss(x, t, sample_weight=weight, training=True)

    expected = loss()
    before = network.params["gamma1"].copy(), network._flat_state.copy()
    steps = network.training_steps
    assert loss() == expected
    np.testing.assert_array_equal(network._flat_state, before[1])
    grads = {key: g.copy() for key, g in network.gradient(x, t, sample_weight=weight).items()}
    network.training_steps = steps  # the same dropout mask
    for key, p in network.params.items():
        assert_gradient(grads[key], loss, p, f"{name}: {key}")


@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize("kind", [nn.Relu, nn.PRelu])
def test_gradients_with_kinks(kind, width, rng):
    middle = nn.PRelu(0.3, width, dtype=np.float64) if kind is nn.PRelu else nn.Relu()
    first = nn.Affine(6, 5, rng=0, dtype=np.float64)
    network = nn.Network([first, middle, nn.Affine(5, 4, rng=1, dtype=np.float64)])
    x, t = batch(rng, 200)
    far = (np.abs(first.forward(x)) > 0.02).all(axis=1)  # finite differences stay on one side
    x, t = x[far][:20], t[far][:20]
    assert len(x) == 20
    grads = {key: g.copy() for key, g in network.gradient(x, t).items()}
    for key, p in network.params.items():
        assert_gradient(grads[key], lambda: network.loss(x, t), p, key)


def test_everything_is_torchs(torch, rng):
    network = network_of_everything(seed=1)
    network = nn.Network(
        [layer for layer in network.layers if not isinstance(layer, (nn.Dropout, nn.Flatten))]
    )
    theirs = torch.nn.Sequential(
        torch.nn.Linear(6, 9, bias=False), torch.nn.BatchNorm1d(9), torch.nn.Tanh(), torch.nn.Linear(9, 8),
        torch.nn.LayerNorm(8), torch.nn.GELU(), torch.nn.Linear(8, 7), torch.nn.PReLU(7, 0.2), torch.nn.Linear(7, 5),
        torch.nn.Softplus(), torch.nn.Sigmoid(), torch.nn.Linear(5, 4),
    ).double()  # fmt: skip
    pairs = list(zip([layer for layer in network.layers if hasattr(layer, "W")],
                     [module for module in theirs if isinstance(module, torch.nn.Linear)], strict=True))  # fmt: skip
    with torch.no_grad():
        theirs[7].weight.fill_(0.2)
        for ours, module in pairs:
            module.weight.copy_(torch.tensor(ours.W.T.copy()))
            if ours.b is not None:
                module.bias.copy_(torch.tensor(ours.b))
    x, t = batch(rng, 50)
    loss = torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(t))
    loss.backward()
    before = network.loss(x, t, training=True)
    network.gradient(x, t)
    assert before == pytest.approx(loss.item(), rel=1e-12)
    for ours, module in pairs:
        np.testing.assert_allclose(ours.dW, module.weight.grad.T, rtol=1e-11, atol=1e-14)
        if ours.b is not None:
            np.testing.assert_allclose(ours.db, module.bias.grad, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(network.grads["alpha1"], theirs[7].weight.grad, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(network.grads["gamma1"], theirs[1].weight.grad, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(network.grads["beta2"], theirs[4].bias.grad, rtol=1e-11, atol=1e-14)


def test_penalty(rng):
    layers = [nn.Affine(6, 5, rng=0, dtype=np.float64), nn.BatchNormalization(5), nn.Affine(5, 4, rng=1)]
    x, t = batch(rng)
    network = nn.Network(layers, l1=0.02, l2=0.3)
    plain = nn.Network(layers)  # the same values
    Ws = [plain.params["W1"], plain.params["W2"]]
    penalty = sum(0.02 * abs(W).sum() + 0.15 * (W**2).sum() for W in Ws)
    assert network.loss(x, t) - plain.loss(x, t) == pytest.approx(penalty, rel=1e-12)
    assert network.evaluate(x, t)["loss"] - plain.evaluate(x, t)["loss"] == pytest.approx(penalty, rel=1e-12)
    with_it, without = network.gradient(x, t), plain.gradient(x, t)
    for key in with_it:
        W = plain.params[key]
        extra = 0.02 * np.sign(W) + 0.3 * W if key[0] == "W" else 0
        np.testing.assert_allclose(with_it[key] - without[key], extra, rtol=1e-9, atol=1e-14)


def test_batch_normalization_in_training_and_outside(rng):
    x, t = batch(rng, 40)
    layer, alone = nn.BatchNormalization(6, dtype=np.float64), nn.BatchNormalization(6, dtype=np.float64)
    network = nn.Network([layer, nn.Affine(6, 4, rng=0, dtype=np.float64)])
    for _ in range(3):
        network.train_step(x, t, nn.SGD(0.0))
        alone.forward(x)
    np.testing.assert_allclose(layer.running_mean, alone.running_mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, alone.running_var, rtol=1e-12)
    expected = alone.forward(x, training=False) @ network.params["W1"]
    np.testing.assert_allclose(network.predict(x), expected, rtol=1e-11, atol=1e-13)


def test_dropout_masks_are_new_every_step_and_off_in_inference(rng):
    network = nn.Network(
        [nn.Affine(6, 200, rng=0), nn.Tanh(), nn.Dropout(0.5), nn.Affine(200, 4, rng=1)], seed=5
    )
    x, t = batch(rng)
    assert_same_bits(network.predict(x), network.predict(x))
    one = network.gradient(x, t)["W1"].copy()
    two = network.gradient(x, t)["W1"].copy()
    assert (one != two).any()
    network.training_steps = 0
    assert_same_bits(network.gradient(x, t)["W1"], one)
    other = nn.Network(copy.deepcopy(network.layers), seed=6)
    assert (other.gradient(x, t)["W1"] != one).any()


# ------------------------------------------------------------------------------------------------- inference
def test_forms_of_input(dtype, rng):
    network = network_of_everything(dtype)
    x, t = batch(rng, dtype=dtype)
    y = network.predict(x)
    assert_same_bits(network.predict(x.reshape(-1, 2, 3)), y)
    assert_same_bits(network.predict(x[3]), y[3])
    assert network.predict(x[:0]).shape == (0, 4)
    np.testing.assert_allclose(network.predict(x.tolist()), y, rtol=1e-5)
    assert network.loss(x.reshape(-1, 2, 3), t) == network.loss(x, t)


@pytest.mark.parametrize("form", list(LAYOUTS))
def test_layouts(form, dtype, rng):
    change = LAYOUTS[form]
    x, t = batch(rng, dtype=dtype)
    one, two = network_of_everything(dtype), network_of_everything(dtype)
    assert_same_bits(two.predict(change(x)), one.predict(x))
    assert two.train_step(change(x), t, nn.SGD()) == one.train_step(x, t, nn.SGD())
    assert two.evaluate(change(x), change(t)) == one.evaluate(x, t)
    assert_same_bits(two.params["W1"], one.params["W1"])


def test_bytes_are_scaled(dtype, rng):
    network = nn.mlp([6, 9, 4], dtype=dtype, seed=0)
    pixels, t = rng.integers(256, size=(11, 6)).astype(np.uint8), rng.integers(4, size=11)
    x = pixels * dtype(1 / 255)
    assert_same_bits(network.predict(pixels), network.predict(x))
    assert network.evaluate(pixels, t) == network.evaluate(x, t)
    assert network.loss(pixels, t, training=True) == network.loss(x, t, training=True)
    assert_same_bits(network.gradient(pixels, t)["W1"], network.gradient(x, t)["W1"].copy())
    network.x_scale = 1.0
    assert_same_bits(network.predict(pixels), network.predict(pixels.astype(dtype)))


def test_probabilities(rng):
    x, _ = batch(rng)
    network = network_of_everything()
    p = network.predict_proba(x)
    np.testing.assert_allclose(p, oracle.softmax(network.predict(x)), rtol=1e-13)
    assert network.predict_proba(x[0]).shape == (4,)
    network = network_of_everything(loss=nn.SigmoidCrossEntropy())
    np.testing.assert_allclose(network.predict_proba(x), 1 / (1 + np.exp(-network.predict(x))), rtol=1e-13)
    with pytest.raises(ValueError, match=r"predict_proba: Huber\(.* has no probabilities"):
        network_of_everything(loss=nn.Huber()).predict_proba(x)
    squared = nn.Network([nn.Affine(6, 4, rng=0), nn.Softmax()], nn.MeanSquaredError())
    assert_same_bits(squared.predict_proba(x), squared.predict(x))


def test_labels_and_accuracy(rng):
    x, t = batch(rng, 40)
    network = network_of_everything()
    labels = network.predict(x).argmax(1)
    np.testing.assert_array_equal(network.classify(x), labels)
    assert network.classify(x[0]) == labels[0]
    share = float(np.mean(labels == t))
    assert network.accuracy(x, t) == share
    assert network.evaluate(x, t) == {"loss": network.loss(x, t), "accuracy": share}
    assert network.accuracy(x, oracle.one_hot(t, 4)) == share
    assert network.evaluate(x, oracle.one_hot(t, 4))["accuracy"] == share


def test_ignored_labels_do_not_count(rng):
    x, t = batch(rng, 40)
    network = network_of_everything()
    share = network.evaluate(x[:30], t[:30])
    t[30:] = -100
    assert network.evaluate(x, t)["accuracy"] == share["accuracy"] == network.accuracy(x, t)
    assert network.evaluate(x, t)["loss"] == pytest.approx(share["loss"], rel=1e-12)


def test_yes_or_no(rng):
    x = rng.standard_normal((40, 2))
    network = nn.Network([nn.Affine(2, 1, rng=0)], nn.SigmoidCrossEntropy())
    yes = network.predict(x)[:, 0] > 0
    np.testing.assert_array_equal(network.classify(x), yes.astype(int))
    assert network.classify(x[0]) == yes[0]
    for t in (yes, yes.astype(int), yes.astype(float), yes[:, None]):
        assert network.evaluate(x, t)["accuracy"] == network.accuracy(x, t) == 1
        assert network.evaluate(x, 1 - np.asarray(t, int))["accuracy"] == 0
    several = nn.Network([nn.Affine(2, 3, rng=0)], nn.SigmoidCrossEntropy())
    right = (several.predict(x) > 0).astype(float)
    right[:10, 1] = 1 - right[:10, 1]
    assert several.evaluate(x, right)["accuracy"] == several.accuracy(x, right) == 0.75


def test_regression_has_no_accuracy(rng):
    x = rng.standard_normal((40, 6))
    network = nn.Network([nn.Affine(6, 3, rng=0)], nn.MeanSquaredError())
    assert list(network.evaluate(x, x[:, :3])) == ["loss"]
    with pytest.raises(ValueError, match=r"Network\.accuracy: t has shape"):
        network.accuracy(x, x[:, :3])
    one = nn.Network([nn.Affine(6, 1, rng=0)], nn.MeanSquaredError())
    assert one.evaluate(x, x[:, 0]) == one.evaluate(x, x[:, :1])
    with pytest.raises(ValueError, match=r"Network\.classify: the network has one output"):
        one.classify(x)
    # One-hot rows are classes, whatever the loss.
    assert network.evaluate(x, np.eye(3)[rng.integers(3, size=40)]).keys() == {"loss", "accuracy"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1.0, 2.0, 0.5, 3.0], [1.0, 2.0, 0.5, 3.0]),
        ({1: 2.0, 3: 0.0}, [1.0, 2.0, 1.0, 0.0]),
        ("balanced", None),
    ],
)
def test_class_weights(given, expected, rng):
    x, t = batch(rng, 40)
    if expected is None:
        t = t.astype(np.uint64)
        expected = 40 / (4 * np.bincount(t, minlength=4))
    network = network_of_everything()
    own = nn.Network(copy.deepcopy(network.layers), nn.SoftmaxCrossEntropy(class_weight=expected))
    assert network.loss(x, t, class_weight=given) == own.loss(x, t)
    assert network.evaluate(x, t, class_weight=given) == own.evaluate(x, t)
    network.gradient(x, t, class_weight=given)
    own.gradient(x, t)
    assert_same_bits(network.grads["W1"], own.grads["W1"])
    one_hot = oracle.one_hot(t, 4)
    assert network.loss(x, one_hot, class_weight=given) == pytest.approx(own.loss(x, one_hot), rel=1e-12)
    with pytest.raises(ValueError, match="the loss has its own"):
        own.loss(x, t, class_weight=given)


# ------------------------------------------------------------------------------------------------- buffers
def test_params_are_live_views(rng):
    W, b = rng.standard_normal((6, 4)), rng.standard_normal((1, 4))
    layer = nn.Affine(W, b)
    network = nn.Network([layer])
    x, t = batch(rng)
    assert layer.W is network.params["W1"]
    assert layer.W is not W
    assert layer.b.shape == (1, 4)
    assert np.shares_memory(layer.W, network._flat_params)
    before = network.predict(x)
    layer.W *= 2
    network.params["b1"] -= 1
    np.testing.assert_allclose(network.predict(x), 2 * (before - b) + b - 1, rtol=1e-12, atol=1e-12)
    network.gradient(x, t)
    assert layer.dW is network.grads["W1"]
    assert layer.db.shape == (1, 4)
    assert layer.dW.any()


def test_assigning_a_key_writes_into_the_array():
    network = nn.mlp([3, 2], seed=0)
    view = network.params["W1"]
    network.params["W1"] = np.ones((3, 2))
    network.params.update(b1=[5, 6])
    network.params |= {"b1": [7, 8]}
    assert network.params["W1"] is view
    np.testing.assert_array_equal(network.predict(np.ones(3)), [10, 11])
    with pytest.raises(ValueError, match=r"W1 is set to an array of shape \(2,\); expected \(3, 2\)"):
        network.params["W1"] = np.ones(2)
    with pytest.raises(KeyError, match="no array 'W2'; expected one of W1, b1"):
        network.params["W2"] = np.ones(2)
    for change in (lambda p: p.pop("W1"), lambda p: p.clear(), lambda p: p.__delitem__("W1")):
        with pytest.raises(TypeError, match="cannot be removed"):
            change(network.params)


def test_another_array_is_copied_in_at_the_next_use(rng):
    network = nn.mlp([3, 4, 2], seed=0)
    layer = network.layers[0]
    view = layer.W
    x = rng.standard_normal((5, 3)).astype(np.float32)
    layer.W = np.full((3, 4), 2.0)
    y = network.predict(x)
    assert layer.W is view
    np.testing.assert_array_equal(network.params["W1"], 2)
    np.testing.assert_allclose(y, np.maximum(x @ view, 0) @ network.params["W2"], rtol=1e-5, atol=1e-6)
    layer.W = np.ones((4, 3))
    with pytest.raises(ValueError, match=r"W of Affine\(4, 3\) was set to an array of shape \(4, 3\)"):
        network.predict(x)
    layer.W = view
    layer.dW = None
    network.gradient(x, [0, 1, 0, 1, 0])
    assert layer.dW is network.grads["W1"]


def test_a_layer_on_its_own_still_works(rng):
    network = nn.mlp([3, 4, 2], seed=0)
    x = rng.standard_normal((5, 3)).astype(np.float32)
    network.gradient(x, [0, 1, 0, 1, 0])
    layer = network.layers[0]
    layer.forward(x)
    layer.backward(np.ones((5, 4), np.float32))
    assert layer.dW is not network.grads["W1"]


def test_a_layer_belongs_to_the_last_network(rng):
    layers = [nn.Affine(6, 4, rng=0, dtype=np.float64)]
    x, t = batch(rng)
    first = nn.Network(layers)
    before = first.predict(x)
    second = nn.Network(layers)
    assert layers[0].W is second.params["W1"]
    second.train_step(x, t, nn.SGD(1.0))
    assert_same_bits(first.predict(x), before)
    assert (second.predict(x) != before).any()
    assert layers[0].W is second.params["W1"]


def test_buffers_are_aligned_and_padding_stays_zero(dtype, rng):
    network = network_of_everything(dtype, seed=1)
    x, t = batch(rng, dtype=dtype)
    optimizer = nn.AdamW(0.1, clip_norm=0.5)
    network.fit(x, t, epochs=3, batch_size=4, optimizer=optimizer)
    used = np.zeros(network._flat_params.size, bool)
    for p in network.params.values():
        address = p.__array_interface__["data"][0]
        assert address % 64 == 0
        start = (address - network._flat_params.__array_interface__["data"][0]) // p.itemsize
        used[start : start + p.size] = True
    assert not used.all()
    for flat in (network._flat_params, network._flat_grads, *optimizer._state_of(network).flat):
        assert not flat[~used].any()


def test_dtype_is_that_of_the_layers(rng):
    x, _ = batch(rng)
    single, double = nn.Affine(6, 4, rng=0), nn.Affine(4, 4, rng=0, dtype=np.float64)
    assert nn.Network([single]).predict(x).dtype == np.float32
    assert nn.Network([single, nn.Relu(), double]).dtype == np.float64
    assert (
        nn.Network(
            [nn.Affine(6, 4, rng=0), nn.Tanh(), nn.Affine(4, 2, rng=0, dtype=np.float64)], dtype="float32"
        ).dtype
        == "f4"
    )
    assert nn.Network([nn.Affine(np.ones((6, 4), int))]).dtype == np.float64
    assert nn.Network([nn.Affine(np.ones((6, 4), np.float16))]).dtype == np.float32
    assert nn.Network([nn.Relu()]).dtype == np.float32


def test_any_number_of_columns_where_no_layer_says():
    network = nn.Network([nn.Relu()], dtype=np.float64)
    np.testing.assert_array_equal(network.predict([[-1.0, 2.0]]), [[0, 2]])
    np.testing.assert_array_equal(network.predict([[-1.0, 2.0, 3.0]]), [[0, 2, 3]])
    assert network.predict(np.ones((2, 3, 4))).shape == (2, 12)
    assert nn.Network([nn.Flatten()], dtype=np.float64).predict(np.ones((2, 3, 4))).shape == (2, 12)


def test_scalar_bias_becomes_one_per_column(rng):
    W = rng.standard_normal((6, 4))
    network = nn.Network([nn.Affine(W, 2.0)])
    x, _ = batch(rng)
    np.testing.assert_allclose(network.predict(x), x @ W + 2, rtol=1e-12)
    assert network.params["b1"].shape == (4,)


def test_networks_leave_no_cycles():
    gc.collect()
    gc.disable()
    try:
        network = nn.mlp([4, 8, 2], seed=0)
        network.fit(np.ones((4, 4)), [0, 1, 0, 1])
        watch = weakref.ref(network)
        del network
        assert watch() is None
    finally:
        gc.enable()


# ------------------------------------------------------------------------------------------------- mlp, summary
def test_mlp_has_the_courses_order():
    network = nn.mlp([6, 5, 4, 3], nn.Elu, dropout=0.2, batch_normalization=True, seed=0)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds == [*["Affine", "BatchNormalization", "Elu", "Dropout"] * 2, "Affine"]
    assert network.layers[3].ratio == 0.2


@pytest.mark.parametrize(
    ("activation", "variance"),
    [
        ("relu", 2 / 400),
        ("gelu", 2 / 400),
        ("selu", 1 / 400),
        ("tanh", 2 / 1000),
        ("sigmoid", 2 / 1000),
    ],
)
def test_mlp_starts_as_the_activation_wants(activation, variance):
    W = nn.mlp([400, 600, 3], activation, seed=0).params["W1"]
    assert W.var() == pytest.approx(variance, rel=0.02)


def test_mlp_by_seed():
    one, two = nn.mlp([4, 3, 2], seed=1), nn.mlp([4, 3, 2], seed=np.random.default_rng(1))
    assert_same_bits(one.params["W2"], two.params["W2"])
    assert one.seed == two.seed
    assert (nn.mlp([4, 3]).params["W1"] != nn.mlp([4, 3]).params["W1"]).any()
    assert not nn.mlp([4, 3, 2], init="zeros").params["W1"].any()
    assert nn.mlp([4, 3], dtype="float64").dtype == np.float64


@pytest.mark.parametrize(
    "name", ["relu", "prelu", "leaky_relu", "hard_swish", "log_sigmoid", "Tanh", "swish", nn.Mish]
)
def test_activation_names(name):
    layer = nn.mlp([4, 3, 2], name, seed=0).layers[1]
    wanted = name if isinstance(name, str) else name.__name__
    made = type(layer).__name__.lower()
    assert {"silu": "swish"}.get(made, made) == wanted.replace("_", "").lower()
