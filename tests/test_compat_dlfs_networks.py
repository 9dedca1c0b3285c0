"""The networks of "Deep Learning from Scratch", both editions, against plain NumPy (tests/courses)."""

import copy
import inspect
import pickle

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from course_reference import (
    agree,
    built,
    few,
    floats,
    identical,
    japanese,
    korean,
    numbers,
    orders,
    same_random_state,
    samples,
    seeds,
)
from nnfast.compat.dlfs import layers, multi_layer_net, multi_layer_net_extend, optimizer
from nnfast.compat.dlfs.kr import multi_layer_net_extend as kr_extend

R, KR = japanese(), korean()
MultiLayerNet, MultiLayerNetExtend = multi_layer_net.MultiLayerNet, multi_layer_net_extend.MultiLayerNetExtend
EXTENDS = [
    {},
    {"use_batchnorm": True},
    {"use_dropout": True, "dropout_ration": 0.3},
    {"use_batchnorm": True, "use_dropout": True, "weight_decay_lambda": 0.1},
]
PAIRS = [
    (R.multi_layer_net.MultiLayerNet, MultiLayerNet, {}),
    (R.multi_layer_net.MultiLayerNet, MultiLayerNet, {"weight_decay_lambda": 0.1, "activation": "sigmoid"}),
    *((R.multi_layer_net_extend.MultiLayerNetExtend, MultiLayerNetExtend, s) for s in EXTENDS),
    *((KR.multi_layer_net_extend.MultiLayerNetExtend, kr_extend.MultiLayerNetExtend, s) for s in EXTENDS[:2]),
]
networks = pytest.mark.parametrize(("Plain", "Ours", "settings"), PAIRS)


# ------------------------------------------------------------------------------------------------ networks
@networks
def test_the_weights_are_drawn_as_in_the_plain_network(Plain, Ours, settings):
    plain, ours = built(Plain, Ours, settings)
    assert list(ours.params) == list(plain.params)
    for key, p in plain.params.items():
        identical(ours.params[key], p)


@pytest.mark.parametrize("scale", [0.01, 1, "relu", "he", "He", "ReLU", "sigmoid", "xavier", "Xavier"])
@pytest.mark.parametrize(("Plain", "Ours"), [PAIRS[0][:2], PAIRS[2][:2]], ids=["net", "extend"])
def test_scales_of_the_weights(Plain, Ours, scale):
    plain, ours = built(Plain, Ours, {"weight_init_std": scale})
    for key, p in plain.params.items():
        identical(ours.params[key], p)


@networks
def test_signatures(Plain, Ours, settings):
    wanted = inspect.signature(Plain).parameters
    got = inspect.signature(Ours).parameters
    assert list(got) == list(wanted)
    assert [p.default for p in got.values()] == [p.default for p in wanted.values()]


def test_the_misspelt_argument_is_the_name():
    assert "dropout_ration" in inspect.signature(MultiLayerNetExtend).parameters


@networks
def test_attributes(Plain, Ours, settings):
    plain, ours = built(Plain, Ours, settings)
    for name in ("input_size", "output_size", "hidden_size_list", "hidden_layer_num", "weight_decay_lambda"):
        assert getattr(ours, name) == getattr(plain, name)
    for name in ("use_dropout", "use_batchnorm"):
        assert getattr(ours, name, None) == getattr(plain, name, None)
    assert type(ours.layers) is type(plain.layers)
    assert list(ours.layers) == list(plain.layers)
    assert type(ours.params) is dict
    assert type(ours.last_layer) is layers.SoftmaxWithLoss
    for key, layer in ours.layers.items():
        assert type(layer) is getattr(layers, type(plain.layers[key]).__name__)


@networks
def test_layers_share_memory_with_params(Plain, Ours, settings):
    _, ours = built(Plain, Ours, settings)
    for i in range(1, ours.hidden_layer_num + 2):
        assert ours.layers[f"Affine{i}"].W is ours.params[f"W{i}"]
        assert ours.layers[f"Affine{i}"].b is ours.params[f"b{i}"]
    if getattr(ours, "use_batchnorm", False):
        for i in range(1, ours.hidden_layer_num + 1):
            assert ours.layers[f"BatchNorm{i}"].gamma is ours.params[f"gamma{i}"]
            assert ours.layers[f"BatchNorm{i}"].beta is ours.params[f"beta{i}"]


def test_the_order_of_layers_and_parameters():
    net = MultiLayerNetExtend(6, [5], 3, use_dropout=True, use_batchnorm=True)
    assert list(net.layers) == ["Affine1", "BatchNorm1", "Activation_function1", "Dropout1", "Affine2"]
    assert list(net.params) == ["W1", "b1", "W2", "b2", "gamma1", "beta1"]
    assert list(MultiLayerNet(6, [5], 3).layers) == ["Affine1", "Activation_function1", "Affine2"]
    np.testing.assert_array_equal(net.params["gamma1"], 1)
    np.testing.assert_array_equal(net.params["beta1"], 0)


@pytest.mark.parametrize("Network", [MultiLayerNet, MultiLayerNetExtend])
def test_other_activations_are_a_key_error(Network):
    with pytest.raises(KeyError, match="tanh"):
        Network(6, [5], 3, activation="tanh")


