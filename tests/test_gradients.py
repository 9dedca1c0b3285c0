"""A whole training step of the plan: finite differences over every parameter, with batch statistics and dropout
masks in place, for every layer, loss and option; and torch's gradients of the same network."""

import nnfast as nn
import numpy as np
import pytest
from finite_differences import assert_gradient
from nnfast import _core

WIDTH = 5


class Recipe:
    """Builds the dicts of a plan and its flat arrays."""

    def __init__(self, inputs, rng):
        self.layers, self.params, self.state, self.width, self.inputs, self.rng = (
            [],
            [],
            [],
            inputs,
            inputs,
            rng,
        )

    def _add(self, values):
        offset = sum(map(np.size, self.params))
        self.params.append(np.ravel(values))
        return offset

    def affine(self, out, bias=True):
        weight = self._add(self.rng.standard_normal((self.width, out)) * 0.7)
        b = self._add(self.rng.standard_normal(out)) if bias else -1
        self.layers.append({"kind": "affine", "in": self.width, "out": out, "weight": weight, "bias": b})
        self.width = out

    def activation(self, name, alpha=0.0, beta=0.0):
        self.layers.append({"kind": "activation", "f": _core.ACTIVATIONS[name], "alpha": alpha, "beta": beta})

    def prelu(self, size):
        weight = self._add(self.rng.uniform(0.1, 0.5, size))
        self.layers.append({"kind": "prelu", "weight": weight, "alpha_size": size})

    def batch_normalization(self, affine=True):
        gamma = self._add(self.rng.uniform(0.5, 2, self.width)) if affine else -1
        beta = self._add(self.rng.standard_normal(self.width)) if affine else -1
        offset = sum(map(np.size, self.state))
        self.state += [np.zeros(self.width), np.ones(self.width)]
        self.layers.append(
            {
                "kind": "batch_normalization",
                "weight": gamma,
                "bias": beta,
                "state": offset,
                "eps": 1e-3,
                "momentum": 0.9,
                "unbiased": False,
            }
        )

    def layer_normalization(self, affine=True):
        gamma = self._add(self.rng.uniform(0.5, 2, self.width)) if affine else -1
        beta = self._add(self.rng.standard_normal(self.width)) if affine else -1
        self.layers.append({"kind": "layer_normalization", "weight": gamma, "bias": beta, "eps": 1e-3})

    def other(self, kind, **keywords):
        self.layers.append({"kind": kind, **keywords})

    def flat(self):
        return np.concatenate([*self.params, np.zeros(0)]), np.concatenate([*self.state, np.zeros(0)])


def check(recipe, loss, t, *, batch=6, l1=0.0, l2=0.0, **weights):
    params, state = recipe.flat()
    plan = _core.Plan("float64", recipe.inputs, recipe.layers, l1=l1, l2=l2)
    x = recipe.rng.standard_normal((batch, recipe.inputs))
    grads = np.full_like(params, np.nan)

    def f(into):
        return plan.gradient(params, into, state.copy(), x, t, loss, seed=4, step=7, **weights)[0]

    f(grads)
    scratch = np.empty_like(grads)
    assert_gradient(grads, lambda: f(scratch), params, str([layer["kind"] for layer in recipe.layers]))


