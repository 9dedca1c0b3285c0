"""The formulas of :mod:`.layers` in NumPy, for what the core does not take: integers, float16, mixed or odd operands.

Values, dtypes, warnings and errors are NumPy's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..._typing import Array


def alike(x: Any, y: Any) -> bool:
    """Whether both are float32 or both float64."""
    try:
        kind = x.dtype.char
        return kind in "df" and bool(y.dtype.char == kind)
    except AttributeError:
        return False


def all_alike(x: Any, y: Any, z: Any) -> bool:
    """Whether all three are float32 or all float64."""
    try:
        kind = x.dtype.char
        return kind in "df" and bool(y.dtype.char == kind == z.dtype.char)
    except AttributeError:
        return False


def labels(y: Any) -> bool:
    """Whether y is a flat array of integers, as the core wants labels."""
    return type(y) is np.ndarray and y.ndim == 1 and y.dtype.kind in "iu"


def affine_backward(dout: Array, x: Array, w: Array) -> tuple[Array, Array, Array]:
    dx = dout.dot(w.T).reshape(x.shape)
    return dx, x.reshape(x.shape[0], -1).T.dot(dout), np.sum(dout, axis=0)


def softmax_loss(x: Array, y: Array) -> tuple[Any, Array]:
    count = x.shape[0]
    picked = np.arange(count), y
    shifted = x - np.max(x, axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    loss = -np.sum(log_probabilities[picked]) / count
    dx = np.exp(log_probabilities)
    dx[picked] -= 1
    dx /= count
    return loss, dx


def svm_loss(x: Array, y: Array) -> tuple[Any, Array]:
    count = x.shape[0]
    picked = np.arange(count), y
    margins = np.maximum(0, x - x[picked][:, np.newaxis] + 1.0)
    margins[picked] = 0
    missed = margins > 0
    dx = np.zeros_like(x)
    dx[missed] = 1
    dx[picked] -= np.sum(missed, axis=1)
    dx /= count
    return np.sum(margins) / count, dx


def statistics(x: Array, axis: int, eps: float) -> tuple[Array, Array, Array]:
    """(mean, var, 1 / sqrt(var + eps)) along an axis, the biased variance."""
    mean, var = np.mean(x, axis=axis), np.var(x, axis=axis)
    return mean, var, 1 / np.sqrt(var + eps)


def normalization_backward(
    dout: Array, x: Array, gamma: Array, mean: Array, inv_std: Array, axis: int
) -> tuple[Array, Array, Array]:
    """Of batch normalization (axis 0) and layer normalization (axis 1)."""
    xn = (x - np.expand_dims(mean, axis)) * np.expand_dims(inv_std, axis)
    g = dout * gamma
    middle = g - np.mean(g, axis=axis, keepdims=True) - xn * np.mean(g * xn, axis=axis, keepdims=True)
    return np.expand_dims(inv_std, axis) * middle, np.sum(dout * xn, axis=0), np.sum(dout, axis=0)


def update(
    kind: str, w: Array, dw: Array, states: list[Any], numbers: tuple[Any, ...], t: Any
) -> tuple[Array, list[Any]]:
    """(next w, new states) of sgd_momentum, rmsprop and adam; `numbers` in the order of their keywords."""
    if kind == "momentum":
        lr, momentum = numbers
        velocity = momentum * states[0] - lr * dw
        return w + velocity, [velocity]
    if kind == "rmsprop":
        lr, decay, eps = numbers
        cache = decay * states[0] + (1 - decay) * dw**2
        return w - lr * dw / (np.sqrt(cache) + eps), [cache]
    lr, beta1, beta2, eps = numbers
    m = beta1 * states[0] + (1 - beta1) * dw
    v = beta2 * states[1] + (1 - beta2) * dw**2
    mhat, vhat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * mhat / (np.sqrt(vhat) + eps), [m, v]
