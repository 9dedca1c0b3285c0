"""Trainer and networks of "Deep Learning from Scratch", both editions, against plain NumPy (tests/courses)."""

import copy
import inspect
import pickle

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from course_reference import (
    agree,
    few,
    floats,
    identical,
    japanese,
    korean,
    numbers,
    orders,
    same_random_state,
    seeds,
)
from nnfast.compat import dlfs as jp
from nnfast.compat.dlfs import layers, multi_layer_net, multi_layer_net_extend, optimizer, trainer
from nnfast.compat.dlfs.kr import multi_layer_net_extend as kr_extend
from nnfast.compat.dlfs.kr import trainer as kr_trainer

R, KR = japanese(), korean()
MultiLayerNet, MultiLayerNetExtend = multi_layer_net.MultiLayerNet, multi_layer_net_extend.MultiLayerNetExtend
Trainer = trainer.Trainer
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


def samples(n=20, width=6, classes=3, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n).astype(np.uint8)
    x = rng.standard_normal((n, width)) + labels[:, None] * rng.standard_normal(width)
    return x.astype(dtype), labels


def built(Plain, Ours, settings, sizes=(6, [5, 4], 3)):
    """Both from the same seed; the draws have to be the same."""
    return same_random_state(lambda: Plain(*sizes, **settings), lambda: Ours(*sizes, **settings))


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
        np.random.seed(1)  # noqa: NPY002
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


# ------------------------------------------------------------------------------------------------- Trainer
def trainers(settings, network=None, n=50, plain=R, ours=trainer, **network_settings):
    x, t = samples(n)
    x_test, t_test = samples(30, seed=1)
    name = network or "MultiLayerNet"
    nets = built(
        getattr(
            getattr(plain, {"MultiLayerNet": "multi_layer_net"}.get(name, "multi_layer_net_extend")), name
        ),
        {"MultiLayerNet": MultiLayerNet}.get(name, MultiLayerNetExtend),
        network_settings,
    )
    modules = plain.trainer, ours
    return [
        module.Trainer(net, x, t, x_test, t_test, **settings)
        for module, net in zip(modules, nets, strict=True)
    ]


def run_both(pair, capsys, what="train"):
    """Both run from one seed; what they print and remember has to be the same."""
    texts = []

    def run(each):
        result = getattr(each, what)()
        texts.append(capsys.readouterr().out)
        return result

    capsys.readouterr()
    same_random_state(lambda: run(pair[0]), lambda: run(pair[1]))
    plain, ours = pair
    assert ours.train_acc_list == plain.train_acc_list
    assert ours.test_acc_list == plain.test_acc_list
    np.testing.assert_allclose(ours.train_loss_list, plain.train_loss_list, rtol=1e-9)
    assert (ours.current_iter, ours.current_epoch) == (plain.current_iter, plain.current_epoch)
    assert type(ours.train_loss_list[0]) is type(plain.train_loss_list[0])
    return texts


def without_digits_of_losses(text):
    return [
        line[: len("train loss:")] if line.startswith("train loss:") else line for line in text.split("\n")
    ]


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "SGD", "Adam"])
@pytest.mark.parametrize("network", ["MultiLayerNet", "MultiLayerNetExtend"])
def test_training_prints_and_remembers_what_the_plain_one_does(name, network, capsys):
    settings = {"epochs": 4, "mini_batch_size": 10, "optimizer": name}
    pair = trainers(settings, network)
    plain, ours = run_both(pair, capsys)
    assert without_digits_of_losses(ours) == without_digits_of_losses(plain)
    assert ours.count("train loss:") == 20
    assert ours.count("=== epoch:") == 4
    assert "=============== Final Test Accuracy ===============\ntest acc:" in ours
    for p, q in zip(
        [line for line in plain.split("\n") if line.startswith("train loss:")],
        [line for line in ours.split("\n") if line.startswith("train loss:")],
        strict=True,
    ):
        np.testing.assert_allclose(float(q[11:]), float(p[11:]), rtol=1e-9)


