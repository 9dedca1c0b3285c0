"""Update rules, networks, Solver and numerical gradients of CS231n against the same in plain NumPy."""

import copy
import pickle
import random

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from course_packages import alike, cs231n, edited
from course_reference import agree, dtypes, few, floats, identical, numbers, orders, same_error, seeds
from nnfast import FormatError
from nnfast.compat.cs231n import _probes, fast_layers, layers, optim
from nnfast.compat.cs231n import gradient_check as G
from nnfast.compat.cs231n.classifiers import fc_net
from nnfast.compat.cs231n.solver import Solver

P = cs231n()
RULES = ["sgd", "sgd_momentum", "rmsprop", "adam"]
DEFAULTS = {
    "sgd": {"learning_rate": 1e-2},
    "sgd_momentum": {"learning_rate": 1e-2, "momentum": 0.9},
    "rmsprop": {"learning_rate": 1e-2, "decay_rate": 0.99, "epsilon": 1e-8},
    "adam": {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
}
STATES = {"sgd": [], "sgd_momentum": ["velocity"], "rmsprop": ["cache"], "adam": ["m", "v"]}
every_rule = pytest.mark.parametrize("name", RULES)
both = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["f64", "f32"])


# ---------------------------------------------------------------------------------------------- optim
@every_rule
def test_rule_completes_an_empty_config(name):
    next_w, config = getattr(optim, name)(np.ones(3), np.ones(3))
    plain_w, plain = getattr(P.optim, name)(np.ones(3), np.ones(3))
    agree(next_w, plain_w)
    assert list(config) == list(plain)
    for key, value in DEFAULTS[name].items():
        assert config[key] == value
    for key in STATES[name]:
        agree(config[key], plain[key])


@every_rule
def test_rule_changes_the_config_it_is_given_and_returns_it(name):
    given = {"learning_rate": 0.5, "mine": "kept"}
    _, config = getattr(optim, name)(np.ones(3), np.ones(3), given)
    assert config is given
    assert given["mine"] == "kept"
    assert given["learning_rate"] == 0.5
    assert set(DEFAULTS[name]) <= set(given)


def test_sgd_changes_w_in_place_and_returns_it():
    w, dw = np.ones(3), np.ones(3)
    next_w, _ = optim.sgd(w, dw, {"learning_rate": 0.25})
    assert next_w is w
    assert w.tolist() == [0.75] * 3
    assert dw.tolist() == [1] * 3


@pytest.mark.parametrize("name", RULES[1:])
@both
def test_other_rules_make_new_arrays(name, dtype):
    w, dw, config = np.ones((2, 3), dtype), np.full((2, 3), 2, dtype), {}
    getattr(optim, name)(w, dw, config)
    held = {key: config[key] for key in STATES[name]}
    before = copy.deepcopy(held)
    next_w, _ = getattr(optim, name)(w, dw, config)
    assert w.tolist() == [[1] * 3] * 2
    assert dw.tolist() == [[2] * 3] * 2
    assert next_w.dtype == dtype
    for key, state in held.items():
        assert config[key] is not state
        np.testing.assert_array_equal(state, before[key])
        assert not np.shares_memory(config[key], next_w)


def test_adam_counts_before_it_steps():
    config = {"t": 5, "m": np.full(2, 0.3), "v": np.full(2, 0.2)}
    plain = copy.deepcopy(config)
    next_w, _ = optim.adam(np.ones(2), np.full(2, 0.1), config)
    agree(next_w, P.optim.adam(np.ones(2), np.full(2, 0.1), plain)[0])
    assert config["t"] == 6


@every_rule
@pytest.mark.parametrize(
    "rate", [np.float64(0.1), np.float32(0.1), np.array(0.1), np.array([0.1, 0.2, 0.3]), -0.1, 0, 1], ids=repr
)
def test_rule_takes_whatever_multiplies_as_a_rate(name, rate):
    ours, plain = {"learning_rate": rate}, {"learning_rate": rate}
    w, dw = numbers(1, (2, 3), np.float64), numbers(2, (2, 3), np.float64)
    agree(
        getattr(optim, name)(w.copy(), dw, ours)[0],
        getattr(P.optim, name)(w.copy(), dw, plain)[0],
        inputs=(rate,),
    )


