"""Activations as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import _core
from ._arrays import choice, float_dtype, integer, real, real_array
from ._layer import Layer

if TYPE_CHECKING:
    from ._typing import Array, ArrayLike, DTypeLike

__all__ = [
    "Celu",
    "Elu",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "LogSigmoid",
    "LogSoftmax",
    "Maxout",
    "Mish",
    "PRelu",
    "Relu",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softmax",
    "Softplus",
    "Softsign",
    "Step",
    "Swish",
    "Tanh",
]


class _Elementwise(Layer):
    """y = f(x) for arrays of any shape. float32 stays float32, other real types become float64."""

    _native = True
    _name: ClassVar[str]
    _alpha: float = 0.0
    _beta: float = 0.0

    @property
    def _f(self) -> int:
        return _core.ACTIVATIONS[self._name]

    def forward(self, x: ArrayLike) -> Array:
        f = self._f
        y = _core.activation(f, x, self._alpha, self._beta)
        # The derivative is taken from the output where that determines it, so that x need not be kept.
        self._from_output = _core.derivative_from_output(f, self._alpha, self._beta)
        self._kept = y if self._from_output else x
        return y

    def backward(self, dy: ArrayLike) -> Array:
        kept = self._saved("_kept")
        back = _core.activation_backward_from_output if self._from_output else _core.activation_backward
        return back(self._f, dy, kept, self._alpha, self._beta)

    def _plan(self, at: dict[str, int], stream: int) -> dict[str, Any] | None:
        return {"kind": "activation", "f": self._f, "alpha": self._alpha, "beta": self._beta}


class Identity(_Elementwise):
    """y = x."""

    _name = "identity"


class Step(_Elementwise):
    """y = 1 if x > 0 else 0. The derivative is 0 everywhere."""

    _name = "step"


class Relu(_Elementwise):
    """y = max(0, x), NaN for NaN. The derivative at 0 is 0.

    Examples
    --------
    >>> relu = Relu()
    >>> relu.forward([[-1.0, 2.0]])
    array([[0., 2.]])
    >>> relu.backward([[5.0, 5.0]])
    array([[0., 5.]])
    """

    _name = "relu"


class LeakyRelu(_Elementwise):
    """y = x if x >= 0 else alpha x."""

    _name = "leaky_relu"

    def __init__(self, alpha: float = 0.01) -> None:
        self._alpha = real("LeakyRelu", "alpha", alpha)

    @property
    def alpha(self) -> float:
        return self._alpha

    def _config(self) -> dict[str, Any]:
        return {"alpha": self._alpha}


class Elu(_Elementwise):
    """y = x if x > 0 else alpha (exp(x) - 1) (Clevert et al. 2016)."""

    _name = "elu"

    def __init__(self, alpha: float = 1.0) -> None:
        self._alpha = real("Elu", "alpha", alpha)

    @property
    def alpha(self) -> float:
        return self._alpha

    def _config(self) -> dict[str, Any]:
        return {"alpha": self._alpha}


class Selu(_Elementwise):
    """y = gamma (x if x > 0 else alpha (exp(x) - 1)) (Klambauer et al. 2017). Initialise the layers with ``lecun``."""

    _name = "selu"

    def __init__(
        self, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875
    ) -> None:
        self._alpha = real("Selu", "alpha", alpha)
        self._beta = real("Selu", "gamma", gamma)

    @property
    def alpha(self) -> float:
        return self._alpha

    @property
    def gamma(self) -> float:
        return self._beta

    def _config(self) -> dict[str, Any]:
        return {"alpha": self._alpha, "gamma": self._beta}


class Celu(_Elementwise):
    """y = x if x > 0 else alpha (exp(x / alpha) - 1) (Barron 2017)."""

    _name = "celu"

    def __init__(self, alpha: float = 1.0) -> None:
        self._alpha = real("Celu", "alpha", alpha)
        if self._alpha == 0:
            raise ValueError("Celu: alpha is 0; expected a number other than 0")

    @property
    def alpha(self) -> float:
        return self._alpha

    def _config(self) -> dict[str, Any]:
        return {"alpha": self._alpha}


class Gelu(_Elementwise):
    """y = x Phi(x), Phi the normal distribution function (Hendrycks and Gimpel 2016).

    `approximate` is ``"none"`` (erf: PyTorch's, Keras' and ONNX' default) or ``"tanh"`` (JAX' default):
    y = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = choice("Gelu", "approximate", approximate, ("none", "tanh"))

    @property
    def _name(self) -> str:  # type: ignore[override]
        return "gelu_tanh" if self.approximate == "tanh" else "gelu"

    def _config(self) -> dict[str, Any]:
        return {"approximate": self.approximate}


