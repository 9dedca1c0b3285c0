"""Derivatives of the elementwise activations: dx = dy f'(x)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _core
from ._activation import (
    _CELU,
    _ELU,
    _HARD_SIGMOID,
    _HARD_SWISH,
    _IDENTITY,
    _LEAKY_RELU,
    _LOG_SIGMOID,
    _MISH,
    _RELU,
    _SELU,
    _SIGMOID,
    _SILU,
    _SOFTPLUS,
    _SOFTSIGN,
    _STEP,
    _TANH,
    SELU_ALPHA,
    SELU_GAMMA,
    gelu_form,
)

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats

__all__ = [
    "celu_backward",
    "elu_backward",
    "gelu_backward",
    "hard_sigmoid_backward",
    "hard_swish_backward",
    "identity_backward",
    "leaky_relu_backward",
    "log_sigmoid_backward",
    "logistic_backward",
    "mish_backward",
    "prelu_backward",
    "relu_backward",
    "selu_backward",
    "sigmoid_backward",
    "silu_backward",
    "softplus_backward",
    "softsign_backward",
    "step_backward",
    "swish_backward",
    "tanh_backward",
]


def identity_backward(dy: ArrayLike, x: ArrayLike, out: Floats | None = None) -> Floats:
    """dx = dy.

    Parameters
    ----------
    dy, x : array_like, equal shapes
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> identity_backward([1.0, 2.0], [3.0, 4.0])
    array([1., 2.])
    """
    return _core.activation_backward(_IDENTITY, dy, x, 0.0, 0.0, out)


def step_backward(dy: ArrayLike, x: ArrayLike, out: Floats | None = None) -> Floats:
    """dx = 0: the step has no slope where it has a derivative.

    Parameters
    ----------
    dy, x : array_like, equal shapes
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> step_backward([1.0, 2.0], [-1.0, 1.0])
    array([0., 0.])
    """
    return _core.activation_backward(_STEP, dy, x, 0.0, 0.0, out)


def relu_backward(dy: ArrayLike, y: ArrayLike, out: Floats | None = None) -> Floats:
    """dx = dy if y > 0 else 0, from the output y = relu(x) (or from x, which has the same sign).

    Parameters
    ----------
    dy : array_like
        The gradient of the output.
    y : array_like of dy's shape
        The output of the forward pass.
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and y have different shapes.

    Examples
    --------
    >>> relu_backward([1.0, 2.0], [0.0, 3.0])
    array([0., 2.])
    """
    return _core.activation_backward_from_output(_RELU, dy, y, 0.0, 0.0, out)


def leaky_relu_backward(
    dy: ArrayLike, x: ArrayLike, alpha: float = 0.01, out: Floats | None = None
) -> Floats:
    """dx = dy if x >= 0 else alpha dy.

    Parameters
    ----------
    dy, x : array_like, equal shapes
    alpha : float
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> leaky_relu_backward([1.0, 2.0], [-1.0, 3.0], alpha=0.25)
    array([0.25, 2.  ])
    """
    return _core.activation_backward(_LEAKY_RELU, dy, x, alpha, 0.0, out)


def prelu_backward(dy: ArrayLike, x: ArrayLike, alpha: ArrayLike) -> tuple[Floats, Floats]:
    """dx = dy if x >= 0 else alpha dy, and dalpha, the sum of dy min(x, 0) over everything that shares an alpha.

    Parameters
    ----------
    dy, x : array_like (..., features)
    alpha : array_like (features,), or one number

    Returns
    -------
    dx : ndarray of x's shape
    dalpha : ndarray of alpha's shape

    Raises
    ------
    ValueError
        dy and x have different shapes, or alpha has neither one element nor one per feature.

    Examples
    --------
    >>> prelu_backward([[1.0, 1.0]], [[-3.0, 2.0]], 0.5)
    (array([[0.5, 1. ]]), array(-3.))
    """
    return _core.prelu_backward(dy, x, alpha)


def elu_backward(dy: ArrayLike, x: ArrayLike, alpha: float = 1.0, out: Floats | None = None) -> Floats:
    """dx = dy if x > 0 else alpha exp(x) dy.

    Parameters
    ----------
    dy, x : array_like, equal shapes
    alpha : float
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> elu_backward([1.0, 2.0], [-1.0, 3.0]).round(4)
    array([0.3679, 2.    ])
    """
    return _core.activation_backward(_ELU, dy, x, alpha, 0.0, out)


def selu_backward(
    dy: ArrayLike,
    x: ArrayLike,
    alpha: float = SELU_ALPHA,
    gamma: float = SELU_GAMMA,
    out: Floats | None = None,
) -> Floats:
    """dx = gamma (dy if x > 0 else alpha exp(x) dy).

    Parameters
    ----------
    dy, x : array_like, equal shapes
    alpha, gamma : float
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> selu_backward([1.0, 2.0], [-1.0, 3.0]).round(4)
    array([0.6468, 2.1014])
    """
    return _core.activation_backward(_SELU, dy, x, alpha, gamma, out)


def celu_backward(dy: ArrayLike, x: ArrayLike, alpha: float = 1.0, out: Floats | None = None) -> Floats:
    """dx = dy if x > 0 else exp(x / alpha) dy.

    Parameters
    ----------
    dy, x : array_like, equal shapes
    alpha : float
        Not 0.
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> celu_backward([1.0, 2.0], [-1.0, 3.0], alpha=2.0).round(4)
    array([0.6065, 2.    ])
    """
    return _core.activation_backward(_CELU, dy, x, alpha, 0.0, out)


def gelu_backward(
    dy: ArrayLike, x: ArrayLike, approximate: str = "none", out: Floats | None = None
) -> Floats:
    """dx = dy (Phi(x) + x phi(x)), phi the normal density; or the derivative of the tanh form.

    Parameters
    ----------
    dy, x : array_like, equal shapes
    approximate : {"none", "tanh"}
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> gelu_backward([1.0, 1.0], [-1.0, 1.0]).round(4)
    array([-0.0833,  1.0833])
    """
    return _core.activation_backward(gelu_form("gelu_backward", approximate), dy, x, 0.0, 0.0, out)


def silu_backward(dy: ArrayLike, x: ArrayLike, out: Floats | None = None) -> Floats:
    """dx = dy (s + x s (1 - s)), s = sigmoid(x).

    Parameters
    ----------
    dy, x : array_like, equal shapes
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> silu_backward([1.0, 1.0], [-1.0, 1.0]).round(4)
    array([0.0723, 0.9277])
    """
    return _core.activation_backward(_SILU, dy, x, 1.0, 0.0, out)


def swish_backward(dy: ArrayLike, x: ArrayLike, alpha: float = 1.0, out: Floats | None = None) -> Floats:
    """dx = dy (s + alpha x s (1 - s)), s = sigmoid(alpha x).

    Parameters
    ----------
    dy, x : array_like, equal shapes
    alpha : float
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> swish_backward([1.0, 1.0], [-1.0, 1.0], alpha=2.0).round(4)
    array([-0.0908,  1.0908])
    """
    return _core.activation_backward(_SILU, dy, x, alpha, 0.0, out)


def mish_backward(dy: ArrayLike, x: ArrayLike, out: Floats | None = None) -> Floats:
    """dx = dy (t + x (1 - t^2) sigmoid(x)), t = tanh(log(1 + exp(x))).

    Parameters
    ----------
    dy, x : array_like, equal shapes
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> mish_backward([1.0, 1.0], [-1.0, 1.0]).round(4)
    array([0.0592, 1.049 ])
    """
    return _core.activation_backward(_MISH, dy, x, 0.0, 0.0, out)


def sigmoid_backward(dy: ArrayLike, y: ArrayLike, out: Floats | None = None) -> Floats:
    """dx = dy y (1 - y), from the output y = sigmoid(x).

    Parameters
    ----------
    dy : array_like
        The gradient of the output.
    y : array_like of dy's shape
        The output of the forward pass.
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and y have different shapes.

    Examples
    --------
    >>> sigmoid_backward([1.0, 1.0], [0.5, 0.75])
    array([0.25  , 0.1875])
    """
    return _core.activation_backward_from_output(_SIGMOID, dy, y, 0.0, 0.0, out)


logistic_backward = sigmoid_backward


def hard_sigmoid_backward(
    dy: ArrayLike, x: ArrayLike, alpha: float = 0.2, beta: float = 0.5, out: Floats | None = None
) -> Floats:
    """dx = alpha dy where 0 < alpha x + beta < 1, else 0.

    Parameters
    ----------
    dy, x : array_like, equal shapes
    alpha, beta : float
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> hard_sigmoid_backward([1.0, 1.0], [-3.0, 1.0])
    array([0. , 0.2])
    """
    return _core.activation_backward(_HARD_SIGMOID, dy, x, alpha, beta, out)


def hard_swish_backward(dy: ArrayLike, x: ArrayLike, out: Floats | None = None) -> Floats:
    """dx = dy times 0 for x <= -3, 1 for x >= 3, x/3 + 1/2 between.

    Parameters
    ----------
    dy, x : array_like, equal shapes
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> hard_swish_backward([1.0, 1.0, 1.0], [-3.0, 1.5, 3.0])
    array([0., 1., 1.])
    """
    return _core.activation_backward(_HARD_SWISH, dy, x, 0.0, 0.0, out)


def log_sigmoid_backward(dy: ArrayLike, x: ArrayLike, out: Floats | None = None) -> Floats:
    """dx = dy sigmoid(-x).

    Parameters
    ----------
    dy, x : array_like, equal shapes
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> log_sigmoid_backward([1.0, 1.0], [-1.0, 1.0]).round(4)
    array([0.7311, 0.2689])
    """
    return _core.activation_backward(_LOG_SIGMOID, dy, x, 0.0, 0.0, out)


def tanh_backward(dy: ArrayLike, y: ArrayLike, out: Floats | None = None) -> Floats:
    """dx = dy (1 - y^2), from the output y = tanh(x).

    Parameters
    ----------
    dy : array_like
        The gradient of the output.
    y : array_like of dy's shape
        The output of the forward pass.
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and y have different shapes.

    Examples
    --------
    >>> tanh_backward([1.0, 1.0], [0.0, 0.5])
    array([1.  , 0.75])
    """
    return _core.activation_backward_from_output(_TANH, dy, y, 0.0, 0.0, out)


def softplus_backward(dy: ArrayLike, x: ArrayLike, out: Floats | None = None) -> Floats:
    """dx = dy sigmoid(x).

    Parameters
    ----------
    dy, x : array_like, equal shapes
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> softplus_backward([1.0, 1.0], [-1.0, 1.0]).round(4)
    array([0.2689, 0.7311])
    """
    return _core.activation_backward(_SOFTPLUS, dy, x, 0.0, 0.0, out)


def softsign_backward(dy: ArrayLike, x: ArrayLike, out: Floats | None = None) -> Floats:
    """dx = dy / (1 + |x|)^2.

    Parameters
    ----------
    dy, x : array_like, equal shapes
    out : ndarray of that shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        dy and x have different shapes.

    Examples
    --------
    >>> softsign_backward([1.0, 1.0], [0.0, 3.0])
    array([1.    , 0.0625])
    """
    return _core.activation_backward(_SOFTSIGN, dy, x, 0.0, 0.0, out)
