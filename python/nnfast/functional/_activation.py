"""Elementwise activations y = f(x)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _core
from .._arrays import choice

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats

__all__ = [
    "celu",
    "elu",
    "gelu",
    "hard_sigmoid",
    "hard_swish",
    "identity",
    "leaky_relu",
    "log_sigmoid",
    "logistic",
    "mish",
    "prelu",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "softsign",
    "step",
    "swish",
    "tanh",
]

_IDENTITY = _core.ACTIVATIONS["identity"]
_STEP = _core.ACTIVATIONS["step"]
_RELU = _core.ACTIVATIONS["relu"]
_LEAKY_RELU = _core.ACTIVATIONS["leaky_relu"]
_ELU = _core.ACTIVATIONS["elu"]
_SELU = _core.ACTIVATIONS["selu"]
_CELU = _core.ACTIVATIONS["celu"]
_GELU = {"none": _core.ACTIVATIONS["gelu"], "tanh": _core.ACTIVATIONS["gelu_tanh"]}
_SILU = _core.ACTIVATIONS["silu"]
_MISH = _core.ACTIVATIONS["mish"]
_SIGMOID = _core.ACTIVATIONS["sigmoid"]
_HARD_SIGMOID = _core.ACTIVATIONS["hard_sigmoid"]
_HARD_SWISH = _core.ACTIVATIONS["hard_swish"]
_LOG_SIGMOID = _core.ACTIVATIONS["log_sigmoid"]
_TANH = _core.ACTIVATIONS["tanh"]
_SOFTPLUS = _core.ACTIVATIONS["softplus"]
_SOFTSIGN = _core.ACTIVATIONS["softsign"]

# ONNX's defaults: the fixed point of selu (Klambauer et al. 2017, section 2) in float32.
SELU_ALPHA = 1.67326319217681884765625
SELU_GAMMA = 1.05070102214813232421875


def gelu_form(function: str, approximate: str) -> int:
    """The core's number of one of gelu's two forms."""
    return _GELU[choice(function, "approximate", approximate, ("none", "tanh"))]


def identity(x: ArrayLike, out: Floats | None = None) -> Floats:
    """y = x, as a new array.

    Parameters
    ----------
    x : array_like, any shape
    out : ndarray of x's shape and dtype, optional
        Where y goes.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> identity([1.0, 2.0])
    array([1., 2.])
    """
    return _core.activation(_IDENTITY, x, 0.0, 0.0, out)


def step(x: ArrayLike, out: Floats | None = None) -> Floats:
    """y = 1 if x > 0 else 0; NaN stays NaN. The perceptron's activation (Rosenblatt 1958).

    Parameters
    ----------
    x : array_like, any shape
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> step([-1.0, 0.0, 2.0])
    array([0., 0., 1.])
    """
    return _core.activation(_STEP, x, 0.0, 0.0, out)


def relu(x: ArrayLike, out: Floats | None = None) -> Floats:
    """y = max(0, x); NaN stays NaN. ONNX Relu.

    Parameters
    ----------
    x : array_like, any shape
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    TypeError
        x does not hold real numbers, or `out` has another dtype.
    ValueError
        `out` has another shape, is read-only, not C-contiguous or overlaps x in part.

    Examples
    --------
    >>> relu([-1.0, 0.0, 2.0])
    array([0., 0., 2.])
    """
    return _core.activation(_RELU, x, 0.0, 0.0, out)


def leaky_relu(x: ArrayLike, alpha: float = 0.01, out: Floats | None = None) -> Floats:
    """y = x if x >= 0 else alpha x (Maas et al. 2013). ONNX LeakyRelu.

    Parameters
    ----------
    x : array_like, any shape
    alpha : float
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> leaky_relu([-1.0, 2.0], alpha=0.25)
    array([-0.25,  2.  ])
    """
    return _core.activation(_LEAKY_RELU, x, alpha, 0.0, out)


def prelu(x: ArrayLike, alpha: ArrayLike) -> Floats:
    """y = x if x >= 0 else alpha x, alpha being learnt (He et al. 2015). ONNX PRelu.

    Parameters
    ----------
    x : array_like (..., features)
    alpha : array_like (features,), or one number

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    ValueError
        alpha has neither one element nor one per feature.

    Examples
    --------
    >>> prelu([[-1.0, -1.0], [2.0, 2.0]], [0.5, 0.25])
    array([[-0.5 , -0.25],
           [ 2.  ,  2.  ]])
    """
    return _core.prelu(x, alpha)


def elu(x: ArrayLike, alpha: float = 1.0, out: Floats | None = None) -> Floats:
    """y = x if x > 0 else alpha (exp(x) - 1) (Clevert et al. 2016). ONNX Elu.

    Parameters
    ----------
    x : array_like, any shape
    alpha : float
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> elu([-1.0, 2.0]).round(4)
    array([-0.6321,  2.    ])
    """
    return _core.activation(_ELU, x, alpha, 0.0, out)


def selu(
    x: ArrayLike, alpha: float = SELU_ALPHA, gamma: float = SELU_GAMMA, out: Floats | None = None
) -> Floats:
    """y = gamma (x if x > 0 else alpha (exp(x) - 1)) (Klambauer et al. 2017). ONNX Selu.

    Parameters
    ----------
    x : array_like, any shape
    alpha, gamma : float
        The defaults keep mean 0 and variance 1 from layer to layer. They are ONNX's, of float32; torch and Keras have
        the same constants to float64.
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> selu([-1.0, 2.0]).round(4)
    array([-1.1113,  2.1014])
    """
    return _core.activation(_SELU, x, alpha, gamma, out)


def celu(x: ArrayLike, alpha: float = 1.0, out: Floats | None = None) -> Floats:
    """y = x if x > 0 else alpha (exp(x / alpha) - 1) (Barron 2017). ONNX Celu.

    Parameters
    ----------
    x : array_like, any shape
    alpha : float
        Not 0.
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    ValueError
        alpha is 0 or not finite.

    Examples
    --------
    >>> celu([-1.0, 2.0], alpha=2.0).round(4)
    array([-0.7869,  2.    ])
    """
    return _core.activation(_CELU, x, alpha, 0.0, out)


def gelu(x: ArrayLike, approximate: str = "none", out: Floats | None = None) -> Floats:
    """y = x Phi(x), Phi the distribution function of the normal distribution (Hendrycks and Gimpel 2016). ONNX Gelu.

    Parameters
    ----------
    x : array_like, any shape
    approximate : {"none", "tanh"}
        "none": Phi(x) = (1 + erf(x / sqrt 2)) / 2, as torch and Keras have it by default.
        "tanh": Phi(x) is about (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, JAX's default.
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    ValueError
        `approximate` is neither of the two.

    Examples
    --------
    >>> gelu([-1.0, 1.0]).round(4)
    array([-0.1587,  0.8413])
    >>> gelu([-1.0, 1.0], approximate="tanh").round(4)
    array([-0.1588,  0.8412])
    """
    return _core.activation(gelu_form("gelu", approximate), x, 0.0, 0.0, out)


def silu(x: ArrayLike, out: Floats | None = None) -> Floats:
    """y = x sigmoid(x), also known as swish (Elfwing et al. 2018).

    Parameters
    ----------
    x : array_like, any shape
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> silu([-1.0, 1.0]).round(4)
    array([-0.2689,  0.7311])
    """
    return _core.activation(_SILU, x, 1.0, 0.0, out)


def swish(x: ArrayLike, alpha: float = 1.0, out: Floats | None = None) -> Floats:
    """y = x sigmoid(alpha x) (Ramachandran et al. 2017). ONNX Swish; alpha = 1 is :func:`silu`.

    Parameters
    ----------
    x : array_like, any shape
    alpha : float
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> swish([-1.0, 1.0], alpha=2.0).round(4)
    array([-0.1192,  0.8808])
    """
    return _core.activation(_SILU, x, alpha, 0.0, out)


def mish(x: ArrayLike, out: Floats | None = None) -> Floats:
    """y = x tanh(log(1 + exp(x))) (Misra 2019). ONNX Mish.

    Parameters
    ----------
    x : array_like, any shape
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> mish([-1.0, 1.0]).round(4)
    array([-0.3034,  0.8651])
    """
    return _core.activation(_MISH, x, 0.0, 0.0, out)


def sigmoid(x: ArrayLike, out: Floats | None = None) -> Floats:
    """y = 1 / (1 + exp(-x)), without overflow for any x; also under the name `logistic`. ONNX Sigmoid.

    Parameters
    ----------
    x : array_like, any shape
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> sigmoid([-1000.0, 0.0, 1.0]).round(4)
    array([0.    , 0.5   , 0.7311])
    """
    return _core.activation(_SIGMOID, x, 0.0, 0.0, out)


logistic = sigmoid


def hard_sigmoid(x: ArrayLike, alpha: float = 0.2, beta: float = 0.5, out: Floats | None = None) -> Floats:
    """y = max(0, min(1, alpha x + beta)). ONNX HardSigmoid; torch has alpha = 1/6.

    Parameters
    ----------
    x : array_like, any shape
    alpha, beta : float
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> hard_sigmoid([-3.0, 0.0, 3.0])
    array([0. , 0.5, 1. ])
    """
    return _core.activation(_HARD_SIGMOID, x, alpha, beta, out)


def hard_swish(x: ArrayLike, out: Floats | None = None) -> Floats:
    """y = x max(0, min(1, x/6 + 1/2)) (Howard et al. 2019). ONNX HardSwish.

    Parameters
    ----------
    x : array_like, any shape
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> hard_swish([-2.0, 1.5, 3.0]).round(4)
    array([-0.3333,  1.125 ,  3.    ])
    """
    return _core.activation(_HARD_SWISH, x, 0.0, 0.0, out)


def log_sigmoid(x: ArrayLike, out: Floats | None = None) -> Floats:
    """y = log sigmoid(x) = -log(1 + exp(-x)).

    Parameters
    ----------
    x : array_like, any shape
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> log_sigmoid([-100.0, 0.0]).round(4)
    array([-100.    ,   -0.6931])
    """
    return _core.activation(_LOG_SIGMOID, x, 0.0, 0.0, out)


def tanh(x: ArrayLike, out: Floats | None = None) -> Floats:
    """y = tanh(x). ONNX Tanh.

    Parameters
    ----------
    x : array_like, any shape
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> tanh([-1.0, 0.0, 1.0]).round(4)
    array([-0.7616,  0.    ,  0.7616])
    """
    return _core.activation(_TANH, x, 0.0, 0.0, out)


def softplus(x: ArrayLike, out: Floats | None = None) -> Floats:
    """y = log(1 + exp(x)), without overflow for any x. ONNX Softplus.

    Parameters
    ----------
    x : array_like, any shape
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> softplus([0.0, 1000.0]).round(4)
    array([6.931e-01, 1.000e+03])
    """
    return _core.activation(_SOFTPLUS, x, 0.0, 0.0, out)


def softsign(x: ArrayLike, out: Floats | None = None) -> Floats:
    """y = x / (1 + |x|) (Glorot and Bengio 2010). ONNX Softsign.

    Parameters
    ----------
    x : array_like, any shape
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Examples
    --------
    >>> softsign([-1.0, 0.0, 3.0])
    array([-0.5 ,  0.  ,  0.75])
    """
    return _core.activation(_SOFTSIGN, x, 0.0, 0.0, out)
