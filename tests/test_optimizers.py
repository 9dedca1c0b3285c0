"""Optimizers as objects: rules against formulas and torch, state, what is refused."""

import copy
import pickle

import nnfast as nn
import numpy as np
import oracle
import pytest
from conftest import assert_same_bits
from network_samples import Scale

# name -> (new optimizer, oracle kind, oracle options)
RULES = {
    "SGD": (lambda: nn.SGD(0.1), "sgd", {}),
    "SGD, decay": (lambda: nn.SGD(0.1, weight_decay=0.03, l1=0.02), "sgd", {"weight_decay": 0.03, "l1": 0.02}),
    "SGD, clipped": (lambda: nn.SGD(0.1, clip_value=0.5), "sgd", {"clip_value": 0.5}),
    "Momentum": (lambda: nn.Momentum(0.1, 0.8), "momentum", {"momentum": 0.8}),
    "Momentum, torch": (lambda: nn.Momentum(0.1, 0.8, form="torch"), "momentum", {"momentum": 0.8, "torch_form": True}),
    "Nesterov": (lambda: nn.Nesterov(0.1, 0.8), "nesterov", {"momentum": 0.8}),
    "Nesterov, torch": (lambda: nn.Nesterov(0.1, 0.8, form="torch"), "nesterov", {"momentum": 0.8, "torch_form": True}),
    "AdaGrad": (lambda: nn.AdaGrad(0.1), "adagrad", {"eps": 1e-7}),
    "RMSprop": (lambda: nn.RMSprop(0.1, 0.95), "rmsprop", {"rho": 0.95}),
    "Adam": (lambda: nn.Adam(0.1), "adam", {}),
    "Adam, outside": (
        lambda: nn.Adam(0.1, eps=1e-7, eps_form="outside"), "adam", {"eps": 1e-7, "eps_outside_hat": True}
    ),
    "Adam, decay": (lambda: nn.Adam(0.1, 0.8, 0.99, weight_decay=0.1), "adam",
                    {"beta1": 0.8, "beta2": 0.99, "weight_decay": 0.1}),
    "AdamW": (lambda: nn.AdamW(0.1, weight_decay=0.1), "adam", {"weight_decay": 0.1, "decoupled": True}),
}  # fmt: skip


def arrays(rng, dtype=np.float64):
    return {"W1": rng.standard_normal((3, 4)).astype(dtype), "b1": rng.standard_normal(4).astype(dtype)}


@pytest.mark.parametrize("name", RULES)
def test_rule(name, dtype, rng):
    make, kind, options = RULES[name]
    optimizer = make()
    params = arrays(rng, dtype)
    expected = {key: oracle.wide(p) for key, p in params.items()}
    count = {"sgd": 0, "adam": 2}.get(kind, 1)
    states = {key: [np.zeros_like(p)] * count for key, p in expected.items()}
    for t in range(1, 20):
        grads = arrays(rng, dtype)
        objects = dict(params)
        optimizer.lr = lr = 0.1 / t
        optimizer.update(params, grads)
        for key, p in expected.items():
            assert params[key] is objects[key]
            g = oracle.wide(grads[key])
            expected[key], states[key] = oracle.optimizer_update(kind, t, p, g, states[key], lr=lr, **options)
    assert optimizer.iterations == 19
    for key, p in expected.items():
        tolerance = {np.float32: 2e-5, np.float64: 1e-12}[dtype]
        np.testing.assert_allclose(params[key], p, rtol=tolerance, atol=tolerance)


def test_global_norm(rng):
    params, grads = arrays(rng), arrays(rng)
    before = {key: p.copy() for key, p in params.items()}
    scale = oracle.clip_norm_scale(grads.values(), 1.3)
    assert scale < 1
    nn.SGD(1.0, clip_norm=1.3).update(params, grads)
    for key, p in params.items():
        np.testing.assert_allclose(p, before[key] - scale * grads[key], rtol=1e-12)
    nn.SGD(1.0, clip_norm=1e6).update(params, {key: p - before[key] for key, p in params.items()})
    for key, p in params.items():
        np.testing.assert_allclose(p, before[key], rtol=1e-12)