@every_rule
def test_rule_on_numbers_and_on_odd_arrays(name):
    ours, plain = getattr(optim, name), getattr(P.optim, name)
    for w, dw in [
        (np.float64(2), np.float64(3)),
        (np.array(2.0), np.array(3.0)),
        (np.ones((0, 3)), np.ones((0, 3))),
        (np.ones((2, 3)), np.ones(3)),
        (np.ones(3, np.float32), np.ones(3)),
        (np.ones(3), np.ones(3, np.float32)),
        (np.ones(3, np.float16), np.ones(3, np.float16)),
        (np.array(3 * [np.nan]), np.array([1, np.inf, -np.inf])),
    ]:
        with np.errstate(invalid="ignore"):
            agree(ours(copy.copy(w), dw)[0], plain(copy.copy(w), dw)[0], inputs=(w, dw))
    if name == "sgd":
        same_error(lambda: plain(np.ones(3, int), np.ones(3)), lambda: ours(np.ones(3, int), np.ones(3)))
        fixed = np.ones(3)
        fixed.flags.writeable = False
        same_error(lambda: plain(fixed, np.ones(3)), lambda: ours(fixed, np.ones(3)))
    same_error(lambda: plain(np.ones((2, 3)), np.ones(2)), lambda: ours(np.ones((2, 3)), np.ones(2)))


@few
@hypothesis.given(
    st.sampled_from(RULES),
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    floats,
    floats,
    orders,
    orders,
    seeds,
)
def test_rule_on_anything(name, shape, kind, other, order, grad_order, seed):
    w, plain_w = (numbers(seed, shape, kind, order) for _ in range(2))
    ours, plain = {"learning_rate": 0.1}, {"learning_rate": 0.1}
    for k in range(3):
        dw = numbers(seed + k, shape, other, grad_order)
        before = dw.copy()
        w, ours = getattr(optim, name)(w, dw, ours)
        plain_w, plain = getattr(P.optim, name)(plain_w, dw, plain)
        agree(w, plain_w, 10.0, "w", (before, np.ones(1, kind)))
        np.testing.assert_array_equal(dw, before)
        for key in STATES[name]:
            agree(ours[key], plain[key], 1.0, key, (before, np.ones(1, kind)))


@every_rule
def test_thousands_of_steps_on_a_valley(name):
    """f = sum of k w_k^2."""
    k = np.arange(1.0, 8.0)
    paths = []
    for rule in (getattr(optim, name), getattr(P.optim, name)):
        w, config, path = np.linspace(-1, 2, 7), {"learning_rate": 1e-3}, []
        for _ in range(3000):
            w, config = rule(w, 2 * k * w, config)
            path.append((k * w**2).sum())
        paths.append(path)
    np.testing.assert_allclose(*paths, rtol=1e-9, atol=1e-14)


# ---------------------------------------------------------------------------------------------- networks
def made(module, draws=1, **options):
    np.random.seed(draws)
    options = {"hidden_dims": [6, 5], "input_dim": 12, "num_classes": 4, "weight_scale": 0.5, **options}
    return module.FullyConnectedNet(**options)


def data(n=7, shape=(3, 2, 2), classes=4, dtype=np.float64, labels=np.int64):
    return numbers(5, (n, *shape), dtype), np.random.default_rng(6).integers(0, classes, n).astype(labels)


def test_two_layer_net_defaults_draws_and_dtype():
    np.random.seed(3)
    net = fc_net.TwoLayerNet()
    state = np.random.rand()
    np.random.seed(3)
    plain = P.fc_net.TwoLayerNet()
    assert state == np.random.rand()
    assert list(net.params) == ["W1", "b1", "W2", "b2"]
    for name, value in plain.params.items():
        identical(net.params[name], value)
    assert [p.shape for p in net.params.values()] == [(3072, 100), (100,), (100, 10), (10,)]
    assert net.reg == 0.0


