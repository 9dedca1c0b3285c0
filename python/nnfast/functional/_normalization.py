"""Batch and layer normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _core

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats

__all__ = [
    "batch_normalization",
    "batch_normalization_backward",
    "layer_normalization",
    "layer_normalization_backward",
]


def batch_normalization(
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    beta: ArrayLike | None = None,
    running_mean: Floats | None = None,
    running_var: Floats | None = None,
    *,
    training: bool = False,
    momentum: float = 0.9,
    eps: float = 1e-5,
    unbiased: bool = False,
) -> Floats:
    """y = gamma (x - mean) / sqrt(var + eps) + beta per feature (Ioffe and Szegedy 2015). ONNX BatchNormalization.

    In training, mean and var (the biased one) are those of the batch, and the running statistics, where they are
    given, become ``momentum * running + (1 - momentum) * batch``. Otherwise the running statistics are used.

    Parameters
    ----------
    x : array_like (..., features)
    gamma, beta : array_like (features,), or None for 1 and 0
    running_mean, running_var : array (features,)
        Needed in inference. In training they may be None; else they are float32 or float64 arrays, C-contiguous and
        writeable, and are updated in place.
    training : bool
    momentum : float
        Weight of what there was: ONNX, the courses and Keras. torch's momentum is one minus this.
    eps : float
        ONNX and torch have 1e-5, Keras 1e-3, the code of "Deep Learning from Scratch" 1e-6.
    unbiased : bool
        Whether var * n / (n - 1) enters running_var, as in torch; ONNX and the courses take var itself.

    Returns
    -------
    y : ndarray of x's shape

    Raises
    ------
    ValueError
        The shapes do not fit, a training batch is empty, or running statistics cannot be written to.
    TypeError
        An argument does not hold real numbers; running statistics are missing in inference.

    Examples
    --------
    >>> import numpy as np
    >>> mean, var = np.zeros(1), np.ones(1)
    >>> batch_normalization([[1.0], [3.0]], None, None, mean, var, training=True).round(4)
    array([[-1.],
           [ 1.]])
    >>> mean, var
    (array([0.2]), array([1.]))
    """
    if not training:
        return _core.batch_normalization_inference(
            x, gamma, beta, _given(running_mean), _given(running_var), eps
        )
    y, mean, var, _ = _core.batch_normalization_train(x, gamma, beta, eps)
    if running_mean is not None or running_var is not None:
        rows = y.size // max(mean.size, 1)
        _core.update_running_statistics(
            _given(running_mean), _given(running_var), mean, var, rows, momentum, unbiased
        )
    return y


def _given(statistics: Floats | None) -> Floats:
    """The core says which one is missing."""
    return statistics  # type: ignore[return-value]


def batch_normalization_backward(
    dy: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike | None = None,
    running_mean: ArrayLike | None = None,
    running_var: ArrayLike | None = None,
    *,
    training: bool = False,
    eps: float = 1e-5,
) -> tuple[Floats, Floats, Floats]:
    """The derivatives of :func:`batch_normalization` with the same arguments.

    With xn = (x - mean) inv_std:  dbeta = sum of dy,  dgamma = sum of dy xn over the batch, and in training
    dx = gamma inv_std (dy - (dbeta + xn dgamma) / batch), else dx = gamma inv_std dy.

    Parameters
    ----------
    dy, x : array_like (..., features)
    gamma : array_like (features,), or None for 1
    running_mean, running_var : array_like (features,)
        Needed in inference, not used in training: the batch's statistics are computed again.
    training : bool
    eps : float

    Returns
    -------
    dx : ndarray of x's shape
    dgamma, dbeta : ndarray (features,)

    Raises
    ------
    ValueError
        The shapes do not fit, or a training batch is empty.

    Examples
    --------
    >>> dx, dgamma, dbeta = batch_normalization_backward([[1.0], [2.0]], [[1.0], [3.0]], training=True)
    >>> dgamma.round(4), dbeta
    (array([1.]), array([3.]))
    """
    if training:
        _, mean, _, inv_std = _core.batch_normalization_train(
            x, None, None, eps, "batch_normalization_backward"
        )
        return _core.batch_normalization_backward(dy, x, gamma, mean, inv_std)
    mean, var = _given(running_mean), _given(running_var)  # type: ignore[arg-type]
    return _core.batch_normalization_inference_backward(dy, x, gamma, mean, var, eps)


def layer_normalization(
    x: ArrayLike, gamma: ArrayLike | None = None, beta: ArrayLike | None = None, eps: float = 1e-5
) -> Floats:
    """y = gamma (x - mean) / sqrt(var + eps) + beta over the last axis (Ba et al. 2016). ONNX LayerNormalization.

    Parameters
    ----------
    x : array_like (..., features)
    gamma, beta : array_like (features,), or None for 1 and 0
    eps : float

    Returns
    -------
    y : ndarray of x's shape

    Raises
    ------
    ValueError
        The shapes do not fit, or eps is negative.

    Examples
    --------
    >>> layer_normalization([[1.0, 3.0], [10.0, 30.0]]).round(4)
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    return _core.layer_normalization(x, gamma, beta, eps)[0]


def layer_normalization_backward(
    dy: ArrayLike, x: ArrayLike, gamma: ArrayLike | None = None, eps: float = 1e-5
) -> tuple[Floats, Floats, Floats]:
    """The derivatives of :func:`layer_normalization` with the same arguments.

    With xn = (x - mean) inv_std and g = dy gamma:  dx = inv_std (g - mean of g - xn mean of (g xn)), the means over the
    features;  dbeta = sum of dy,  dgamma = sum of dy xn over everything else.

    Parameters
    ----------
    dy, x : array_like (..., features)
    gamma : array_like (features,), or None for 1
    eps : float

    Returns
    -------
    dx : ndarray of x's shape
    dgamma, dbeta : ndarray (features,)

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> dx, dgamma, dbeta = layer_normalization_backward([[1.0, 2.0]], [[1.0, 3.0]])
    >>> dgamma.round(4), dbeta
    (array([-1.,  2.]), array([1., 2.]))
    """
    _, mean, inv_std = _core.layer_normalization(x, None, None, eps, "layer_normalization_backward")
    return _core.layer_normalization_backward(dy, x, gamma, mean, inv_std)