ACTIVATION_CASES = [
    ("identity", 0, 0), ("leaky_relu", 0.1, 0), ("leaky_relu", -0.4, 0), ("elu", 1.3, 0), ("elu", -1.3, 0),
    ("selu", 1.67, 1.05), ("selu", 0.7, -1.1), ("selu", -0.7, 1.1), ("celu", 0.8, 0), ("celu", -4.0, 0), ("gelu", 0, 0),
    ("gelu_tanh", 0, 0), ("silu", 1, 0), ("silu", -1.7, 0), ("mish", 0, 0), ("sigmoid", 0, 0),
    ("hard_sigmoid", 0.01, 0.5),
    ("log_sigmoid", 0, 0), ("tanh", 0, 0), ("softplus", 0, 0), ("softsign", 0, 0), ("relu", 0, 0), ("hard_swish", 0, 0),
]  # fmt: skip
MIDDLES = {
    f"{name}({alpha}, {beta})": (lambda r, n=name, a=alpha, b=beta: r.activation(n, a, b))
    for name, alpha, beta in ACTIVATION_CASES
}
MIDDLES |= {
    "prelu of one": lambda r: r.prelu(1),
    "prelu of columns": lambda r: r.prelu(WIDTH),
    "softmax": lambda r: r.other("softmax"),
    "log_softmax": lambda r: r.other("log_softmax"),
    "dropout": lambda r: r.other("dropout", ratio=0.4, stream=3),
    "batch_normalization": lambda r: r.batch_normalization(),
    "batch_normalization without gamma": lambda r: r.batch_normalization(affine=False),
    "layer_normalization": lambda r: r.layer_normalization(),
    "layer_normalization without gamma": lambda r: r.layer_normalization(affine=False),
    "affine without bias": lambda r: r.affine(WIDTH, bias=False),
    "nothing": lambda r: None,
}
SEED = 11  # none of the values before an activation is near its kink
CROSS_ENTROPY = _core.LossSpec("softmax_cross_entropy")


@pytest.mark.parametrize("name", list(MIDDLES))
@pytest.mark.parametrize("place", ["first", "between", "last", "twice"])
def test_every_layer_in_every_place(name, place):
    """Fused into the product before it, standing alone, at both ends: the same derivative."""
    rng = np.random.default_rng(SEED)
    middle, recipe = MIDDLES[name], Recipe(WIDTH, rng)
    if place in ("first", "twice"):
        middle(recipe)
    recipe.affine(WIDTH)
    if place in ("between", "twice"):
        middle(recipe)
    if place == "twice":
        middle(recipe)
    recipe.affine(WIDTH)
    if place == "last":
        middle(recipe)
    check(recipe, CROSS_ENTROPY, rng.integers(0, WIDTH, 6))


@pytest.mark.parametrize(
    "first",
    ["gelu(0, 0)", "tanh(0, 0)", "dropout", "batch_normalization", "layer_normalization", "prelu of columns"],
)
@pytest.mark.parametrize(
    "second",
    ["silu(1, 0)", "sigmoid(0, 0)", "dropout", "batch_normalization", "layer_normalization", "softmax"],
)
def test_pairs_of_layers(first, second, rng):
    recipe = Recipe(4, rng)
    recipe.affine(WIDTH)
    MIDDLES[first](recipe)
    MIDDLES[second](recipe)
    recipe.affine(3)
    check(recipe, CROSS_ENTROPY, rng.integers(0, 3, 6))