@pytest.mark.parametrize("reg", [0.0, 0, 0.7, np.float64(0.7)], ids=repr)
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint8], ids=lambda k: np.dtype(k).name)
def test_two_layer_net(reg, kind):
    X, y = data(dtype=np.float64, labels=np.uint8)
    X = (X * 10).astype(kind) if kind is np.uint8 else X.astype(kind)
    nets = []
    for module in (fc_net, P.fc_net):
        np.random.seed(1)
        nets.append(module.TwoLayerNet(12, 6, 4, weight_scale=0.1, reg=reg))
    agree(*(net.loss(X) for net in nets))
    (loss, grads), (plain_loss, plain) = (net.loss(X, y) for net in nets)
    agree(loss, plain_loss, inputs=(X,) if kind is np.float32 else ())
    assert sorted(grads) == sorted(plain)
    for name, value in plain.items():
        agree(grads[name], value, 10.0, name)


@both
@pytest.mark.parametrize("normalization", [None, "batchnorm", "layernorm"])
@pytest.mark.parametrize("keep", [1, 0.6])
@pytest.mark.parametrize("reg", [0.0, 0.3])
def test_fully_connected_net(dtype, normalization, keep, reg):
    X, y = data()
    options = {"normalization": normalization, "dropout_keep_ratio": keep, "reg": reg, "dtype": dtype}
    ours, plain = (made(module, **options, seed=11) for module in (fc_net, P.fc_net))
    for _ in range(2):
        (loss, grads), (plain_loss, plain_grads) = (net.loss(X, y) for net in (ours, plain))
        agree(loss, plain_loss, 10.0)
        assert sorted(grads) == sorted(plain_grads) == sorted(ours.params)
        for name, value in plain_grads.items():
            agree(grads[name], value, 30.0, name, (np.ones(1, dtype),))
    agree(ours.loss(X), plain.loss(X), 10.0)
    assert [list(a) for a in ours.bn_params] == [list(b) for b in plain.bn_params]
    for a, b in zip(ours.bn_params, plain.bn_params, strict=True):
        for key in a:
            np.testing.assert_array_equal(a[key], b[key]) if key == "mode" else agree(a[key], b[key], 1.0)
    assert ours.dropout_param == plain.dropout_param


@few
@hypothesis.given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4),
    st.sampled_from([None, "batchnorm", "layernorm"]),
    st.sampled_from([1, 0.5]),
    st.sampled_from([0.0, 0.5]),
    floats,
    dtypes,
    st.integers(2, 8),
    orders,
    seeds,
)
def test_fully_connected_net_of_any_size(hidden, normalization, keep, reg, dtype, kind, n, order, seed):
    X, y = numbers(seed, (n, 12), kind, order), np.random.default_rng(seed).integers(0, 4, n)
    results = []
    for module in (fc_net, P.fc_net):
        net = made(
            module,
            hidden_dims=hidden,
            normalization=normalization,
            dropout_keep_ratio=keep,
            reg=reg,
            dtype=dtype,
            seed=seed % 2**32,
        )
        for param in net.bn_params:
            param["eps"] = 0.1
        for name in [name for name in net.params if name.startswith("W")]:
            net.params[name] = np.asfortranarray(net.params[name])
        results.append((net.loss(X, y), net.loss(X)))
    ((loss, grads), scores), ((plain_loss, plain_grads), plain_scores) = results
    agree(loss, plain_loss, 30.0, "loss", (np.ones(1, dtype),))
    agree(scores, plain_scores, 300.0, "scores")
    for name, value in plain_grads.items():
        agree(grads[name], value, 1000.0, name, (np.ones(1, dtype),))


def test_fully_connected_net_attributes_and_parameter_order():
    net = made(fc_net, normalization="layernorm", dropout_keep_ratio=0.5, reg=0.1)
    plain = made(P.fc_net, normalization="layernorm", dropout_keep_ratio=0.5, reg=0.1)
    assert list(net.params) == list(plain.params)
    assert list(net.params)[:5] == ["W1", "b1", "gamma1", "beta1", "W2"]
    for name, value in plain.params.items():
        identical(net.params[name], value)
    for name in ("reg", "num_layers", "dtype", "use_dropout", "normalization", "dropout_param", "bn_params"):
        assert getattr(net, name) == getattr(plain, name)
    assert made(fc_net).bn_params == []
    assert made(fc_net).dropout_param == {}
    assert made(fc_net, normalization="batchnorm").bn_params == [{"mode": "train"}] * 2