@networks
@pytest.mark.parametrize("one_hot", [False, True])
def test_predict_loss_accuracy_and_gradient_are_the_plain_ones(Plain, Ours, settings, one_hot):
    plain, ours = built(Plain, Ours, settings)
    x, t = samples()
    if one_hot:
        t = np.eye(3)[t]
    extend = "use_batchnorm" in inspect.signature(Plain).parameters
    for _ in range(2):  # the second time with running statistics
        identical(ours.accuracy(x, t), plain.accuracy(x, t))
        agree(ours.predict(x), plain.predict(x))
        agree(ours.loss(x, t), plain.loss(x, t))
        expected, got = same_random_state(lambda: plain.gradient(x, t), lambda: ours.gradient(x, t))
        assert list(got) == list(expected)
        for key, g in expected.items():
            agree(got[key], g, 0.1, key)
        if extend:
            for train in (True, False):
                expected, got = same_random_state(
                    lambda train=train: (plain.predict(x, train), plain.loss(x, t, train)),
                    lambda train=train: (ours.predict(x, train), ours.loss(x, t, train_flg=train)),
                )
                agree(got[0], expected[0])
                agree(got[1], expected[1])


@few
@hypothesis.given(
    st.lists(st.integers(1, 9), max_size=3),
    st.integers(1, 8),
    st.integers(2, 5),
    st.integers(2, 12),
    st.sampled_from(EXTENDS),
    st.sampled_from(["relu", "sigmoid"]),
    floats,
    orders,
    seeds,
)
def test_random_networks_train_like_the_plain_ones(
    hidden, inputs, classes, n, settings, activation, dtype, order, seed
):
    plain, ours = built(
        R.multi_layer_net_extend.MultiLayerNetExtend,
        MultiLayerNetExtend,
        {**settings, "activation": activation},
        (inputs, hidden, classes),
    )
    x = numbers(seed, (n, inputs), dtype, order)
    t = np.random.default_rng(seed).integers(0, classes, n)
    for net, module in ((plain, R.optimizer), (ours, optimizer)):
        np.random.seed(1)
        opt = module.Momentum(lr=0.01)
        for _ in range(3):
            opt.update(net.params, net.gradient(x, t))
    for key, p in plain.params.items():
        # A thousandth of the deviation of a nearly constant column is divided by its own size.
        np.testing.assert_allclose(ours.params[key], p, rtol=1e-8, atol=1e-9, err_msg=key)


@networks
def test_numerical_gradient_agrees_with_the_plain_one_and_with_backpropagation(Plain, Ours, settings):
    if settings.get("use_dropout"):
        settings = {**settings, "dropout_ration": 0.0}  # every loss draws its own mask
    plain, ours = built(Plain, Ours, settings, (3, [4], 3))
    x, t = samples(5, 3, dtype=np.float64)
    kept = {key: p.copy() for key, p in ours.params.items()}
    numerical = ours.numerical_gradient(x, t)
    expected = plain.numerical_gradient(x, t)
    assert list(numerical) == list(expected)
    for key, g in expected.items():
        np.testing.assert_allclose(numerical[key], g, atol=1e-9)
        identical(ours.params[key], kept[key])
    backpropagated = ours.gradient(x, t)
    for key, g in numerical.items():
        np.testing.assert_allclose(backpropagated[key], g, rtol=1e-5, atol=1e-6)


def test_a_batch_of_one_is_at_a_kink_behind_batch_normalization():
    """Its output is beta = 0, where the slopes of ReLU to the left and to the right are averaged numerically."""
    differences = []
    for net in built(*PAIRS[3]):
        x, t = samples(1, dtype=np.float64)
        numerical, exact = net.numerical_gradient(x, t), net.gradient(x, t)
        differences.append(numerical["beta2"] - exact["beta2"])
    assert np.abs(differences[0]).max() > 1e-3
    np.testing.assert_allclose(differences[1], differences[0], atol=1e-9)


def test_weight_decay_counts_weights_only():
    net = MultiLayerNet(6, [5], 3, weight_decay_lambda=0.5)
    x, t = samples()
    plain_loss, decayed = net.last_layer.forward(net.predict(x), t), net.loss(x, t)
    squares = sum((net.params[key] ** 2).sum() for key in ("W1", "W2"))
    np.testing.assert_allclose(decayed - plain_loss, 0.25 * squares, rtol=1e-12)
    grads = net.gradient(x, t)
    agree(grads["W1"], net.layers["Affine1"].dW + 0.5 * net.params["W1"])
    identical(grads["b1"], net.layers["Affine1"].db)


def test_loss_of_the_extended_network_is_in_test_mode_and_gradient_in_train_mode():
    net = MultiLayerNetExtend(6, [5], 3, use_dropout=True, use_batchnorm=True)
    x, t = samples()
    net.loss(x, t)
    assert not hasattr(net.layers["BatchNorm1"], "xn")
    assert net.layers["Dropout1"].mask is None
    net.gradient(x, t)
    assert net.layers["BatchNorm1"].xn.shape == (20, 5)
    assert net.layers["Dropout1"].mask.shape == (20, 5)


