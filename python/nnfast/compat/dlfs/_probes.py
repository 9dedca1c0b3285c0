"""What tells the book's functions and classes from edited ones: a probe returns everything that the book fixes.

A probe gets a namespace with the names of a module, the user's or ours, and must find the same in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._match import AnotherError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PROBES", "REPAIRED"]


def _draw(*shape: int, seed: int = 0) -> Any:
    return np.random.RandomState(seed).randn(*shape)


def _one_hot(labels: list[int], count: int) -> Any:
    return np.eye(count)[labels]


# ---- functions

_X = np.array([[-800.0, -1.5, -0.0], [0.0, 0.3, 30.0], [800.0, 0.3, -2.0]])
_Y = np.array([[0.1, 0.7, 0.2], [1e-9, 0.5, 0.5]])


def _elementwise(name: str) -> Callable[[Any], Any]:
    def probe(m: Any) -> Any:
        f = getattr(m, name)
        x = _X.copy()
        return f(x), f(x.astype(np.float32)), f(np.array(0.25)), x

    return probe


def _identity(m: Any) -> Any:
    x = _X.copy()
    return m.identity_function(x) is x


def _squared_error(name: str) -> Callable[[Any], Any]:
    def probe(m: Any) -> Any:
        f = getattr(m, name)
        return f(_draw(5, 2), _draw(5, 2, seed=1)), f(_X[:2] / 100, _Y), f(_draw(4), _draw(4, seed=1))

    return probe


def _cross_entropy(m: Any) -> Any:
    f = m.cross_entropy_error
    return (
        f(_Y, np.array([1, 0], np.uint8)),
        f(_Y, _one_hot([1, 2], 3)),
        f(_Y[0], _one_hot([2], 3)[0]),
        f(_Y, np.array([[0.2, 0.8, 0.0], [0.4, 0.3, 0.3]])),
    )


def _softmax_loss(m: Any) -> Any:
    return m.softmax_loss(_X / 10, np.array([2, 0, 1]))


# ---- layers


def _relu(m: Any) -> Any:
    layer = m.Relu()
    before = layer.mask
    x = _X.copy()
    out = layer.forward(x)
    dout = _draw(3, 3)
    dx = layer.backward(dout)
    return before, out, out is x, x, layer.mask, dx, dx is dout


def _sigmoid(m: Any) -> Any:
    layer = m.Sigmoid()
    out = layer.forward(_X / 10)
    return out, layer.out, layer.backward(_draw(3, 3))


def _affine(m: Any) -> Any:
    found = []
    for shape in ((3, 4), (3, 2, 1, 2)):
        W, b = _draw(4, 2, seed=1), _draw(2, seed=2)
        layer = m.Affine(W, b)
        before = layer.dW, layer.db, layer.x
        x = _draw(*shape)
        out = layer.forward(x)
        W *= 2
        dx = layer.backward(_draw(3, 2, seed=3))
        again = layer.forward(x.astype(np.float32))
        kept = layer.W is W, layer.b is b, layer.original_x_shape
        found.append((before, out, dx, layer.dW, layer.db, layer.x, again, W, b, kept))
    return found


def _softmax_with_loss(m: Any) -> Any:
    layer = m.SoftmaxWithLoss()
    found = []
    for t in (np.array([2, 0, 1]), _one_hot([2, 0, 1], 4), np.full((3, 4), 0.25)):
        loss = layer.forward(_draw(3, 4), t)
        found.append((loss, layer.y, layer.loss, layer.t is t, layer.backward(), layer.backward(2.0)))
    return found


def _dropout(m: Any) -> Any:
    layer = m.Dropout(0.3)
    np.random.seed(0)
    x = _draw(4, 5)
    out = layer.forward(x)
    tested = layer.forward(x, False)
    return out, layer.mask, tested, layer.backward(_draw(4, 5, seed=1)), layer.dropout_ratio, np.random.rand()


def _batch_normalization(m: Any) -> Any:
    layer = m.BatchNormalization(_draw(3, seed=1), _draw(3, seed=2))
    x = _draw(5, 3)
    out = layer.forward(x)
    dx = layer.backward(_draw(5, 3, seed=3))
    tested = layer.forward(x, train_flg=False)
    statistics = layer.running_mean, layer.running_var, layer.xc, layer.xn, layer.std, layer.batch_size
    images = m.BatchNormalization(np.ones(4), np.zeros(4)).forward(_draw(3, 1, 2, 2))
    return out, dx, tested, statistics, layer.dgamma, layer.dbeta, layer.momentum, images


def _convolution(m: Any) -> Any:
    found = []
    for stride, pad in ((1, 0), (2, 1)):
        layer = m.Convolution(_draw(2, 3, 3, 3), _draw(2), stride, pad)
        out = layer.forward(_draw(2, 3, 5, 5, seed=1))
        dx = layer.backward(_draw(*out.shape, seed=2))
        found.append((out, dx, layer.dW, layer.db, layer.x, layer.col, layer.col_W))
    return found


def _pooling(m: Any) -> Any:
    layer = m.Pooling(2, 2, stride=2)
    out = layer.forward(np.round(_draw(2, 3, 4, 4)))
    return out, layer.arg_max, layer.backward(_draw(*out.shape, seed=1))


# ---- gradient


def _numerical(name: str) -> Callable[[Any], Any]:
    def probe(m: Any) -> Any:
        x = _draw(2, 2) if name != "_numerical_gradient_1d" else _draw(3)
        seen = []

        def f(given: Any) -> Any:
            seen.append(given.copy())
            return np.sum(given**3)

        return getattr(m, name)(f, x), len(seen), seen[1] - seen[0], x

    return probe


# ---- optimizer


def _optimizer(name: str, *states: str) -> Callable[[Any], Any]:
    def probe(m: Any) -> Any:
        opt = getattr(m, name)()
        params = {"W": _draw(2, 3), "b": _draw(3, seed=1)}
        kept = dict(params)
        for step, size in enumerate((1e-7, 1e-7, 1)):  # epsilon shows beside small gradients
            opt.update(params, {key: size * _draw(*p.shape, seed=step) for key, p in params.items()})
        same = [params[key] is kept[key] for key in params]
        return params, same, [getattr(opt, state) for state in (*states, "lr")]

    return probe


# ---- trainer, networks


def _networks(name: str) -> list[tuple[Any, ...]]:
    plain = [({"activation": "relu"},), ({"activation": "sigmoid", "weight_decay_lambda": 0.3},)]
    if name == "MultiLayerNet":
        return plain
    return [*plain, ({"use_batchnorm": True, "use_dropout": True, "weight_decay_lambda": 0.1},)]


def _refuses(m: Any, name: str, activation: str) -> bool:
    try:
        getattr(m, name)(2, [2], 2, activation=activation)
    except KeyError:
        return True
    return False


def _network(name: str) -> Callable[[Any], Any]:
    def probe(m: Any) -> Any:
        others = ("tanh", "leaky_relu", "elu", "softplus", "swish", "identity")
        found: list[Any] = [_refuses(m, name, activation) for activation in others]
        for scale in ("sigmoid", "Xavier", "he", "ReLU", 0.05):
            np.random.seed(0)
            found.append(getattr(m, name)(3, [4], 2, weight_init_std=scale).params)
        for (options,) in _networks(name):
            np.random.seed(0)
            net = getattr(m, name)(3, [4, 3], 2, **options)
            x, t = _draw(5, 3), np.array([0, 1, 1, 0, 1])
            grads = net.gradient(x, t)
            loss, right = net.loss(x, t), net.accuracy(x, _one_hot([0, 1, 1, 0, 1], 2))
            layers = [(key, type(layer).__name__) for key, layer in net.layers.items()]
            found.append(
                (net.params, grads, loss, right, layers, net.predict(x), type(net.last_layer).__name__)
            )
        np.random.seed(0)
        net = getattr(m, name)(2, [2], 2)
        return found, net.numerical_gradient(_draw(2, 2), np.array([0, 1]))

    return probe


def _two_layer_net(m: Any) -> Any:
    """Chapter 5's; that of chapter 4 has no layers."""
    np.random.seed(0)
    net = m.TwoLayerNet(3, 4, 2)
    if vars(net).keys() == {"params"}:
        raise AnotherError
    x, t = _draw(5, 3), np.array([0, 1, 1, 0, 1])
    params = dict(net.params)
    grads, loss, right = net.gradient(x, t), net.loss(x, t), net.accuracy(x, _one_hot([0, 1, 1, 0, 1], 2))
    layers = [(key, type(layer).__name__) for key, layer in net.layers.items()]
    np.random.seed(0)
    small = m.TwoLayerNet(2, 2, 2, 0.5)
    numeric = small.numerical_gradient(_draw(2, 2), np.array([0, 1]))
    return params, grads, loss, right, layers, net.predict(x), type(net.lastLayer).__name__, numeric