def test_dropout_of_the_years():
    """dropout_keep_ratio since 2020, dropout (kept) in 2018 and 2019, dropout (dropped) with use_batchnorm in 2016."""
    X, y = data()
    kept = made(fc_net, dropout_keep_ratio=0.75, seed=3).loss(X, y)[0]
    assert made(fc_net, dropout=0.75, seed=3).loss(X, y)[0] == kept
    assert not made(fc_net, dropout=1).use_dropout
    first_year = made(fc_net, dropout=0.25, use_batchnorm=False, seed=3)
    assert first_year.dropout_param == {"mode": "train", "p": 0.25, "seed": 3}
    assert first_year.normalization is None
    assert not made(fc_net, dropout=0, use_batchnorm=True).use_dropout
    assert not made(fc_net, use_batchnorm=True).use_dropout
    assert made(fc_net, use_batchnorm=True).bn_params == [{"mode": "train"}] * 2
    seen = []
    for x in (np.ones((4, 5)), np.ones((3, 3))):
        layers_out, _ = layers._dropout(x, first_year.dropout_param, True)
        seen.append((layers_out == 0).mean())
    assert first_year.loss(X, y)[0] != kept
    assert max(seen) < 0.6


def test_loss_sets_the_modes():
    X, y = data()
    net = made(fc_net, normalization="batchnorm", dropout_keep_ratio=0.5)
    net.loss(X)
    assert {p["mode"] for p in net.bn_params} == {net.dropout_param["mode"]} == {"test"}
    net.loss(X, y)
    assert {p["mode"] for p in net.bn_params} == {net.dropout_param["mode"]} == {"train"}


def test_penalty_is_on_weights_only():
    X, y = data()
    net = made(fc_net, normalization="batchnorm", reg=2.0, dtype=np.float64)
    with_penalty = net.loss(X, y)
    net.reg = 0.0
    without = net.loss(X, y)
    weights = [net.params[f"W{i}"] for i in (1, 2, 3)]
    agree(with_penalty[0], without[0] + sum((w**2).sum() for w in weights))
    for name, value in without[1].items():
        expected = value + 2.0 * net.params[name] if name.startswith("W") else value
        agree(with_penalty[1][name], expected, 1.0, name)


def test_gradients_are_new_arrays_and_parameters_stay():
    X, y = data()
    net = made(fc_net, dtype=np.float64, reg=0.5)
    before = copy.deepcopy(net.params)
    first, second = net.loss(X, y)[1], net.loss(X, y)[1]
    for name in before:
        identical(net.params[name], before[name])
        assert not np.shares_memory(first[name], second[name])
        assert not np.shares_memory(first[name], net.params[name])


def test_parameters_of_other_kinds_are_taken_as_numpy_takes_them():
    X, y = data()
    ours, plain = (made(module, dtype=np.float64, reg=0.5) for module in (fc_net, P.fc_net))
    for net in (ours, plain):
        net.params["W1"] = net.params["W1"].astype(np.float32)
        net.params["W2"] = np.round(net.params["W2"] * 3).astype(int)
    plain_loss, plain_grads = _loss_with_sums(plain, X, y)
    loss, grads = ours.loss(X, y)
    agree(loss, plain_loss, 10.0, inputs=(np.ones(1, np.float32),))
    for name, value in plain_grads.items():
        agree(grads[name], value, 30.0, name, (np.ones(1, np.float32),))


def _loss_with_sums(net, X, y):
    """The learner's `+=` does not take integers: what it would give."""
    reg, net.reg = net.reg, 0.0
    loss, grads = net.loss(X, y)
    net.reg = reg
    for i in (1, 2, 3):
        w = net.params[f"W{i}"]
        loss += 0.5 * reg * np.sum(w * w)
        grads[f"W{i}"] = grads[f"W{i}"] + reg * w
    return loss, grads