def torch_optimizer(torch, name, parameters):
    o = torch.optim
    return {
        "SGD": lambda: o.SGD(parameters, lr=0.05, weight_decay=0.01),
        "Momentum": lambda: o.SGD(parameters, lr=0.05, momentum=0.9),
        "Nesterov": lambda: o.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True),
        "AdaGrad": lambda: o.Adagrad(parameters, lr=0.05),
        "RMSprop": lambda: o.RMSprop(parameters, lr=0.01),
        "Adam": lambda: o.Adam(parameters, lr=0.01, weight_decay=0.02),
        "AdamW": lambda: o.AdamW(parameters, lr=0.01, weight_decay=0.1),
    }[name]()


OURS = {
    "SGD": lambda: nn.SGD(0.05, weight_decay=0.01),
    "Momentum": lambda: nn.Momentum(0.05, form="torch"),
    "Nesterov": lambda: nn.Nesterov(0.05, form="torch"),
    "AdaGrad": lambda: nn.AdaGrad(0.05, eps=1e-10),
    "RMSprop": lambda: nn.RMSprop(0.01),
    "Adam": lambda: nn.Adam(0.01, weight_decay=0.02),
    "AdamW": lambda: nn.AdamW(0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("name", OURS)
def test_a_thousand_steps_are_torchs(torch, name, rng):
    """On a network in training, with a learning rate that changes and a norm that is clipped."""
    x, t = rng.standard_normal((64, 7)), rng.integers(4, size=64)
    network = nn.mlp([7, 9, 4], "tanh", dtype=np.float64, seed=1)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(7, 9, dtype=torch.float64),
        torch.nn.Tanh(),
        torch.nn.Linear(9, 4, dtype=torch.float64),
    )
    with torch.no_grad():
        for i, layer in ((0, network.layers[0]), (2, network.layers[2])):
            theirs[i].weight.copy_(torch.tensor(layer.W.T.copy()))
            theirs[i].bias.copy_(torch.tensor(layer.b))
    optimizer, other = OURS[name](), torch_optimizer(torch, name, theirs.parameters())
    optimizer.clip_norm = 0.5
    tx, tt = torch.tensor(x), torch.tensor(t)
    for step in range(1000):
        rows = slice(8 * (step % 8), 8 * (step % 8) + 8)
        if step == 500:
            optimizer.lr /= 3
            other.param_groups[0]["lr"] /= 3
        other.zero_grad()
        torch.nn.functional.cross_entropy(theirs(tx[rows]), tt[rows]).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        other.step()
        network.train_step(x[rows], t[rows], optimizer)
    for i in (0, 2):
        np.testing.assert_allclose(network.layers[i].W, theirs[i].weight.detach().T, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(network.layers[i].b, theirs[i].bias.detach(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("clip", [0.0, 0.1])
def test_three_ways_are_one(name, clip, dtype, rng):
    """train_step, an own loop over the network's dicts, and single-epoch fits: the same bits."""
    x, t = rng.standard_normal((32, 5)), rng.integers(3, size=32)
    networks = [nn.mlp([5, 20, 3], dtype=dtype, seed=2) for _ in range(3)]
    optimizers = [RULES[name][0]() for _ in range(3)]
    for optimizer in optimizers:
        optimizer.clip_norm = clip
    for _ in range(5):
        networks[0].train_step(x, t, optimizers[0])
        optimizers[1].update(networks[1].params, networks[1].gradient(x, t))
        networks[2].fit(x, t, epochs=1, batch_size=32, optimizer=optimizers[2], shuffle=False)
    for key in networks[0].params:
        assert_same_bits(networks[1].params[key], networks[0].params[key], key)
        assert_same_bits(networks[2].params[key], networks[0].params[key], key)
    assert [o.iterations for o in optimizers] == [5, 5, 5]


def test_one_optimizer_for_two_networks(rng):
    x, t = rng.standard_normal((16, 4)), rng.integers(2, size=16)
    one, two = nn.mlp([4, 8, 2], seed=0), nn.mlp([4, 8, 2], seed=0)
    shared, own = nn.Adam(), nn.Adam()
    for _ in range(3):
        one.train_step(x, t, shared)
        two.train_step(x[::-1], t[::-1], shared)
    again = nn.mlp([4, 8, 2], seed=0)
    for _ in range(3):
        again.train_step(x, t, own)
    assert_same_bits(one.params["W1"], again.params["W1"])


def test_state_leaves_with_the_network(rng):
    optimizer = nn.Adam()
    nn.mlp([4, 8, 2], seed=0).train_step(np.ones((2, 4)), [0, 1], optimizer)
    assert len(optimizer._bound) == 0


@pytest.mark.parametrize("order", ["C", "F"])
def test_update_of_any_layout(order, rng):
    base = np.zeros((6, 8))
    view = base[::2, ::-2]
    params = {"a": np.asarray(rng.standard_normal((3, 4)), order=order), "b": view}
    before = {key: p.copy() for key, p in params.items()}
    grads = {"a": rng.standard_normal((3, 4)), "b": rng.standard_normal((3, 4)).astype(np.float32)}
    optimizer = nn.Momentum(0.5)
    optimizer.update(params, grads)
    for key, p in params.items():
        np.testing.assert_allclose(p, before[key] - 0.5 * grads[key], rtol=1e-14)
    assert not base[1::2].any()


@pytest.mark.parametrize(
    ("params", "grads", "error", "names"),
    [
        ({"W": np.ones(2)}, {}, KeyError, "grads has no W"),
        (
            {"W": np.ones(2)},
            {"W": np.ones(3)},
            ValueError,
            r"gradient of W has shape \(3,\); expected \(2,\)",
        ),
        ({"W": np.ones(2, int)}, {"W": np.ones(2)}, TypeError, "W is an array of int64"),
        ({"W": np.ones(2, ">f8")}, {"W": np.ones(2)}, TypeError, "W is an array of >f8"),
        ({"W": 1.0}, {"W": 1.0}, TypeError, "W is a float; expected"),
        ({"W": np.ones(2)}, {"W": np.ones(2, complex)}, TypeError, "the gradient of W has dtype complex128"),
        ({"W": np.broadcast_to(1.0, 2)}, {"W": np.ones(2)}, ValueError, "W is read-only"),
    ],
)
def test_update_refuses_and_changes_nothing(params, grads, error, names):
    good = np.ones(2)
    optimizer = nn.Adam()
    with pytest.raises(error, match=names):
        optimizer.update({"A": good, **params}, {"A": np.ones(2), **grads})
    np.testing.assert_array_equal(good, 1)
    assert optimizer.iterations == 0


def test_a_name_keeps_its_shape(rng):
    optimizer = nn.Adam()
    optimizer.update({"W": np.ones(2)}, {"W": np.ones(2)})
    with pytest.raises(ValueError, match=r"W has shape \(3,\) and dtype float64, but was \(2,\)"):
        optimizer.update({"W": np.ones(3)}, {"W": np.ones(3)})


def test_unused_gradients_are_ignored():
    p = {"W": np.ones(2)}
    nn.SGD(1.0).update(p, {"W": np.ones(2), "other": "?"})
    np.testing.assert_array_equal(p["W"], 0)


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: nn.SGD(-0.1), "SGD: lr is -0.1; expected a number >= 0"),
        (lambda: nn.SGD("0.1"), "SGD: lr is '0.1'"),
        (lambda: nn.SGD(np.nan), "SGD: lr is nan"),
        (lambda: nn.SGD(clip_norm=-1), "SGD: clip_norm"),
        (lambda: nn.Momentum(momentum=1.1), "Momentum: momentum is 1.1"),
        (lambda: nn.Nesterov(form="keras"), "Nesterov: form is 'keras'; expected one of 'classic', 'torch'"),
        (lambda: nn.AdaGrad(eps=0), "AdaGrad: eps is 0.0; expected a number > 0"),
        (lambda: nn.RMSprop(rho=-0.1), "RMSprop: rho"),
        (lambda: nn.Adam(beta1=1.0), "Adam: beta1 is 1.0; expected a number >= 0 and < 1"),
        (lambda: nn.Adam(eps_form="inside"), "Adam: eps_form"),
        (lambda: nn.AdamW(weight_decay=np.inf), "AdamW: weight_decay is inf"),
    ],
)
def test_constructors_say_what_is_wrong(make, names):
    with pytest.raises((ValueError, TypeError), match=names):
        make()


def test_settings_can_be_changed_and_are_checked():
    optimizer = nn.Adam()
    optimizer.lr = 0.5
    optimizer.beta2 = 0.9
    assert (optimizer.lr, optimizer.beta2) == (0.5, 0.9)
    with pytest.raises(ValueError, match="Adam: lr"):
        optimizer.lr = -1
    assert optimizer.lr == 0.5
    assert repr(optimizer) == "Adam(lr=0.5, beta1=0.9, beta2=0.9, eps=1e-08, eps_form='hat')"


# ------------------------------------------------------------------------------------------------- going on
AGAIN = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda o: pickle.loads(pickle.dumps(o)),
}


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("name", RULES)
def test_going_on_with_plain_arrays(name, again, rng):
    grads = [arrays(rng) for _ in range(6)]
    params = arrays(rng)
    other = {key: p.copy() for key, p in params.items()}
    straight, stopped = RULES[name][0](), RULES[name][0]()
    for g in grads:
        straight.update(params, g)
    for g in grads[:3]:
        stopped.update(other, g)
    resumed = AGAIN[again](AGAIN[again](stopped))
    for g in grads[3:]:
        resumed.update(other, g)
    assert resumed.iterations == 6
    for key, p in params.items():
        assert_same_bits(other[key], p, key)


