"""Course networks in two calls of the core: what the layers are left with, and when the layers go one by one."""

import copy
import pickle

import numpy as np
import pytest
from conftest import assert_same_bits, thread_counts, use_threads
from course_packages import COURSES
from course_reference import agree, built, japanese
from nnfast import _core
from nnfast.compat import _match
from nnfast.compat.cs231n.classifiers import fc_net
from nnfast.compat.dlfs import _chain, _probes, layers, two_layer_net
from nnfast.compat.dlfs.multi_layer_net import MultiLayerNet
from nnfast.compat.dlfs.multi_layer_net_extend import MultiLayerNetExtend

R = japanese()
NETS = [
    (R.multi_layer_net.MultiLayerNet, MultiLayerNet, {}),
    (R.multi_layer_net.MultiLayerNet, MultiLayerNet, {"activation": "sigmoid", "weight_decay_lambda": 0.1}),
    (R.multi_layer_net_extend.MultiLayerNetExtend, MultiLayerNetExtend, {"use_batchnorm": True}),
    (
        R.multi_layer_net_extend.MultiLayerNetExtend,
        MultiLayerNetExtend,
        {"use_batchnorm": True, "activation": "sigmoid"},
    ),
]
nets = pytest.mark.parametrize(("Plain", "Ours", "settings"), NETS)


def data(dtype=np.float32, n=9, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 6)).astype(dtype), rng.integers(0, 3, n)


def attributes_agree(ours, plain):
    """Every layer of ours has what that of the plain network has."""
    for name, layer in plain.layers.items():
        mine = vars(ours.layers[name])
        assert mine.keys() >= vars(layer).keys(), name
        for key, value in vars(layer).items():
            got = mine[key]
            if isinstance(value, np.ndarray):
                assert type(got) is np.ndarray, (name, key)
                assert got.dtype == value.dtype, (name, key)
                assert got.shape == value.shape, (name, key)
                if value.dtype == bool:
                    np.testing.assert_array_equal(got, value, err_msg=f"{name}.{key}")
                else:
                    agree(got, value, 1000.0, f"{name}.{key}")
            else:
                assert got == value, (name, key)


@pytest.fixture
def chains(monkeypatch):
    """How many chains were run."""
    made = []
    run = _core.course_chain
    monkeypatch.setattr(_core, "course_chain", lambda *a: made.append(run(*a)) or made[-1])
    return made


@nets
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layers_have_what_their_own_calls_leave(Plain, Ours, settings, dtype, chains):
    plain, ours = built(Plain, Ours, settings)
    x, t = data(dtype)
    for step in range(3):
        for net in (plain, ours):
            net.grads = net.gradient(x, t)
            for key in net.params:
                net.params[key] -= 0.1 * net.grads[key]
        attributes_agree(ours, plain)
        assert list(ours.grads) == list(plain.grads)
        for name, layer in ours.layers.items():
            if name.startswith("Affine"):
                number = name.removeprefix("Affine")
                decay = settings.get("weight_decay_lambda", 0)
                assert (ours.grads[f"W{number}"] is layer.dW) == (decay == 0), step
                assert ours.grads[f"b{number}"] is layer.db
    assert ours.layers["Affine1"].x is x
    for net in (plain, ours):
        net.loss(x[:4], t[:4])
    attributes_agree(ours, plain)
    agree(ours.predict(x), plain.predict(x), 1000.0, "scores")
    assert len(chains) == 5
    assert None not in chains


@nets
def test_a_layers_own_backward_goes_on_from_a_chain(Plain, Ours, settings, rng):
    plain, ours = built(Plain, Ours, settings)
    x, t = data()
    for net in (plain, ours):
        net.gradient(x, t)
    dout = rng.standard_normal((9, 3))
    for name in reversed(plain.layers):
        down = [net.layers[name].backward(dout.copy()) for net in (ours, plain)]
        agree(down[0], down[1], 1000.0, name)
        dout = down[1]
    attributes_agree(ours, plain)


@nets
def test_gradients_are_new_arrays_and_nets_can_be_copied(Plain, Ours, settings):
    _, ours = built(Plain, Ours, settings)
    x, t = data()
    first = ours.gradient(x, t)
    before = {key: value.copy() for key, value in first.items()}
    second = ours.gradient(*data(seed=1))
    for key, value in before.items():
        assert_same_bits(first[key], value)
        assert not np.shares_memory(first[key], second[key])
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        for key, value in other.gradient(x, t).items():
            assert_same_bits(value, before[key]) if not settings.get("use_batchnorm") else None
            agree(value, before[key], 10.0, key)


@nets
def test_threads_and_splits_change_no_bit(Plain, Ours, settings):
    results = []
    for n in thread_counts(3):
        use_threads(n)
        _, ours = built(Plain, Ours, settings)
        x, t = data(n=40)
        results.append((ours.predict(x), *ours.gradient(x, t).values()))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert_same_bits(a, b)
    if not settings.get("use_batchnorm"):
        for rows in (slice(0, 1), slice(5, 22)):
            assert_same_bits(ours.predict(x[rows]), results[0][0][rows])