def test_loss_runs_as_a_method_of_a_learners_class():
    X, y = data()

    class Mine(P.fc_net.FullyConnectedNet):
        loss = fc_net.FullyConnectedNet.loss

    np.random.seed(1)
    mine = Mine([6, 5], 12, 4, normalization="batchnorm", reg=0.1, dtype=np.float64)
    np.random.seed(1)
    plain = P.fc_net.FullyConnectedNet([6, 5], 12, 4, normalization="batchnorm", reg=0.1, dtype=np.float64)
    agree(mine.loss(X, y)[0], plain.loss(X, y)[0])


def test_networks_can_be_pickled_and_copied():
    X, y = data()
    for net in (made(fc_net, normalization="batchnorm"), fc_net.TwoLayerNet(12, 6, 4)):
        expected = net.loss(X, y)[0]
        for again in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
            assert again.loss(X, y)[0] == expected
            assert again.params["W1"] is not net.params["W1"]


def test_save_and_load(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    net, other = made(fc_net), made(fc_net, draws=2)
    assert other.load("best.npy") is False
    net.save("best.npy")
    assert (tmp_path / "saved" / "best.npy").exists()
    assert other.load("best.npy") is True
    assert capsys.readouterr().out == "best.npy not available.\nbest.npy saved.\nbest.npy loaded.\n"
    for name, value in net.params.items():
        identical(other.params[name], value)
    (tmp_path / "cs231n").mkdir()
    fc_net.TwoLayerNet(3, 2, 2).save("two.npy")
    assert (tmp_path / "cs231n" / "saved" / "two.npy").exists()


def test_load_refuses_what_is_not_an_array(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "saved").mkdir()
    np.save(tmp_path / "saved" / "bad.npy", np.array({"W1": random.Random(1)}, dtype=object))
    with pytest.raises(FormatError, match=r"random\.Random"):
        made(fc_net).load("bad.npy")
    (tmp_path / "saved" / "text.npy").write_text("no array")
    with pytest.raises(FormatError, match=r"not an \.npy file"):
        made(fc_net).load("text.npy")


# ---------------------------------------------------------------------------------------------- Solver
def splits(n=60, seed=0):
    return P.data_utils.get_random_data(num_train=n, num_val=20, shape=(3, 2, 2), num_classes=4, seed=seed)


def solved(module, solver, seed=7, net_options=None, **options):
    np.random.seed(seed)
    net = module.FullyConnectedNet([10, 8], 12, 4, dtype=np.float64, weight_scale=0.3, **(net_options or {}))
    run = solver(net, splits(), **{"batch_size": 20, "num_epochs": 3, "print_every": 2, **options})
    run.train()
    return run, np.random.rand()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"update_rule": "adam", "optim_config": {"learning_rate": 1e-2}, "lr_decay": 0.5},
        {"num_train_samples": 30, "num_val_samples": 7, "print_every": 1},
        {"num_train_samples": None, "batch_size": 100, "num_epochs": 2},
        {"batch_size": 7, "verbose": False},
    ],
    ids=str,
)
def test_solver_prints_draws_and_keeps_what_the_courses_does(options, capsys):
    results, printed = [], []
    for module, solver in ((fc_net, Solver), (P.fc_net, P.solver.Solver)):
        results.append(solved(module, solver, **options))
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert bool(printed[0]) == options.get("verbose", True)
    (ours, draw), (plain, plain_draw) = results
    assert draw == plain_draw
    np.testing.assert_allclose(ours.loss_history, plain.loss_history, rtol=1e-12)
    assert ours.train_acc_history == plain.train_acc_history
    assert ours.val_acc_history == plain.val_acc_history
    assert ours.best_val_acc == plain.best_val_acc
    assert ours.epoch == plain.epoch
    assert ours.model.params is ours.best_params
    assert list(ours.best_params) == list(plain.best_params)
    for name, value in plain.best_params.items():
        agree(ours.best_params[name], value, 1.0, name)
    for name, config in plain.optim_configs.items():
        assert ours.optim_configs[name]["learning_rate"] == config["learning_rate"]


def test_solver_refuses_unknown_arguments_and_rules():
    net, given = made(fc_net), splits()
    with pytest.raises(ValueError, match=r'^Unrecognized arguments "learning_rate", "epochs"$'):
        Solver(net, given, learning_rate=1, epochs=2)
    with pytest.raises(ValueError, match=r'^Invalid update_rule "adagrad"$'):
        Solver(net, given, update_rule="adagrad")