class _Network:
    """For a Trainer: remembers what it is asked."""

    def __init__(self) -> None:
        self.params = {"W": np.zeros(2)}
        self.asked: list[Any] = []

    def gradient(self, x: Any, t: Any) -> Any:
        self.asked.append(("gradient", x, t))
        return {"W": x.sum(axis=0)}

    def loss(self, x: Any, t: Any) -> Any:
        self.asked.append(("loss", x, t))
        return self.params["W"].sum()

    def accuracy(self, x: Any, t: Any) -> Any:
        self.asked.append(("accuracy", x, t))
        return 0.5


def _trainer(m: Any) -> Any:
    found = []
    for options in (
        {},
        {"optimizer": "AdaGrad", "optimizer_param": {"lr": 0.1}, "evaluate_sample_num_per_epoch": 2},
    ):
        np.random.seed(0)
        network = _Network()
        t = np.arange(6)
        x, x_test = _draw(6, 2), _draw(4, 2, seed=1)
        trainer = m.Trainer(network, x, t, x_test, t[:4], epochs=2, mini_batch_size=3, **options)
        trainer.train()
        histories = trainer.train_loss_list, trainer.train_acc_list, trainer.test_acc_list
        counts = trainer.current_iter, trainer.current_epoch, trainer.max_iter, trainer.iter_per_epoch
        found.append((network.asked, network.params, histories, counts))
    return found