class Silu(_Elementwise):
    """y = x sigmoid(alpha x), also called Swish (Elfwing et al. 2017; Ramachandran et al. 2017)."""

    _name = "silu"

    def __init__(self, alpha: float = 1.0) -> None:
        self._alpha = real("Silu", "alpha", alpha)

    @property
    def alpha(self) -> float:
        return self._alpha

    def _config(self) -> dict[str, Any]:
        return {"alpha": self._alpha}


Swish = Silu


class Mish(_Elementwise):
    """y = x tanh(log(1 + exp(x))) (Misra 2019)."""

    _name = "mish"


class Sigmoid(_Elementwise):
    """y = 1 / (1 + exp(-x)).

    For a classifier that ends in probabilities leave it out and use :class:`nnfast.SigmoidCrossEntropy`.
    """

    _name = "sigmoid"


class HardSigmoid(_Elementwise):
    """y = max(0, min(1, alpha x + beta)). Defaults of ONNX; Keras 3 and PyTorch have alpha = 1/6."""

    _name = "hard_sigmoid"

    def __init__(self, alpha: float = 0.2, beta: float = 0.5) -> None:
        self._alpha = real("HardSigmoid", "alpha", alpha)
        self._beta = real("HardSigmoid", "beta", beta)

    @property
    def alpha(self) -> float:
        return self._alpha

    @property
    def beta(self) -> float:
        return self._beta

    def _config(self) -> dict[str, Any]:
        return {"alpha": self._alpha, "beta": self._beta}


class HardSwish(_Elementwise):
    """y = x max(0, min(1, x/6 + 1/2)) (Howard et al. 2019)."""

    _name = "hard_swish"


class LogSigmoid(_Elementwise):
    """y = log(1 / (1 + exp(-x)))."""

    _name = "log_sigmoid"


class Tanh(_Elementwise):
    """y = tanh(x)."""

    _name = "tanh"


class Softplus(_Elementwise):
    """y = log(1 + exp(x))."""

    _name = "softplus"


class Softsign(_Elementwise):
    """y = x / (1 + |x|)."""

    _name = "softsign"


class PRelu(Layer):
    """y = x if x >= 0 else alpha x, with alpha learned (He et al. 2015).

    Parameters
    ----------
    alpha : float or array of shape (1,) or (width,)
        The slope below 0. An array is kept, and read again at every forward; a number becomes a new array.
    width : int
        Length of the new array: 1 shares the slope among all columns, the number of columns gives each its own.
    dtype : float32 or float64
        Of the new array.

    Attributes
    ----------
    alpha : array
    dalpha : array or None
        Gradient from the last backward, of alpha's shape.
    """

    _native = True
    _param_names = ("alpha",)

    def __init__(self, alpha: ArrayLike = 0.25, width: int = 1, *, dtype: DTypeLike = np.float32) -> None:
        array = real_array("PRelu", "alpha", alpha)
        if array.ndim == 0:
            slope = real("PRelu", "alpha", alpha)
            array = np.full(integer("PRelu", "width", width), slope, float_dtype("PRelu", dtype))
        elif array.ndim != 1 or array.size == 0 or width not in (1, array.size):
            raise ValueError(f"PRelu: alpha has shape {array.shape}; expected (1,) or (width,)")
        self.alpha: Array = array
        self.dalpha: Array | None = None

    def forward(self, x: ArrayLike) -> Array:
        y = _core.prelu(x, self.alpha)
        self._kept = x
        return y

    def backward(self, dy: ArrayLike) -> Array:
        dx, dalpha = _core.prelu_backward(dy, self._saved("_kept"), self.alpha)
        self.dalpha = dalpha.reshape(self.alpha.shape)
        return dx

    def _widths(self) -> tuple[int | None, int | None]:
        width = self.alpha.size if self.alpha.size > 1 else None
        return width, width

    def _plan(self, at: dict[str, int], stream: int) -> dict[str, Any] | None:
        return {"kind": "prelu", "weight": at["alpha"], "alpha_size": self.alpha.size}

    def _config(self) -> dict[str, Any]:
        return {"width": int(self.alpha.size)}