def test_solver_gives_every_parameter_a_config_of_its_own():
    options = {"learning_rate": 1e-3}
    run = Solver(made(fc_net), splits(), optim_config=options)
    configs = list(run.optim_configs.values())
    assert all(config == options and config is not options for config in configs)
    assert len({id(config) for config in configs}) == len(configs)


def test_solver_trains_a_model_of_the_users_own():
    class Linear:
        def __init__(self):
            self.params = {"W": np.zeros((12, 4))}

        def loss(self, X, y=None):
            rows = X.reshape(len(X), -1)
            scores = rows.dot(self.params["W"])
            if y is None:
                return scores
            loss, dscores = P.layers.softmax_loss(scores, y)
            return loss, {"W": rows.T.dot(dscores)}

    histories = []
    for solver in (Solver, P.solver.Solver):
        np.random.seed(0)
        run = solver(Linear(), splits(), num_epochs=20, batch_size=30, verbose=False, update_rule="rmsprop")
        run.train()
        histories.append(run.loss_history)
    np.testing.assert_allclose(*histories, rtol=1e-12)
    assert histories[0][-1] < histories[0][0]


def test_checkpoints_hold_the_model_and_the_histories(tmp_path, capsys):
    run, _ = solved(
        fc_net,
        Solver,
        checkpoint_name=str(tmp_path / "net"),
        num_epochs=2,
        net_options={"normalization": "batchnorm"},
    )
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Saving")]
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == ["net_epoch_0.pkl", "net_epoch_1.pkl", "net_epoch_2.pkl"]
    assert lines == [f'Saving checkpoint to "{tmp_path}/net_epoch_{k}.pkl"' for k in (0, 1, 2)]
    checkpoint = pickle.loads((tmp_path / "net_epoch_2.pkl").read_bytes())
    assert set(checkpoint) == {
        *("model", "update_rule", "lr_decay", "optim_config", "batch_size", "num_train_samples"),
        *("num_val_samples", "epoch", "loss_history", "train_acc_history", "val_acc_history"),
    }
    assert checkpoint["loss_history"] == run.loss_history
    assert checkpoint["epoch"] == 2
    assert checkpoint["model"].loss(splits()["X_val"]).shape == (20, 4)


@every_rule
def test_thousands_of_steps_with_solver(name):
    """Losses to 1e-9, accuracies to the last digit."""
    rate = {"sgd": 1e-2, "sgd_momentum": 1e-3, "rmsprop": 1e-4, "adam": 1e-3}[name]
    options = {
        "update_rule": name,
        "optim_config": {"learning_rate": rate},
        "num_epochs": 700,
        "verbose": False,
        "net_options": {"reg": 1e-2},
    }
    (ours, _), (plain, _) = solved(fc_net, Solver, **options), solved(P.fc_net, P.solver.Solver, **options)
    assert len(ours.loss_history) == 2100
    np.testing.assert_allclose(ours.loss_history, plain.loss_history, rtol=1e-9)
    assert ours.train_acc_history == plain.train_acc_history
    assert ours.val_acc_history == plain.val_acc_history


@pytest.mark.parametrize("normalization", ["batchnorm", "layernorm"])
def test_hundreds_of_steps_with_normalization_and_dropout(normalization):
    options = {
        "update_rule": "adam",
        "optim_config": {"learning_rate": 3e-3},
        "num_epochs": 100,
        "verbose": False,
        "net_options": {"normalization": normalization, "dropout_keep_ratio": 0.8},
    }
    (ours, _), (plain, _) = solved(fc_net, Solver, **options), solved(P.fc_net, P.solver.Solver, **options)
    np.testing.assert_allclose(ours.loss_history, plain.loss_history, rtol=1e-9)
    assert ours.val_acc_history == plain.val_acc_history