# ---- util, layer_naive


def _im2col(m: Any) -> Any:
    x = _draw(2, 2, 5, 4)
    col = m.im2col(x, 3, 2, 1, 1)
    return col, m.im2col(x.astype(np.float32), 2, 2), m.col2im(col, x.shape, 3, 2, 1, 1)


def _shuffle(m: Any) -> Any:
    np.random.seed(0)
    return m.shuffle_dataset(_draw(4, 3), np.arange(4))


def _naive(name: str) -> Callable[[Any], Any]:
    def probe(m: Any) -> Any:
        layer = getattr(m, name)()
        return layer.forward(100, 2), layer.backward(1.5), layer.backward(3)

    return probe


# The Korean edition's fail on NumPy >= 1.24.
REPAIRED = frozenset({"relu_grad", "step_function"})

PROBES: dict[str, dict[tuple[str, ...], Callable[[Any], Any]]] = {
    "functions": {
        ("identity_function",): _identity,
        **{
            (name,): _elementwise(name)
            for name in ("step_function", "sigmoid", "sigmoid_grad", "relu", "relu_grad", "softmax")
        },
        **{
            (name,): _squared_error(name)
            for name in ("sum_squared_error", "mean_squared_error", "sum_squares_error")
        },
        ("cross_entropy_error",): _cross_entropy,
        ("softmax_loss",): _softmax_loss,
    },
    "layers": {
        ("Relu",): _relu,
        ("Sigmoid",): _sigmoid,
        ("Affine",): _affine,
        ("SoftmaxWithLoss",): _softmax_with_loss,
        ("Dropout",): _dropout,
        ("BatchNormalization",): _batch_normalization,
        ("Convolution",): _convolution,
        ("Pooling",): _pooling,
    },
    "gradient": {
        (name,): _numerical(name)
        for name in ("_numerical_gradient_1d", "numerical_gradient_2d", "numerical_gradient")
    },
    "optimizer": {
        ("SGD",): _optimizer("SGD"),
        ("Momentum",): _optimizer("Momentum", "momentum", "v"),
        ("Nesterov",): _optimizer("Nesterov", "momentum", "v"),
        ("AdaGrad",): _optimizer("AdaGrad", "h"),
        ("RMSprop",): _optimizer("RMSprop", "decay_rate", "h"),
        ("Adam",): _optimizer("Adam", "iter", "m", "v", "beta1", "beta2"),
    },
    "trainer": {("Trainer",): _trainer},
    "multi_layer_net": {("MultiLayerNet",): _network("MultiLayerNet")},
    "multi_layer_net_extend": {("MultiLayerNetExtend",): _network("MultiLayerNetExtend")},
    "two_layer_net": {("TwoLayerNet",): _two_layer_net},
    "util": {("im2col", "col2im"): _im2col, ("shuffle_dataset",): _shuffle},
    "layer_naive": {(name,): _naive(name) for name in ("MulLayer", "AddLayer")},
}
