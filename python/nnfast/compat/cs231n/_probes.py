"""What tells whether a function of somebody's homework is the course's: see ``nnfast.compat._match``.

A name "Class.method" stands for the method alone: constructors differ from year to year, `loss` does not.

Not here, and so always the user's own: Solver, which takes its rules from the user's ``optim``; numerical gradients,
dropout and ``layer_utils``, which are as fast as what they call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

__all__ = ["PROBES"]


def _draw(seed: int, *shapes: Any, dtype: Any = np.float64) -> list[Any]:
    rng = np.random.RandomState(seed)
    return [rng.randn(*shape).astype(dtype) for shape in shapes]


def _error(function: Callable[..., Any], *arguments: Any) -> tuple[str, str]:
    try:
        function(*arguments)
    except Exception as error:
        return type(error).__name__, str(error)
    return "", ""


def _kinds(found: Any) -> Any:
    """The dtypes alone: in float32 the order of a sum shows, and what the formula is, float64 has told."""
    if isinstance(found, dict):
        return {key: _kinds(value) for key, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [_kinds(value) for value in found]
    return str(getattr(found, "dtype", type(found).__name__))


def _in_both(probe: Callable[[SimpleNamespace, Any], Any]) -> Callable[[SimpleNamespace], Any]:
    return lambda ns: (probe(ns, np.float64), _kinds(probe(ns, np.float32)))


# ---- layers


def _affine(ns: SimpleNamespace, dtype: Any) -> Any:
    x, w, b, dout = _draw(1, (4, 2, 3), (6, 5), (5,), (4, 5), dtype=dtype)
    out, cache = ns.affine_forward(x, w, b)
    same = [np.shares_memory(a, b) and np.array_equal(a, b) for a, b in zip(cache, (x, w, b), strict=True)]
    return out, same, tuple(ns.affine_backward(dout, (x, w, b))), x, w, b, dout


def _relu(ns: SimpleNamespace, dtype: Any) -> Any:
    x, dout = _draw(2, (4, 5), (4, 5), dtype=dtype)
    x *= 10
    x[1, :3] = 0.0, -1e-9, 1e-9
    out, cache = ns.relu_forward(x)
    return out, cache is x, ns.relu_backward(dout, x), x, dout


def _loss(name: str) -> Callable[[SimpleNamespace], Any]:
    def probe(ns: SimpleNamespace, dtype: Any) -> Any:
        (x,) = _draw(3, (6, 4), dtype=dtype)
        x *= 3
        x[2] += 1000  # too much for exp without a shift
        y = np.array([0, 3, 1, 1, 2, 0])
        loss, dx = getattr(ns, name)(x, y)
        return loss, dx, x

    return _in_both(probe)


def _batchnorm(ns: SimpleNamespace) -> Any:
    x, gamma, beta, dout = _draw(4, (5, 3), (3,), (3,), (5, 3))
    x[:, 1] *= 1e-3  # so that eps counts
    param: dict[str, Any] = {"mode": "train"}
    found: list[Any] = []
    for shift in (0.0, 1.0):
        out, cache = ns.batchnorm_forward(x + shift, gamma, beta, param)
        found += [out, dict(param)]
        found += [tuple(ns.batchnorm_backward(dout, cache)), tuple(ns.batchnorm_backward_alt(dout, cache))]
    param["mode"] = "test"
    out, _ = ns.batchnorm_forward(x, gamma, beta, param)
    found += [out, dict(param)]
    other = {"mode": "train", "eps": 0.1, "momentum": 0.5}
    found += [ns.batchnorm_forward(x, gamma, beta, other)[0], other]
    return found, _error(ns.batchnorm_forward, x, gamma, beta, {"mode": "tset"}), x, gamma, beta, dout


def _layernorm(ns: SimpleNamespace) -> Any:
    x, gamma, beta, dout = _draw(5, (5, 4), (4,), (4,), (5, 4))
    x[2] *= 1e-3
    found: list[Any] = []
    for param in ({}, {"eps": 0.1, "mode": "test"}):
        out, cache = ns.layernorm_forward(x, gamma, beta, param)
        found += [out, dict(param), tuple(ns.layernorm_backward(dout, cache))]
    return found, x, gamma, beta, dout


def _groupnorm(ns: SimpleNamespace) -> Any:
    x, gamma, beta, dout = _draw(6, (2, 4, 2, 3), (1, 4, 1, 1), (1, 4, 1, 1), (2, 4, 2, 3))
    x[1] *= 1e-3
    out, cache = ns.spatial_groupnorm_forward(x, gamma, beta, 2, {})
    return out, tuple(ns.spatial_groupnorm_backward(dout, cache)), x, dout


_WINDOWS: tuple[tuple[tuple[int, ...], int, int], ...] = (((2, 2, 5, 4), 1, 1), ((1, 2, 5, 5), 2, 0))


def _convolution(forward: str, backward: str) -> Callable[[SimpleNamespace], Any]:
    def probe(ns: SimpleNamespace) -> Any:
        found: list[Any] = []
        for shape, stride, pad in _WINDOWS:
            x, w, b = _draw(7, shape, (3, 2, 3, 3), (3,))
            param = {"stride": stride, "pad": pad}
            rows, columns = ((n + 2 * pad - 3) // stride + 1 for n in shape[2:])
            (dout,) = _draw(8, (shape[0], 3, rows, columns))
            try:
                out, cache = getattr(ns, forward)(x, w, b, param)
                dx, dw, db = getattr(ns, backward)(dout, cache)
            except NameError as error:
                # The course's extension was not built. What it was to give is known, so ours may take its place.
                if "cython" not in str(error):
                    raise
                out, dx, dw, db = _convolved(dout, x, w, b, stride, pad)
            found += [np.ascontiguousarray(out), np.ascontiguousarray(dx), dw, db]
        return found

    return probe


def _convolved(dout: Any, x: Any, w: Any, b: Any, stride: int, pad: int) -> tuple[Any, Any, Any, Any]:
    """out, dx, dw, db of a convolution."""
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    out, dpadded, dw = np.zeros_like(dout) + b.reshape(1, -1, 1, 1), np.zeros_like(padded), np.zeros_like(w)
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            rows = slice(i, i + stride * dout.shape[2], stride)
            columns = slice(j, j + stride * dout.shape[3], stride)
            under = padded[:, :, rows, columns]
            out += np.einsum("nchw,fc->nfhw", under, w[:, :, i, j])
            dw[:, :, i, j] = np.einsum("nfhw,nchw->fc", dout, under)
            dpadded[:, :, rows, columns] += np.einsum("nfhw,fc->nchw", dout, w[:, :, i, j])
    inside = (slice(None), slice(None), slice(pad, pad + x.shape[2]), slice(pad, pad + x.shape[3]))
    return out, dpadded[inside], dw, dout.sum(axis=(0, 2, 3))


def _max_pool(forward: str, backward: str, windows: tuple[tuple[int, int, int], ...]) -> Any:
    def probe(ns: SimpleNamespace) -> Any:
        found: list[Any] = []
        for height, width, stride in windows:
            (x,) = _draw(9, (2, 2, 4, 4))
            x[0, 0] = np.round(x[0, 0])  # equal values in a window
            param = {"pool_height": height, "pool_width": width, "stride": stride}
            out, cache = getattr(ns, forward)(x, param)
            (dout,) = _draw(10, out.shape)
            found += [np.ascontiguousarray(out), np.ascontiguousarray(getattr(ns, backward)(dout, cache))]
        return found

    return probe


# ---- optim


def _rule(name: str, **numbers: Any) -> Callable[[SimpleNamespace], Any]:
    def probe(ns: SimpleNamespace, dtype: Any) -> Any:
        rule = getattr(ns, name)
        found: list[Any] = []
        w, g1, g2 = _draw(11, (3, 4), (3, 4), (3, 4), dtype=dtype)
        g1[0] *= 1e-7  # so that epsilon counts
        for config in (None, dict(numbers)):
            p = w.copy()
            next_w, state = rule(p, g1, config)
            found += [next_w, next_w is p, p, dict(state), state is config]
            p, state = next_w, dict(state)
            next_w, state = rule(p, g2, state)
            found += [next_w, p, dict(state), g1, g2]
        return found

    return _in_both(probe)


# ---- classifiers.fc_net


def _gradients(net: Any, x: Any, y: Any) -> Any:
    scores = net.loss(x)
    loss, grads = net.loss(x, y)
    return scores, loss, {name: grads[name] for name in sorted(grads)}


def _two_layers(ns: SimpleNamespace) -> Any:
    found = []
    for reg in (0.0, 0.3):
        net = ns.TwoLayerNet(input_dim=6, hidden_dim=5, num_classes=3, weight_scale=0.1, reg=reg)
        w1, b1, w2, b2, x = _draw(12, (6, 5), (5,), (5, 3), (3,), (4, 2, 3))
        net.params = {"W1": w1, "b1": b1, "W2": w2, "b2": b2}
        found.append((_gradients(net, x, np.array([0, 2, 1, 1])), net.params))
    return found


def _many_layers(ns: SimpleNamespace, dtype: Any) -> Any:
    found: list[Any] = []
    for norm, keep in ((None, 1), (None, 0.5), ("batchnorm", 1), ("layernorm", 1)):
        net = ns.FullyConnectedNet([5, 4], input_dim=6, num_classes=3, reg=0.3, weight_scale=0.1, dtype=dtype)
        w1, b1, w2, b2, w3, b3, x = _draw(13, (6, 5), (5,), (5, 4), (4,), (4, 3), (3,), (4, 2, 3))
        params = {"W1": w1, "b1": b1, "W2": w2, "b2": b2, "W3": w3, "b3": b3}
        net.normalization = norm
        if norm is not None:
            g1, s1, g2, s2 = _draw(14, (5,), (5,), (4,), (4,))
            params.update(gamma1=g1, beta1=s1, gamma2=g2, beta2=s2)
            net.bn_params = [{"mode": "train"} if norm == "batchnorm" else {} for _ in range(2)]
        if keep != 1:
            net.use_dropout, net.dropout_param = True, {"mode": "train", "p": keep, "seed": 3}
        net.params = {name: value.astype(dtype) for name, value in params.items()}
        found += [_gradients(net, x, np.array([0, 2, 1, 1])) for _ in range(2)]
        found += [net.params, [dict(param) for param in net.bn_params], dict(net.dropout_param)]
    return found


PROBES: dict[str, dict[tuple[str, ...], Callable[[SimpleNamespace], Any]]] = {
    "layers": {
        ("affine_forward", "affine_backward"): _in_both(_affine),
        ("relu_forward", "relu_backward"): _in_both(_relu),
        ("softmax_loss",): _loss("softmax_loss"),
        ("svm_loss",): _loss("svm_loss"),
        ("batchnorm_forward", "batchnorm_backward", "batchnorm_backward_alt"): _batchnorm,
        ("layernorm_forward", "layernorm_backward"): _layernorm,
        ("spatial_groupnorm_forward", "spatial_groupnorm_backward"): _groupnorm,
        ("conv_forward_naive", "conv_backward_naive"): _convolution(
            "conv_forward_naive", "conv_backward_naive"
        ),
        ("max_pool_forward_naive", "max_pool_backward_naive"): _max_pool(
            "max_pool_forward_naive", "max_pool_backward_naive", ((2, 2, 2), (2, 3, 1))
        ),
    },
    "fast_layers": {
        (
            "conv_forward_fast",
            "conv_backward_fast",
            "conv_forward_strides",
            "conv_backward_strides",
        ): _convolution("conv_forward_strides", "conv_backward_strides"),
        ("max_pool_forward_reshape", "max_pool_backward_reshape"): _max_pool(
            "max_pool_forward_reshape", "max_pool_backward_reshape", ((2, 2, 2),)
        ),
        ("max_pool_forward_im2col", "max_pool_backward_im2col"): _max_pool(
            "max_pool_forward_im2col", "max_pool_backward_im2col", ((2, 2, 1), (4, 2, 2))
        ),
    },
    "optim": {
        ("sgd",): _rule("sgd", learning_rate=0.3),
        ("sgd_momentum",): _rule("sgd_momentum", learning_rate=0.3, momentum=0.5),
        ("rmsprop",): _rule("rmsprop", learning_rate=0.3, decay_rate=0.5, epsilon=1e-3),
        ("adam",): _rule("adam", learning_rate=0.3, beta1=0.5, beta2=0.7, epsilon=1e-3),
    },
    "classifiers.fc_net": {
        ("TwoLayerNet.loss",): _two_layers,
        ("FullyConnectedNet.loss",): _in_both(_many_layers),
    },
}