@pytest.mark.parametrize("name", ["SGD", "Nesterov", "Adam"])
def test_going_on_with_a_network(name, rng):
    x, t = rng.standard_normal((16, 4)), rng.integers(2, size=16)
    network, optimizer = nn.mlp([4, 8, 2], seed=0), RULES[name][0]()
    for _ in range(3):
        network.train_step(x, t, optimizer)
    other, resumed = network.copy(), RULES[name][0]()
    resumed.load_state_dict(optimizer.state_dict(network))
    for _ in range(3):
        network.train_step(x, t, optimizer)
        other.train_step(x, t, resumed)
    assert resumed.iterations == 6
    assert_same_bits(other.params["W1"], network.params["W1"])


def test_going_on_with_layers_in_python(rng):
    x, t = rng.standard_normal((16, 4)), rng.integers(2, size=16)
    network = nn.Network([nn.Affine(4, 8, rng=0), Scale(np.ones(8)), nn.Affine(8, 2, rng=1)])
    optimizer = nn.Adam()
    for _ in range(3):
        network.train_step(x, t, optimizer)
    other, resumed = network.copy(), pickle.loads(pickle.dumps(optimizer))
    for _ in range(3):
        network.train_step(x, t, optimizer)
        other.train_step(x, t, resumed)
    assert resumed.iterations == optimizer.iterations == 6
    for key, p in network.params.items():
        assert_same_bits(other.params[key], p, key)