@pytest.mark.parametrize(
    "change",
    [
        lambda net: setattr(net.layers["Affine1"], "W", net.params["W1"].astype(object)),
        lambda net: setattr(net.layers["Affine2"], "b", 0.5),
        lambda net: setattr(net.layers["Affine1"], "forward", net.layers["Affine1"].forward),
        lambda net: net.layers.__setitem__("Activation_function1", type("Mine", (layers.Relu,), {})()),
        lambda net: net.layers.__setitem__("Dropout1", layers.Dropout(0.0)),
    ],
    ids=["objects", "number", "own forward", "own class", "a layer more"],
)  # fmt: skip
def test_what_is_not_ordinary_goes_layer_by_layer(change, chains):
    net = MultiLayerNet(6, [5, 4], 3)
    change(net)
    x, t = data(np.float64)
    scores = net.predict(x)
    assert [chain for chain in chains if chain is not None] == []
    agree(np.asarray(scores, float), one_by_one(net, x), 100.0, "scores")
    if scores.dtype != object:  # which NumPy's exp refuses
        assert list(net.gradient(x, t)) == ["W1", "b1", "W2", "b2", "W3", "b3"]


def one_by_one(net, x):
    for layer in net.layers.values():
        x = vars(layer).get("forward", lambda x, layer=layer: type(layer).forward(layer, x))(x)
    return np.asarray(x, float)


def test_a_subclass_that_changes_the_loss_is_asked(chains):
    class Mine(MultiLayerNet):
        def loss(self, x, t):
            self.asked = True
            return super().loss(x, t)

    net = Mine(6, [5], 3)
    net.gradient(*data())
    assert net.asked


def test_chain_reads_only_what_fits():
    x, W, b = np.ones((2, 3)), np.ones((3, 4)), np.zeros(4)
    V, c = np.ones((4, 2)), np.zeros(2)
    good = _core.course_chain(x, [W, b, V, c], [], "none", "relu", True)
    assert good.y.tolist() == [[12.0, 12.0]] * 2
    assert good.hidden()[0][1].tolist() == [[False] * 4] * 2
    for bad in (
        (x[0], [W, b, V, c]),
        (x, [W, b, V]),
        (x, [W, b, W, b]),
        (x, [W, b[:3], V, c]),
        (x, [W.astype("f4"), b, V, c]),
        (x, [W.astype("f4"), b.astype("f4"), V.astype("f4"), c.astype("f4")]),
        (x.astype(int), [W, b, V, c]),
        (x, []),
        (x[:0], [W, b, V, c]),
    ):
        assert _core.course_chain(*bad, [], "none", "relu", True) is None
    for norms, kind in (
        ([b, b], "batch"),
        ([b, b, 1], "batch"),
        ([b, c, 1e-5], "batch"),
        ([b, b, 1e-5, b], "running"),
    ):
        assert _core.course_chain(x, [W, b, V, c], norms, kind, "relu", True) is None
    assert good.backward(np.ones((2, 3))) is None
    assert good.backward([[1.0, 2.0]]) is None
    with pytest.raises(ValueError, match="layer 0 has no batch statistics"):
        good.statistics(0)
    with pytest.raises(IndexError):
        good.statistics(5)
    running = _core.course_chain(x, [W, b, V, c], [b, b, 1e-5, b, b + 1], "running", "relu", False)
    assert running.backward(np.ones((2, 2))) is None