@pytest.mark.parametrize("settings", EXTENDS[1:])
def test_training_of_the_extended_network(settings, capsys):
    pair = trainers(
        {"epochs": 5, "mini_batch_size": 20, "optimizer": "adam", "optimizer_param": {"lr": 0.01}},
        "MultiLayerNetExtend",
        **settings,
    )
    plain, ours = run_both(pair, capsys)
    assert without_digits_of_losses(ours) == without_digits_of_losses(plain)


def test_training_with_one_hot_rows(capsys):
    pair = trainers({"epochs": 3, "mini_batch_size": 10})
    for each in pair:
        each.t_train, each.t_test = np.eye(3)[each.t_train], np.eye(3)[each.t_test]
    plain, ours = run_both(pair, capsys)
    assert without_digits_of_losses(ours) == without_digits_of_losses(plain)


def test_training_a_network_of_the_size_of_the_book(capsys):
    rng, results = np.random.default_rng(3), []
    x, t = rng.random((300, 784)).astype(np.float32), rng.integers(0, 10, 300).astype(np.uint8)
    sizes = (784, [50, 40], 10)
    nets = built(R.multi_layer_net_extend.MultiLayerNetExtend, MultiLayerNetExtend, EXTENDS[3], sizes)
    for module, net in zip((R.trainer, trainer), nets, strict=True):
        each = module.Trainer(net, x, t, x[:100], t[:100], 4, 100, "adam", {"lr": 0.001})
        results.append(each)
    plain, ours = run_both(results, capsys)
    assert without_digits_of_losses(ours) == without_digits_of_losses(plain)


def test_the_printed_lines(capsys):
    _, each = trainers({"epochs": 2, "mini_batch_size": 25})
    each.train()
    lines = capsys.readouterr().out.split("\n")
    losses = [f"train loss:{loss}" for loss in each.train_loss_list]
    epochs = [
        f"=== epoch:{i + 1}, train acc:{a}, test acc:{b} ==="
        for i, (a, b) in enumerate(zip(each.train_acc_list, each.test_acc_list, strict=True))
    ]
    final = each.network.accuracy(each.x_test, each.t_test)
    assert lines == [
        losses[0],
        epochs[0],
        losses[1],
        losses[2],
        epochs[1],
        losses[3],
        "=============== Final Test Accuracy ===============",
        f"test acc:{final}",
        "",
    ]


def test_a_silent_trainer_prints_nothing(capsys):
    pair = trainers({"epochs": 2, "mini_batch_size": 10, "verbose": False})
    assert run_both(pair, capsys) == ["", ""]


def test_epochs_that_are_not_whole_numbers_of_batches_are_evaluated_rarely(capsys):
    pair = trainers({"epochs": 6, "mini_batch_size": 20})
    _, ours = pair
    assert ours.iter_per_epoch == 2.5
    assert ours.max_iter == 15
    plain_text, text = run_both(pair, capsys)
    assert text.count("=== epoch:") == plain_text.count("=== epoch:") == 3
    assert len(ours.train_acc_list) == 3


def test_a_batch_larger_than_the_data(capsys):
    pair = trainers({"epochs": 3, "mini_batch_size": 80})
    assert pair[1].iter_per_epoch == 1
    assert pair[1].max_iter == 3
    run_both(pair, capsys)


def test_evaluation_of_the_first_samples_only(capsys):
    pair = trainers({"epochs": 3, "mini_batch_size": 25, "evaluate_sample_num_per_epoch": 7})
    run_both(pair, capsys)
    assert all(round(7 * accuracy) == pytest.approx(7 * accuracy) for accuracy in pair[1].train_acc_list)


def test_single_steps(capsys):
    pair = trainers({"epochs": 3, "mini_batch_size": 25})
    for _ in range(3):
        plain, ours = run_both(pair, capsys, "train_step")
        assert without_digits_of_losses(ours) == without_digits_of_losses(plain)
    assert pair[1].current_iter == 3