@networks
def test_gradients_of_two_calls_are_different_arrays(Plain, Ours, settings):
    _, ours = built(Plain, Ours, settings)
    first = ours.gradient(*samples())
    kept = {key: g.copy() for key, g in first.items()}
    second = ours.gradient(*samples(seed=5))
    for key, g in first.items():
        assert not np.shares_memory(g, second[key])
        identical(g, kept[key])


@networks
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_of_networks_share_their_own_params_with_their_own_layers(Plain, Ours, settings, copied):
    _, net = built(Plain, Ours, settings)
    x, t = samples()
    net.note = "mine"
    net.gradient(x, t)
    twin = copied(net)
    assert twin.note == "mine"
    assert twin.layers["Affine1"].W is twin.params["W1"]
    identical(twin.predict(x), net.predict(x))
    np.testing.assert_equal(net.loss(x, t), twin.loss(x, t))
    before = net.params["W1"].copy()
    optimizer.SGD(0.5).update(twin.params, twin.gradient(x, t))
    identical(net.params["W1"], before)
    assert not np.array_equal(twin.predict(x), net.predict(x))


@networks
def test_single_elements_of_params_are_seen_by_the_network(Plain, Ours, settings):
    plain, ours = built(Plain, Ours, settings)
    x, _ = samples()
    for net in (plain, ours):
        net.predict(x)
        net.params["W1"][2, 1] += 3
        net.params["b2"][0] -= 1
    agree(ours.predict(x), plain.predict(x))
    for net in (plain, ours):
        for p in net.params.values():
            p[...] = p.astype(np.float16)
    agree(ours.predict(x), plain.predict(x))


@networks
@pytest.mark.parametrize(
    "form", [np.asfortranarray, lambda p: p.astype(np.float32)], ids=["fortran", "float32"]
)
def test_other_arrays_may_take_the_place_of_params(Plain, Ours, settings, form):
    """As load_params of the book does."""
    x, t = samples()
    nets = built(Plain, Ours, settings)
    for net in nets:
        for key in net.params:
            net.params[key] = form(net.params[key])
        for i in range(1, net.hidden_layer_num + 2):
            layer = net.layers[f"Affine{i}"]
            layer.W, layer.b = net.params[f"W{i}"], net.params[f"b{i}"]
    agree(nets[1].loss(x, t), nets[0].loss(x, t), inputs=[nets[0].params["W1"]])
    expected, got = same_random_state(lambda: nets[0].gradient(x, t), lambda: nets[1].gradient(x, t))
    for key, g in expected.items():
        agree(got[key], g, 0.1, key, [nets[0].params["W1"]])


@networks
def test_one_sample(Plain, Ours, settings):
    plain, ours = built(Plain, Ours, settings)
    x, t = samples(1)
    agree(ours.predict(x), plain.predict(x))
    expected, got = same_random_state(lambda: plain.gradient(x, t), lambda: ours.gradient(x, t))
    for key, g in expected.items():
        agree(got[key], g, 1e-3)


def test_a_layer_may_be_replaced():
    class Leaky:
        def forward(self, x):
            self.slope = np.where(x > 0, 1.0, 0.1)
            return x * self.slope

        def backward(self, dout):
            return dout * self.slope

    nets = built(*PAIRS[0])
    x, t = samples()
    for net in nets:
        net.layers["Activation_function1"] = Leaky()
    agree(nets[1].predict(x), nets[0].predict(x))
    expected, got = nets[0].gradient(x, t), nets[1].gradient(x, t)
    for key, g in expected.items():
        agree(got[key], g)


def test_subclasses_of_a_network_use_its_parts():
    class Mine(MultiLayerNet):
        def predict(self, x):
            return 2 * super().predict(x)

    plain, ours = same_random_state(
        lambda: R.multi_layer_net.MultiLayerNet(6, [5], 3), lambda: Mine(6, [5], 3)
    )
    x, t = samples()
    agree(ours.loss(x, t), R.functions.softmax_loss(2 * plain.predict(x), t))


@pytest.mark.parametrize("names", [{"x": 0, "t": 1}, {"X": 0, "T": 1}], ids=["x, t", "X, T"])
@pytest.mark.parametrize("Network", [MultiLayerNetExtend, kr_extend.MultiLayerNetExtend], ids=["jp", "kr"])
def test_both_spellings_of_the_arguments(Network, names):
    net, data = Network(3, [4], 3), samples(5, 3, dtype=np.float64)
    arguments = {name: data[i] for name, i in names.items()}
    identical(net.accuracy(**arguments), net.accuracy(*data))
    expected = net.numerical_gradient(*data)
    for key, g in net.numerical_gradient(**arguments).items():
        np.testing.assert_allclose(g, expected[key], atol=1e-9)


def test_names_of_the_korean_edition_in_the_plain_project():
    net, data = KR.multi_layer_net_extend.MultiLayerNetExtend(3, [4], 3), samples(5, 3)
    net.accuracy(X=data[0], T=data[1])
    with pytest.raises(TypeError):
        net.accuracy(x=data[0], t=data[1])