def test_strided_weights_and_data_are_read_where_they_stand(rng):
    big = rng.standard_normal((12, 20))
    x, W, V = (
        big[::2, 1:7],
        np.asfortranarray(rng.standard_normal((6, 5))),
        rng.standard_normal((10, 6))[::2, ::2],
    )
    chain = _core.course_chain(x, [W, np.zeros(5), V, np.zeros(3)], [], "none", "sigmoid", False)
    hidden = 1 / (1 + np.exp(-(x @ W)))
    np.testing.assert_allclose(chain.y, hidden @ V, rtol=1e-12, atol=1e-14)
    dy = rng.standard_normal((6, 3))
    (dW, db, *_), (dV, dc, *_) = chain.backward(dy, 0.5)
    dz = (dy @ V.T) * hidden * (1 - hidden)
    np.testing.assert_allclose(dW, x.T @ dz + 0.5 * W, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(dV, hidden.T @ dy + 0.5 * V, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(db, dz.sum(0), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(dc, dy.sum(0), rtol=1e-11, atol=1e-13)


# ---- Chapter 5


def chapter(number):
    """The names of two_layer_net.py of a chapter, as a learner has it."""
    path = COURSES / "dlfs" / f"ch{number:02}" / "two_layer_net.py"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("from common.")]
    namespace = {"__name__": path.stem}
    for module in (R.functions, R.gradient, R.layers):
        namespace |= {name: value for name, value in vars(module).items() if not name.startswith("_")}
    exec(compile("\n".join(lines), path, "exec"), namespace)
    return namespace


@pytest.mark.parametrize("kind", ["labels", "one-hot"])
def test_two_layer_net_of_chapter_5(kind):
    plain, ours = built(chapter(5)["TwoLayerNet"], two_layer_net.TwoLayerNet, {}, (6, 5, 3))
    x, t = data()
    t = t if kind == "labels" else np.eye(3)[t]
    for net in (plain, ours):
        for _ in range(3):
            grads = net.gradient(x, t)
            for key in ("W1", "b1", "W2", "b2"):
                net.params[key] -= 0.5 * grads[key]
    assert list(ours.params) == list(plain.params)
    for key, value in plain.params.items():
        agree(ours.params[key], value, 10.0, key)
    attributes_agree(ours, plain)
    agree(ours.loss(x, t), plain.loss(x, t), 10.0, "loss")
    assert ours.accuracy(x, t) == plain.accuracy(x, t)
    assert type(ours.lastLayer) is layers.SoftmaxWithLoss
    assert ours.layers["Affine1"].W is ours.params["W1"]
    for key, value in plain.numerical_gradient(x[:2], t[:2]).items():
        agree(ours.numerical_gradient(x[:2], t[:2])[key], value, 1e3, key)


def test_the_probe_knows_chapter_4_and_edits():
    probe = _probes.PROBES["two_layer_net"]["TwoLayerNet",]
    mine = vars(two_layer_net)
    assert _match.behaviour(probe, chapter(5), mine) == ""
    assert _match.behaviour(probe, chapter(4), mine) == _match.ANOTHER
    edited = chapter(5)
    exec("class TwoLayerNet(TwoLayerNet):\n def predict(self, x):\n  return 2 * super().predict(x)", edited)
    assert _match.behaviour(probe, edited, mine) == "other results"


# ---- CS231n


@pytest.mark.parametrize("normalization", [None, "batchnorm", "layernorm"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fully_connected_net_is_the_same_layer_by_layer(normalization, dtype, monkeypatch, chains):
    """Loss, gradients with their order, and what happens to bn_params, beside the path without a chain."""
    results = []
    for by_layers in (False, True):
        np.random.seed(3)
        net = fc_net.FullyConnectedNet(
            [7, 5], 6, 3, normalization=normalization, reg=0.1, weight_scale=0.5, dtype=dtype
        )
        if by_layers:
            monkeypatch.setattr(fc_net, "_chain", lambda *a: None)
        for seed in range(3):
            x, y = data(np.float64, n=12, seed=seed)
            loss, grads = net.loss(x, y)
            for name in net.params:
                net.params[name] = net.params[name] - 0.1 * grads[name]
        results.append((loss, grads, net.loss(x), [dict(p) for p in net.bn_params]))
    (loss, grads, scores, params), (other_loss, other_grads, other_scores, other_params) = results
    assert len(chains) == 4
    assert None not in chains
    one = (np.ones(1, dtype),)
    agree(loss, other_loss, 100.0, "loss", one)
    agree(scores, other_scores, 1000.0, "scores", one)
    assert type(loss) is type(other_loss)
    assert list(grads) == list(other_grads)
    for name, value in other_grads.items():
        assert grads[name].dtype == value.dtype
        agree(grads[name], value, 1000.0, name, one)
    for mine, theirs in zip(params, other_params, strict=True):
        assert mine.keys() == theirs.keys()
        for key, value in theirs.items():
            if isinstance(value, np.ndarray):
                assert mine[key].dtype == value.dtype
                agree(mine[key], value, 1000.0, key, one)
            else:
                assert mine[key] == value


def test_two_layer_net_of_images(chains, rng):
    np.random.seed(0)
    net = fc_net.TwoLayerNet(input_dim=12, hidden_dim=5, num_classes=3, weight_scale=0.3, reg=0.2)
    X, y = rng.standard_normal((4, 3, 2, 2)), np.array([0, 2, 1, 1])
    grads = net.loss(X, y)[1]
    assert list(grads) == ["W1", "b1", "W2", "b2"]
    p, h = net.params, 1e-6
    for name, index in (("W1", (3, 2)), ("b1", (1,)), ("W2", (4, 0)), ("b2", (2,))):
        before = p[name][index]
        p[name][index] = before + h
        above = net.loss(X, y)[0]
        p[name][index] = before - h
        below = net.loss(X, y)[0]
        p[name][index] = before
        assert grads[name][index] == pytest.approx((above - below) / (2 * h), rel=1e-6, abs=1e-9)
    assert net.loss(X).shape == (4, 3)
    assert None not in chains


def test_chain_module_leaves_other_layers_alone():
    affine = [layers.Affine(np.ones((2, 2)), np.zeros(2)) for _ in range(2)]
    assert _chain.forward(affine, np.ones((1, 2)), True) is None
    assert _chain.forward(affine[:1], np.ones((1, 2)), True) is None
    assert _chain.forward([*affine[:1], layers.Relu()], np.ones((1, 2)), True) is None
    mixed = [affine[0], layers.Relu(), affine[0], layers.Sigmoid(), affine[1]]
    assert _chain.forward(mixed, np.ones((1, 2)), True) is None
    assert _chain.backward(None, mixed, np.ones((1, 2))) is False