def test_state_that_does_not_fit():
    optimizer = nn.Adam()
    optimizer.update({"W1": np.ones((4, 8))}, {"W1": np.ones((4, 8))})
    other = nn.Adam()
    other.load_state_dict(optimizer.state_dict())
    with pytest.raises(ValueError, match="the loaded state does not fit the network's W1"):
        other._state_of(nn.mlp([4, 7, 2], seed=0))
    with pytest.raises(ValueError, match=r"the loaded state of W1 does not have shape \(2,\)"):
        other.update({"W1": np.ones(2)}, {"W1": np.ones(2)})
    with pytest.raises(ValueError, match="state is of 'Adam'; expected 'SGD'"):
        nn.SGD().load_state_dict(optimizer.state_dict())
    with pytest.raises(ValueError, match="W1 has 2 arrays; expected 0"):
        nn.SGD().load_state_dict({**optimizer.state_dict(), "kind": "SGD"})


def test_state_of_several_networks():
    optimizer = nn.Adam()
    networks = [nn.mlp([2, 2], seed=0) for _ in range(2)]
    for network in networks:
        network.train_step(np.ones((1, 2)), [0], optimizer)
    with pytest.raises(ValueError, match="it serves 2 networks"):
        optimizer.state_dict()
    assert optimizer.state_dict(networks[1])["iterations"] == 1