def test_signature_and_attributes_of_the_trainer():
    wanted = inspect.signature(R.trainer.Trainer).parameters
    for module in (trainer, kr_trainer):
        got = inspect.signature(module.Trainer).parameters
        assert [(p.name, p.default) for p in got.values()] == [(p.name, p.default) for p in wanted.values()]
    plain, ours = trainers({})
    for name, value in vars(plain).items():
        if name not in ("network", "optimizer"):
            np.testing.assert_array_equal(getattr(ours, name), value)
    assert type(ours.iter_per_epoch) is type(plain.iter_per_epoch) is int
    assert type(trainers({"mini_batch_size": 20})[1].iter_per_epoch) is float
    assert type(ours.optimizer) is optimizer.SGD
    assert ours.optimizer.lr == 0.01


def test_an_unknown_optimizer_is_a_key_error():
    with pytest.raises(KeyError, match="lion"):
        trainers({"optimizer": "lion"})
    x, t = samples()
    with pytest.raises(KeyError, match="lion"):
        Trainer(MultiLayerNet(6, [5], 3), x, t, x, t, optimizer="Lion")


def test_the_loss_that_is_printed_is_that_of_the_batch_after_the_update():
    calls = []

    class Recorder(MultiLayerNet):
        def gradient(self, x, t):
            calls.append(("gradient", x.copy(), self.params["W1"].copy()))
            return super().gradient(x, t)

        def loss(self, x, t):
            calls.append(("loss", x.copy(), self.params["W1"].copy()))
            return super().loss(x, t)

    x, t = samples()
    each = Trainer(Recorder(6, [5], 3), x, t, x, t, mini_batch_size=8, verbose=False)
    np.random.seed(5)  # noqa: NPY002
    each.train_step()
    np.random.seed(5)  # noqa: NPY002
    chosen = np.random.choice(20, 8)  # noqa: NPY002
    assert calls[0][0] == "gradient"
    assert calls[-1][0] == "loss"
    identical(calls[0][1], x[chosen])
    identical(calls[-1][1], x[chosen])
    assert not np.array_equal(calls[0][2], calls[-1][2])


def test_a_network_written_by_the_user():
    """The trainer needs gradient, loss, accuracy and params, nothing else."""

    class Softmax:
        def __init__(self):
            self.params = {"W": np.zeros((6, 3))}
            self.last = R.layers.SoftmaxWithLoss()

        def loss(self, x, t):
            return self.last.forward(x @ self.params["W"], t)

        def gradient(self, x, t):
            self.loss(x, t)
            return {"W": x.T @ self.last.backward()}

        def accuracy(self, x, t):
            return np.mean((x @ self.params["W"]).argmax(1) == t)

    x, t = samples()
    results = []
    for module in (R.trainer, trainer):
        np.random.seed(5)  # noqa: NPY002
        each = module.Trainer(Softmax(), x, t, x, t, epochs=5, mini_batch_size=4, verbose=False)
        each.train()
        results.append(each.network.params["W"])
    agree(results[1], results[0], inputs=[x])


def test_the_korean_trainer_takes_both_spellings(capsys):
    x, t = samples()
    for name in ("rmsprop", "rmsprpo", "RMSprop"):
        each = kr_trainer.Trainer(MultiLayerNet(6, [5], 3), x, t, x, t, 1, 10, name, verbose=False)
        assert type(each.optimizer).__name__ == "RMSprop"
    with pytest.raises(KeyError, match="rmsprop"):
        KR.trainer.Trainer(None, x, t, x, t, optimizer="rmsprop")


def test_the_korean_trainer_uses_the_korean_nesterov(capsys):
    pair = trainers({"epochs": 3, "mini_batch_size": 10, "optimizer": "nesterov"}, plain=KR, ours=kr_trainer)
    run_both(pair, capsys)


def test_trainer_star_import_and_package():
    names = {}
    exec("from nnfast.compat.dlfs.trainer import *", names)
    assert names["Trainer"] is Trainer
    assert names["Adam"] is optimizer.Adam
    assert jp.__name__ == "nnfast.compat.dlfs"
