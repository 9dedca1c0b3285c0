"""The layers of CS231n, pairs of functions: ``out, cache = f_forward(...)``, ``gradients = f_backward(dout, cache)``.

Names, arguments, caches and what is written where are those of the assignments' ``cs231n/layers.py``. float64 or
float32 operands of one dtype are computed by the core; anything else by the same formula in NumPy, so that dtypes,
broadcasting and errors are NumPy's. Arguments are not changed, but for the running statistics in `bn_param`.

The years differ in one thing: `p` of :func:`dropout_forward` is the probability to *keep* a value since 2018, and was
the probability to *drop* it in 2016. For homework of 2016 set ``nnfast.compat.cs231n.layers.DROPOUT_P = "drop"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core
from . import _plain
from ._plain import alike, all_alike

if TYPE_CHECKING:
    from ..._typing import Array

__all__ = [
    "affine_backward",
    "affine_forward",
    "batchnorm_backward",
    "batchnorm_backward_alt",
    "batchnorm_forward",
    "conv_backward_naive",
    "conv_forward_naive",
    "dropout_backward",
    "dropout_forward",
    "layernorm_backward",
    "layernorm_forward",
    "max_pool_backward_naive",
    "max_pool_forward_naive",
    "np",
    "relu_backward",
    "relu_forward",
    "softmax_loss",
    "spatial_batchnorm_backward",
    "spatial_batchnorm_forward",
    "spatial_groupnorm_backward",
    "spatial_groupnorm_forward",
    "svm_loss",
]

DROPOUT_P = "keep"

_RELU = _core.ACTIVATIONS["relu"]
_SOFTMAX = _core.LossSpec("softmax_cross_entropy", ignore_index=None)
_HINGE = _core.LossSpec("hinge", ignore_index=None)


def affine_forward(x: Array, w: Array, b: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    """out = x w + b, where every sample of x is flattened to one row.

    Parameters
    ----------
    x : ndarray (N, d_1, ..., d_k)
    w : ndarray (D, M), D = d_1 ... d_k
    b : ndarray (M,) or (1, M)

    Returns
    -------
    out : ndarray (N, M)
    cache : tuple
        (x, w, b), the very arguments.

    Examples
    --------
    >>> out, cache = affine_forward(np.ones((1, 2, 1)), np.array([[1.0], [2.0]]), np.array([0.5]))
    >>> out
    array([[3.5]])
    """
    rows = x.reshape(x.shape[0], -1)
    out: Array | None = _core.course_affine(rows, w, b)
    return (rows.dot(w) + b if out is None else out), (x, w, b)


def affine_backward(dout: Array, cache: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    """dx = dout w^T,  dw = x^T dout,  db = sum of dout over the samples.

    Parameters
    ----------
    dout : ndarray (N, M)
    cache : tuple
        (x, w, b) of :func:`affine_forward`.

    Returns
    -------
    dx : ndarray of x's shape
    dw : ndarray (D, M)
    db : ndarray of b's shape
    """
    x, w, b = cache
    rows = x.reshape(x.shape[0], -1)
    found: Any = _core.course_affine_gradients(dout, rows, w, True)
    dx, dw, db = _plain.affine_backward(dout, x, w) if found is None else found
    return dx.reshape(x.shape), dw, db.reshape(1, -1) if np.ndim(b) == 2 else db


def relu_forward(x: Array) -> tuple[Array, Array]:
    """out = max(0, x), and cache = x itself.

    Examples
    --------
    >>> relu_forward(np.array([-1.0, 2.0]))[0]
    array([0., 2.])
    """
    return (_core.activation(_RELU, x) if alike(x, x) else np.maximum(0, x)), x


def relu_backward(dout: Array, cache: Array) -> Array:
    """dx = dout where x > 0, else 0. dout is not changed.

    Parameters
    ----------
    dout : ndarray, any shape
    cache : ndarray of that shape
        The x of :func:`relu_forward`.
    """
    if alike(dout, cache) and dout.shape == cache.shape:
        return _core.activation_backward(_RELU, dout, cache)
    dx: Array = dout * (cache > 0)
    return dx


def softmax_loss(x: Array, y: Array) -> tuple[Any, Array]:
    """The mean of -log softmax(x)[label] over the samples, by log-sum-exp, and its gradient.

    Parameters
    ----------
    x : ndarray (N, C)
        Scores.
    y : ndarray (N,) of integers
        Labels.

    Returns
    -------
    loss : NumPy scalar of x's dtype
    dx : ndarray (N, C)

    Examples
    --------
    >>> loss, dx = softmax_loss(np.zeros((1, 2)), np.array([0]))
    >>> print(round(loss, 6), dx)
    0.693147 [[-0.5  0.5]]
    """
    return _loss(_SOFTMAX, "softmax_loss", x, y) or _plain.softmax_loss(x, y)


def svm_loss(x: Array, y: Array) -> tuple[Any, Array]:
    """The mean over the samples of the sum of max(0, x_j - x_label + 1) over j != label, and its gradient.

    Parameters
    ----------
    x : ndarray (N, C)
        Scores.
    y : ndarray (N,) of integers
        Labels.

    Returns
    -------
    loss : NumPy scalar of x's dtype
    dx : ndarray (N, C)
    """
    return _loss(_HINGE, "svm_loss", x, y) or _plain.svm_loss(x, y)


def _loss(spec: _core.LossSpec, name: str, x: Array, y: Array) -> tuple[Any, Array] | None:
    """None for what only NumPy does: negative labels count from the end, say."""
    if alike(x, x) and x.ndim == 2 and _plain.labels(y):
        try:
            loss, dx = _core.loss_backward(spec, name, x, y)
        except (ValueError, IndexError):
            return None
        return x.dtype.type(loss), dx
    return None


def batchnorm_forward(
    x: Array, gamma: Array, beta: Array, bn_param: dict[str, Any]
) -> tuple[Array, tuple[Array, Array, Array, Array] | None]:
    """out = gamma (x - mean) / sqrt(var + eps) + beta per column.

    Parameters
    ----------
    x : ndarray (N, D)
    gamma, beta : ndarray (D,)
    bn_param : dict
        ``mode`` is "train" (statistics of the batch) or "test" (running statistics); ``eps`` is 1e-5 and ``momentum``
        0.9 unless given. ``running_mean`` and ``running_var`` start at 0 and are written back as new arrays:
        ``running = momentum * running + (1 - momentum) * batch``, with the biased variance.

    Returns
    -------
    out : ndarray (N, D)
    cache : tuple, or None in test mode

    Raises
    ------
    ValueError
        There is no such mode.
    """
    mode = bn_param["mode"]
    eps = bn_param.get("eps", 1e-5)
    momentum = bn_param.get("momentum", 0.9)
    _, width = x.shape
    running_mean, running_var = _running(bn_param, width, x.dtype)
    ready = all_alike(x, gamma, beta)
    cache = None
    if mode == "train":
        out, mean, var, inv_std = _train(x, gamma, beta, eps, ready)
        running_mean, running_var = _follow(running_mean, running_var, mean, var, x.shape[0], momentum)
        cache = (x, gamma, mean, inv_std)
    elif mode == "test":
        out = _infer(x, gamma, beta, running_mean, running_var, eps, ready)
    else:
        raise ValueError(f'Invalid forward batchnorm mode "{mode}"')
    bn_param["running_mean"] = running_mean
    bn_param["running_var"] = running_var
    return out, cache


def _running(bn_param: dict[str, Any], width: int, dtype: Any) -> tuple[Array, Array]:
    """The running statistics, zeros at first."""
    found = bn_param.get("running_mean"), bn_param.get("running_var")
    mean, var = (np.zeros(width, dtype=dtype) if a is None else a for a in found)
    return mean, var


def _follow_batch(bn_param: dict[str, Any], statistics: tuple[Array, ...], rows: int) -> None:
    """What :func:`batchnorm_forward` does to `bn_param` in training, with (mean, var) of the batch."""
    mean, var = statistics
    running = _running(bn_param, len(mean), mean.dtype)
    momentum = bn_param.get("momentum", 0.9)
    bn_param["running_mean"], bn_param["running_var"] = _follow(*running, mean, var, rows, momentum)


def _train(x: Array, gamma: Array, beta: Array, eps: float, ready: bool) -> tuple[Array, Array, Array, Array]:
    if ready:
        try:
            return _core.batch_normalization_train(x, gamma, beta, eps)
        except (ValueError, TypeError):
            pass
    mean, var, inv_std = _plain.statistics(x, 0, eps)
    return (x - mean) * inv_std * gamma + beta, mean, var, inv_std


def _follow(
    running_mean: Array, running_var: Array, mean: Array, var: Array, rows: int, momentum: float
) -> tuple[Array, Array]:
    """The new running statistics: new arrays, as nobody knows who holds the old ones."""
    if all_alike(mean, running_mean, running_var):
        try:
            new_mean, new_var = running_mean.copy(), running_var.copy()
            _core.update_running_statistics(new_mean, new_var, mean, var, rows, momentum, False)
        except (ValueError, TypeError):
            pass
        else:
            return new_mean, new_var
    return (
        momentum * running_mean + (1 - momentum) * mean,
        momentum * running_var + (1 - momentum) * var,
    )


def _infer(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float, ready: bool) -> Array:
    if ready and all_alike(x, mean, var):
        try:
            return _core.batch_normalization_inference(x, gamma, beta, mean, var, eps)
        except (ValueError, TypeError):
            pass
    out: Array = gamma * (x - mean) / np.sqrt(var + eps) + beta
    return out


def batchnorm_backward(dout: Array, cache: Any) -> tuple[Array, Array, Array]:
    """dx, dgamma, dbeta of :func:`batchnorm_forward` in training mode.

    Parameters
    ----------
    dout : ndarray (N, D)
    cache : tuple
        Of the forward pass.

    Returns
    -------
    dx : ndarray (N, D)
    dgamma, dbeta : ndarray (D,)
    """
    x, gamma, mean, inv_std = cache
    if all_alike(dout, x, gamma):
        try:
            return _core.batch_normalization_backward(dout, x, gamma, mean, inv_std)
        except ValueError:
            pass
    return _plain.normalization_backward(dout, x, gamma, mean, inv_std, 0)


def batchnorm_backward_alt(dout: Array, cache: Any) -> tuple[Array, Array, Array]:
    """The same as :func:`batchnorm_backward`; the assignment asks for two derivations."""
    return batchnorm_backward(dout, cache)


def layernorm_forward(
    x: Array, gamma: Array, beta: Array, ln_param: dict[str, Any]
) -> tuple[Array, tuple[Array, Array, Array, Array]]:
    """out = gamma (x - mean) / sqrt(var + eps) + beta, with the statistics of each row.

    Parameters
    ----------
    x : ndarray (N, D)
    gamma, beta : ndarray (D,)
    ln_param : dict
        ``eps`` is 1e-5 unless given; other keys are not looked at.

    Returns
    -------
    out : ndarray (N, D)
    cache : tuple
    """
    eps = ln_param.get("eps", 1e-5)
    if all_alike(x, gamma, beta):
        try:
            out, mean, inv_std = _core.layer_normalization(x, gamma, beta, eps)
        except (ValueError, TypeError):
            pass
        else:
            return out, (x, gamma, mean, inv_std)
    mean, _, inv_std = _plain.statistics(x, 1, eps)
    return (x - mean[:, None]) * inv_std[:, None] * gamma + beta, (x, gamma, mean, inv_std)


def layernorm_backward(dout: Array, cache: Any) -> tuple[Array, Array, Array]:
    """dx, dgamma, dbeta of :func:`layernorm_forward`.

    Parameters
    ----------
    dout : ndarray (N, D)
    cache : tuple
        Of the forward pass.

    Returns
    -------
    dx : ndarray (N, D)
    dgamma, dbeta : ndarray (D,)
    """
    x, gamma, mean, inv_std = cache
    if all_alike(dout, x, gamma):
        try:
            return _core.layer_normalization_backward(dout, x, gamma, mean, inv_std)
        except ValueError:
            pass
    return _plain.normalization_backward(dout, x, gamma, mean, inv_std, 1)


def dropout_forward(
    x: Array, dropout_param: dict[str, Any]
) -> tuple[Array, tuple[dict[str, Any], Array | None]]:
    """Inverted dropout: in training out = x mask with mask = (random < p) / p, in test out = x.

    Parameters
    ----------
    x : ndarray, any shape
    dropout_param : dict
        ``p``, the probability to keep a value (to drop it where :data:`DROPOUT_P` is "drop"); ``mode``, "train" or
        "test"; where there is a ``seed``, the global generator is seeded with it. A training pass draws
        ``np.random.rand(*x.shape)``.

    Returns
    -------
    out : ndarray of x's shape and dtype
    cache : tuple
        (dropout_param, mask); the mask is None in test mode.
    """
    return _dropout(x, dropout_param, DROPOUT_P == "drop")


def _dropout(
    x: Array, dropout_param: dict[str, Any], drop: bool
) -> tuple[Array, tuple[dict[str, Any], Array | None]]:
    p, mode = dropout_param["p"], dropout_param["mode"]
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])
    mask: Any = None
    out: Any = None
    if mode == "train":
        draws = np.random.random_sample(x.shape)
        kept = draws >= p if drop else draws < p
        probability = 1 - p if drop else p
        # 1 (1 / p) is 1 / p to the last bit, and a product is quicker
        plain = type(probability) is float and probability > 0
        mask = kept * (1 / probability) if plain else kept / probability
        out = x * mask
    elif mode == "test":
        out = x
    return out.astype(x.dtype, copy=False), (dropout_param, mask)


def dropout_backward(dout: Array, cache: tuple[dict[str, Any], Array | None]) -> Array:
    """dx = dout mask after a training pass, dout after a test pass.

    Parameters
    ----------
    dout : ndarray, any shape
    cache : tuple
        (dropout_param, mask); the mode is looked up now.
    """
    dropout_param, mask = cache
    mode = dropout_param["mode"]
    dx: Any = None
    if mode == "train":
        dx = dout * mask
    elif mode == "test":
        dx = dout
    return dx  # type: ignore[no-any-return]


def conv_forward_naive(
    x: Array, w: Array, b: Array, conv_param: dict[str, int]
) -> tuple[Array, tuple[Array, Array, Array, dict[str, int]]]:
    """Every filter over every window of the padded images, plus its bias.

    Parameters
    ----------
    x : ndarray (N, C, H, W)
    w : ndarray (F, C, HH, WW)
    b : ndarray (F,)
    conv_param : dict
        ``stride`` and ``pad``.

    Returns
    -------
    out : ndarray (N, F, 1 + (H + 2 pad - HH) // stride, 1 + (W + 2 pad - WW) // stride)
    cache : tuple
        (x, w, b, conv_param)
    """
    out = _core.convolution(x, w, b, conv_param["stride"], conv_param["pad"])
    return out, (x, w, b, conv_param)


def conv_backward_naive(
    dout: Array, cache: tuple[Array, Array, Array, dict[str, int]]
) -> tuple[Array, Array, Array]:
    """dx, dw, db of :func:`conv_forward_naive`, of the shapes of x, w and b.

    Parameters
    ----------
    dout : ndarray (N, F, H', W')
    cache : tuple
        (x, w, b, conv_param)
    """
    x, w, b, conv_param = cache
    dx, dw, db = _core.convolution_backward(dout, x, w, conv_param["stride"], conv_param["pad"])
    return dx, dw, db.reshape(np.shape(b)) if np.size(b) == db.size else db


def max_pool_forward_naive(
    x: Array, pool_param: dict[str, int]
) -> tuple[Array, tuple[Array, dict[str, int]]]:
    """The largest value of every window.

    Parameters
    ----------
    x : ndarray (N, C, H, W)
    pool_param : dict
        ``pool_height``, ``pool_width`` and ``stride``.

    Returns
    -------
    out : ndarray (N, C, 1 + (H - pool_height) // stride, 1 + (W - pool_width) // stride)
    cache : tuple
        (x, pool_param)
    """
    return _core.max_pool(x, *_pool(pool_param))[0], (x, pool_param)


def max_pool_backward_naive(dout: Array, cache: tuple[Array, dict[str, int]]) -> Array:
    """dx of :func:`max_pool_forward_naive`: of equal values in a window the first one gets the gradient.

    Parameters
    ----------
    dout : ndarray (N, C, H', W')
    cache : tuple
        (x, pool_param)
    """
    x, pool_param = cache
    where = _core.max_pool(x, *_pool(pool_param))[1]
    return _core.max_pool_backward(dout, where, x.shape, *_pool(pool_param))


def _pool(pool_param: dict[str, int]) -> tuple[int, int, int, int]:
    return pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"], 0


def spatial_batchnorm_forward(
    x: Array, gamma: Array, beta: Array, bn_param: dict[str, Any]
) -> tuple[Array, Any]:
    """:func:`batchnorm_forward` per channel, over samples and positions.

    Parameters
    ----------
    x : ndarray (N, C, H, W)
    gamma, beta : ndarray (C,)
    bn_param : dict
        As for :func:`batchnorm_forward`.

    Returns
    -------
    out : ndarray (N, C, H, W)
    cache : tuple, or None in test mode
    """
    out, cache = batchnorm_forward(_channels_last(x), gamma, beta, bn_param)
    return _channels_first(out, x.shape), cache


def spatial_batchnorm_backward(dout: Array, cache: Any) -> tuple[Array, Array, Array]:
    """dx (N, C, H, W), dgamma (C,), dbeta (C,) of :func:`spatial_batchnorm_forward`."""
    dx, dgamma, dbeta = batchnorm_backward(_channels_last(dout), cache)
    return _channels_first(dx, dout.shape), dgamma, dbeta


def _channels_last(x: Array) -> Array:
    _, channels, _, _ = x.shape
    return x.transpose(0, 2, 3, 1).reshape(-1, channels)


def _channels_first(rows: Array, shape: tuple[int, ...]) -> Array:
    count, channels, height, width = shape
    return np.ascontiguousarray(rows.reshape(count, height, width, channels).transpose(0, 3, 1, 2))


def spatial_groupnorm_forward(
    x: Array, gamma: Array, beta: Array, G: int, gn_param: dict[str, Any]
) -> tuple[Array, Any]:
    """Layer normalization of each of G groups of channels of each sample, then gamma and beta per channel.

    Parameters
    ----------
    x : ndarray (N, C, H, W)
    gamma, beta : ndarray (1, C, 1, 1) or (C,)
    G : int
        A divisor of C.
    gn_param : dict
        ``eps`` is 1e-5 unless given.

    Returns
    -------
    out : ndarray (N, C, H, W)
    cache : tuple
    """
    count, channels, _, _ = x.shape
    groups = x.reshape(count * G, -1)
    eps = gn_param.get("eps", 1e-5)
    if alike(x, x):
        normalized, mean, inv_std = _core.layer_normalization(groups, None, None, eps)
    else:
        mean, _, inv_std = _plain.statistics(groups, 1, eps)
        normalized = (groups - mean[:, None]) * inv_std[:, None]
    xn = normalized.reshape(x.shape)
    out = xn * gamma.reshape(1, channels, 1, 1) + beta.reshape(1, channels, 1, 1)
    return out, (groups, xn, gamma, mean, inv_std)


def spatial_groupnorm_backward(dout: Array, cache: Any) -> tuple[Array, Array, Array]:
    """dx (N, C, H, W), and dgamma and dbeta of gamma's shape, of :func:`spatial_groupnorm_forward`."""
    groups, xn, gamma, mean, inv_std = cache
    dxn = (dout * gamma.reshape(1, -1, 1, 1)).reshape(groups.shape)
    if alike(dxn, groups):
        dx = _core.layer_normalization_backward(dxn, groups, None, mean, inv_std)[0]
    else:
        dx = _plain.normalization_backward(dxn, groups, np.ones(()), mean, inv_std, 1)[0]
    count, channels, height, width = dout.shape
    flat = count * channels, height * width
    products = np.einsum("ij,ij->i", dout.reshape(flat), xn.reshape(flat))  # no array of all of them
    dgamma, dbeta = products.reshape(count, channels).sum(axis=0), np.sum(dout, axis=(0, 2, 3))
    return dx.reshape(dout.shape), dgamma.reshape(gamma.shape), dbeta.reshape(gamma.shape)