LOSSES = [
    ("softmax_cross_entropy", {}), ("softmax_cross_entropy", {"label_smoothing": 0.2}),
    ("softmax_cross_entropy", {"ignore_index": 1}), ("sigmoid_cross_entropy", {}), ("squared_error", {}),
    ("squared_error", {"factor": 0.5}), ("absolute_error", {}), ("huber", {"delta": 0.5}),
    ("hinge", {}), ("hinge", {"margin": 0.3}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options"), LOSSES, ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "batch_mean"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", [(0, 0), (0.01, 0.1)], ids=["", "l1 and l2"])
def test_every_loss_and_penalty(kind, options, reduction, weighted, penalty, rng):
    recipe = Recipe(4, rng)
    recipe.affine(WIDTH)
    recipe.activation("tanh")
    recipe.affine(3)
    labels = kind in ("softmax_cross_entropy", "hinge")
    t = (
        rng.integers(0, 3, 6)
        if labels
        else (rng.random((6, 3)) if kind == "sigmoid_cross_entropy" else 4 * rng.standard_normal((6, 3)))
    )
    if options.get("ignore_index") is not None:
        t[0], t[1] = 0, 1
    weights = {}
    if weighted:
        weights["sample_weight"] = rng.uniform(0.2, 2, 6)
        if labels:
            weights["class_weight"] = rng.uniform(0.2, 2, 3)
    check(
        recipe,
        _core.LossSpec(kind, reduction=reduction, **options),
        t,
        l1=penalty[0],
        l2=penalty[1],
        **weights,
    )


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_depths(depth, rng):
    recipe = Recipe(4, rng)
    for _ in range(depth):
        recipe.affine(WIDTH)
        recipe.activation("tanh")
    check(recipe, CROSS_ENTROPY, rng.integers(0, recipe.width, 6))


def test_forward_and_backward_are_the_gradient(rng):
    """The two halves that networks with Python layers use, against the step in one piece."""
    recipe = Recipe(4, rng)
    recipe.affine(WIDTH)
    recipe.batch_normalization()
    recipe.activation("gelu")
    recipe.other("dropout", ratio=0.3, stream=2)
    recipe.affine(3)
    params, state = recipe.flat()
    plan = _core.Plan("float64", 4, recipe.layers)
    x, t = rng.standard_normal((6, 4)), rng.integers(0, 3, 6)
    whole, halves, states = np.empty_like(params), np.empty_like(params), [state.copy(), state.copy()]
    value, _ = plan.gradient(params, whole, states[0], x, t, CROSS_ENTROPY, seed=4, step=7)
    y = plan.forward(params, states[1], x, seed=4, step=7)
    loss, dy = _core.loss_backward(CROSS_ENTROPY, "f", y, t)
    dx = plan.backward(params, halves, states[1], dy)
    assert value == pytest.approx(loss, rel=1e-14)
    np.testing.assert_allclose(halves, whole, rtol=1e-12, atol=1e-15)
    assert np.array_equal(states[0], states[1])

    def f():
        return _core.loss(CROSS_ENTROPY, "f", plan.forward(params, state.copy(), x, seed=4, step=7), t)

    assert_gradient(dx, f, x)


def test_random_networks_are_torchs(torch):
    """Twenty networks of 1-4 layers in float64: every gradient to 1e-12."""
    f = torch.nn.functional
    functions = {
        nn.Relu: torch.relu,
        nn.Tanh: torch.tanh,
        nn.Gelu: f.gelu,
        nn.Silu: f.silu,
        nn.Softplus: f.softplus,
        nn.Mish: f.mish,
    }
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 70, rng.integers(2, 6))
        kinds = [list(functions)[i] for i in rng.integers(0, len(functions), len(sizes) - 1)]
        layers = []
        for inputs, outputs, kind in zip(sizes[:-1], sizes[1:], kinds, strict=True):
            layers += [nn.Affine(int(inputs), int(outputs), dtype=np.float64, rng=rng), kind()]
        network = nn.Network(layers[:-1])
        batch = int(rng.integers(1, 70))
        x, t = rng.standard_normal((batch, sizes[0])), rng.integers(0, sizes[-1], batch)
        tensors = {
            name: torch.tensor(np.array(value), requires_grad=True) for name, value in network.params.items()
        }
        a = torch.tensor(x)
        for i, kind in enumerate(kinds, 1):
            a = a @ tensors[f"W{i}"] + tensors[f"b{i}"]
            a = functions[kind](a) if i < len(kinds) else a
        loss = f.cross_entropy(a, torch.tensor(t))
        loss.backward()
        assert network.loss(x, t) == pytest.approx(loss.item(), rel=1e-12, abs=1e-14)
        for name, gradient in network.gradient(x, t).items():
            expected = tensors[name].grad.numpy()
            np.testing.assert_allclose(
                gradient,
                expected,
                rtol=1e-12,
                atol=1e-12 * max(np.abs(expected).max(), 1e-3),
                err_msg=f"{seed} {name}",
            )