class Maxout(Layer):
    """y = the largest of `pieces` neighbouring columns (Goodfellow et al. 2013): a non-linearity that is learnt.

    (batch, features pieces) -> (batch, features). `mlp` makes the affine layers before it as wide as that takes.

    Examples
    --------
    >>> layer = Maxout(2)
    >>> layer.forward([[1.0, 3.0, -2.0, -4.0]])
    array([[ 3., -2.]])
    >>> layer.backward([[10.0, 20.0]])
    array([[ 0., 10., 20.,  0.]])
    """

    _native = True

    def __init__(self, pieces: int = 2) -> None:
        self.pieces = self._columns_in = integer("Maxout", "pieces", pieces)

    def forward(self, x: ArrayLike) -> Array:
        y = _core.maxout(x, self.pieces)
        self._kept = x
        return y

    def backward(self, dy: ArrayLike) -> Array:
        return _core.maxout_backward(dy, self._saved("_kept"), self.pieces)

    def _width_out(self, width: int | None) -> int | None:
        if width is not None and width % self.pieces:
            raise ValueError(f"Network: {self!r} gets {width} columns; expected a multiple of {self.pieces}")
        return None if width is None else width // self.pieces

    def _plan(self, at: dict[str, int], stream: int) -> dict[str, Any] | None:
        return {"kind": "maxout", "pieces": self.pieces}

    def _config(self) -> dict[str, Any]:
        return {"pieces": self.pieces}


class Softmax(Layer):
    """y = exp(x) / sum(exp(x)) along `axis`. In a Network the axis is the last one.

    To train a classifier leave it out: :class:`nnfast.SoftmaxCrossEntropy` takes scores, and
    :meth:`nnfast.Network.predict_proba` gives probabilities.
    """

    _native = True

    def __init__(self, axis: int = -1) -> None:
        self.axis = _axis("Softmax", axis)

    def forward(self, x: ArrayLike) -> Array:
        self._kept = y = _core.softmax(x, self.axis)
        return y

    def backward(self, dy: ArrayLike) -> Array:
        return _core.softmax_backward(dy, self._saved("_kept"), self.axis)

    def _plan(self, at: dict[str, int], stream: int) -> dict[str, Any] | None:
        _rows_only("Softmax", self.axis)
        return {"kind": "softmax"}


class LogSoftmax(Layer):
    """y = x - log(sum(exp(x))) along `axis`. In a Network the axis is the last one."""

    _native = True

    def __init__(self, axis: int = -1) -> None:
        self.axis = _axis("LogSoftmax", axis)

    def forward(self, x: ArrayLike) -> Array:
        self._kept = y = _core.log_softmax(x, self.axis)
        return y

    def backward(self, dy: ArrayLike) -> Array:
        return _core.log_softmax_backward(dy, self._saved("_kept"), self.axis)

    def _plan(self, at: dict[str, int], stream: int) -> dict[str, Any] | None:
        _rows_only("LogSoftmax", self.axis)
        return {"kind": "log_softmax"}


def _axis(where: str, axis: int) -> int:
    return integer(where, "axis", axis, -32)


def _rows_only(where: str, axis: int) -> None:
    if axis not in (-1, 1):
        raise ValueError(f"Network: {where} has axis {axis}; expected -1, as a Network works on rows")