# ---------------------------------------------------------------------------------------------- gradient_check
def test_numerical_gradient_prints_restores_and_passes_the_array_itself(capsys):
    printed = []
    for module in (G, P.gradient_check):
        x, seen = np.asfortranarray(numbers(1, (2, 3), np.float64)), []

        def f(arg, x=x, seen=seen):
            seen.append(arg is x)
            return (x**3).sum()

        before = x.copy()
        gradient = module.eval_numerical_gradient(f, x)
        printed.append(capsys.readouterr().out)
        np.testing.assert_array_equal(x, before)
        assert seen == [True] * 13
        np.testing.assert_allclose(gradient, 3 * x**2, atol=1e-6)
    assert printed[0] == printed[1]
    assert len(printed[0].splitlines()) == 6
    G.eval_numerical_gradient(f, x, verbose=False)
    assert capsys.readouterr().out == ""


@few
@hypothesis.given(st.lists(st.integers(1, 3), max_size=3), floats, st.sampled_from([1e-5, 0.1]), seeds)
def test_numerical_gradients_are_the_courses(shape, kind, h, seed):
    x, df = numbers(seed, shape, kind), numbers(seed + 1, shape, np.float64)
    for name, f, more in [
        ("eval_numerical_gradient", lambda x: (x**3).sum(), (False, h)),
        ("eval_numerical_gradient_array", lambda x: np.asarray(x**2), (df, h)),
    ]:
        before = x.copy()
        identical(getattr(G, name)(f, x, *more), getattr(P.gradient_check, name)(f, x, *more))
        identical(x, before)


class Blob:
    def __init__(self, vals):
        self.vals, self.diffs = vals, np.ones_like(vals)


class Product:
    def __init__(self):
        self.inputs, self.output = (Blob(np.arange(3.0)), Blob(np.ones(3))), Blob(np.zeros(3))

    def forward(self):
        self.output.vals = self.inputs[0].vals * self.inputs[1].vals


def test_numerical_gradients_of_blobs_and_nets():
    for module in (G, P.gradient_check):
        net = Product()
        found = module.eval_numerical_gradient_net(net, net.inputs, net.output)
        assert type(found) is list
        np.testing.assert_allclose(found, [[1, 1, 1], [0, 1, 2]], atol=1e-9)

        def f(a, b, out):
            out.vals = a.vals * b.vals

        again = module.eval_numerical_gradient_blobs(f, net.inputs, net.output)
        np.testing.assert_allclose(again, found)


def test_sparse_check_chooses_and_prints_as_the_courses(capsys):
    printed, states = [], []
    for module in (G, P.gradient_check):
        random.seed(4)
        x = numbers(1, (3, 4), np.float64)
        before = x.copy()
        assert module.grad_check_sparse(lambda x: (x**2).sum(), x, 2 * x + 0.1, num_checks=5, h=1e-3) is None
        printed.append(capsys.readouterr().out)
        states.append(random.random())
        identical(x, before)
    assert printed[0] == printed[1]
    assert printed[0].count("numerical: ") == 5
    assert states[0] == states[1]


# ---------------------------------------------------------------------------------------------- probes
OURS = {"layers": layers, "fast_layers": fast_layers, "optim": optim, "classifiers.fc_net": fc_net}
PLAIN = {
    "layers": P.layers,
    "fast_layers": P.fast_layers,
    "optim": P.optim,
    "classifiers.fc_net": P.fc_net,
}
GROUPS = [(module, group) for module, groups in _probes.PROBES.items() for group in groups]


@pytest.mark.parametrize(("module", "group"), GROUPS, ids=lambda x: x if isinstance(x, str) else x[0])
def test_probe_takes_finished_homework_for_the_courses(module, group):
    probe = _probes.PROBES[module][group]
    assert alike(probe, vars(PLAIN[module]), vars(OURS[module]))


EDITS = [
    ("layers", "affine_forward", "dot(w) + b", "dot(w) + 2 * b"),
    ("layers", "affine_forward", "cache = (x, w, b)", "cache = (x, w.copy(), b)"),
    ("layers", "affine_forward", "cache = (x, w, b)", "cache = (w, x, b)"),
    ("layers", "affine_backward", "np.sum(dout", "np.mean(dout"),
    ("layers", "relu_forward", "np.maximum(0, x)", "np.maximum(0.01 * x, x)"),
    ("layers", "relu_forward", "cache = x", "cache = x.copy()"),
    ("layers", "relu_backward", "x > 0", "x >= 0"),
    ("layers", "relu_backward", "return dout", "dout *= 2\n    return dout"),
    ("layers", "relu_backward", "return dout * (x > 0)", "return None"),
    ("layers", "softmax_loss", "dx /= n", "pass"),
    ("layers", "softmax_loss", "np.log(z)", "np.log(z + 1e-4)"),
    ("layers", "svm_loss", "+ 1.0", "+ 0.5"),
    ("layers", "batchnorm_forward", "1e-5", "1e-8"),
    ("layers", "batchnorm_forward", '"momentum", 0.9', '"momentum", 0.99'),
    ("layers", "batchnorm_forward", "x.var(axis=0)", "x.var(axis=0, ddof=1)"),
    ("layers", "batchnorm_forward", 'bn_param["running_var"] = running_var', "pass"),
    ("layers", "batchnorm_forward", "Invalid forward batchnorm", "Unknown"),
    ("layers", "batchnorm_backward_alt", "return dx, dgamma, dbeta", "return None, None, None"),
    ("layers", "layernorm_forward", "1e-5", "1e-6"),
    ("layers", "layernorm_backward", "dout.sum(axis=0)", "dout.mean(axis=0)"),
    ("layers", "conv_forward_naive", "+ b", "- b"),
    (
        "layers",
        "max_pool_backward_naive",
        "np.argmax(window)",
        "window.size - 1 - np.argmax(window.ravel()[::-1])",
    ),
    ("layers", "spatial_groupnorm_forward", "gamma * x_hat + beta", "gamma * (x_hat + beta)"),
    ("fast_layers", "conv_backward_strides", "np.sum(dout", "np.mean(dout"),
    ("fast_layers", "max_pool_backward_reshape", "dx /= np.sum(mask, axis=(3, 5), keepdims=True)", "pass"),
    ("optim", "sgd", "w -=", "w = w -"),
    ("optim", "sgd", "1e-2", "1e-3"),
    ("optim", "sgd_momentum", "next_w = w + v", "next_w = w + 0.9 * v - 0.01 * dw"),
    ("optim", "sgd_momentum", '"momentum", 0.9', '"momentum", 0.95'),
    ("optim", "rmsprop", '"epsilon", 1e-8', '"epsilon", 1e-7'),
    ("optim", "adam", '/ (1 - config["beta2"] ** config["t"])', ""),
    ("optim", "adam", 'config["t"] += 1', 'config["t"] += 2'),
    ("optim", "adam", "return next_w, config", "return next_w, dict(config)"),
    ("classifiers.fc_net", "TwoLayerNet", "0.5 * self.reg", "self.reg"),
    ("classifiers.fc_net", "TwoLayerNet", "affine_forward(hidden", "affine_forward(np.tanh(hidden)"),
    ("classifiers.fc_net", "FullyConnectedNet", "0.5 * self.reg", "self.reg"),
    ("classifiers.fc_net", "FullyConnectedNet", 'y is None else "train"', 'y is None else "test"'),
    ("classifiers.fc_net", "FullyConnectedNet", "return loss, grads", "return None"),
]


@pytest.mark.parametrize(
    ("module", "name", "old", "new"), EDITS, ids=[f"{e[1]} {i}" for i, e in enumerate(EDITS)]
)
def test_probe_notices_what_a_learner_edits(module, name, old, new):
    changed = edited(PLAIN[module], name, old, new)
    mine = [g for g in _probes.PROBES[module] if any(n.partition(".")[0] == name for n in g)]
    assert mine
    assert not any(alike(_probes.PROBES[module][g], changed, vars(OURS[module])) for g in mine)


def test_convolution_whose_extension_was_not_built_is_ours():
    broken = edited(
        P.fast_layers, "conv_backward_strides", "dpadded = np.zeros(", "col2im_6d_cython = col2im_6d_cython("
    )
    (group,) = [g for g in _probes.PROBES["fast_layers"] if "conv_backward_strides" in g]
    with pytest.raises(NameError):
        col2im_6d_cython  # noqa: B018, F821
    assert alike(_probes.PROBES["fast_layers"][group], broken, vars(fast_layers)) is True
