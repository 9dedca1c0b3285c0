"""``common/layers.py``: the book's layers, with its attributes and its ways.

Parameters are the caller's own arrays, read again at every call; gradients are new arrays at every backward. Each layer
keeps what its last forward left, as plain attributes; layers can be pickled and copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core
from .functions import (
    cross_entropy_error,
    identity_function,
    mean_squared_error,
    relu,
    relu_grad,
    sigmoid,
    sigmoid_grad,
    softmax,
    softmax_loss,
    step_function,
    sum_squared_error,
    sum_squares_error,
)
from .util import col2im, im2col

if TYPE_CHECKING:
    from ..._typing import Array

# `from common.layers import *` brings what the book's module imports, too.
__all__ = [
    "Affine",
    "BatchNormalization",
    "Convolution",
    "Dropout",
    "Pooling",
    "Relu",
    "Sigmoid",
    "SoftmaxWithLoss",
    "col2im",
    "cross_entropy_error",
    "identity_function",
    "im2col",
    "mean_squared_error",
    "np",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "step_function",
    "sum_squared_error",
    "sum_squares_error",
]

_SIGMOID = _core.ACTIVATIONS["sigmoid"]
_EPS = 10e-7
_SCALAR = {"f": np.float32, "d": np.float64}


class Relu:
    """x where it is > 0 (or NaN), else 0.

    Attributes
    ----------
    mask : bool array or None
        x <= 0 of the last forward.

    Examples
    --------
    >>> layer = Relu()
    >>> layer.forward(np.array([[1.0, -0.5], [-2.0, 3.0]]))
    array([[1., 0.],
           [0., 3.]])
    """

    def __init__(self) -> None:
        self.mask: Any = None

    def forward(self, x: Any) -> Any:
        """A new array of x's dtype."""
        done = _core.course_relu(x)
        if done is None:
            self.mask = x <= 0
            out = x.copy()
            out[self.mask] = 0
            return out
        out, self.mask = done
        return out

    def backward(self, dout: Any) -> Any:
        """dout itself, with 0 written into it where x <= 0."""
        if not _core.course_zero_masked(dout, self.mask):
            dout[self.mask] = 0
        return dout


class Sigmoid:
    """1 / (1 + exp(-x)).

    Attributes
    ----------
    out : array or None
        The output of the last forward.
    """

    def __init__(self) -> None:
        self.out: Any = None

    def forward(self, x: Any) -> Any:
        """sigmoid(x), kept in `out`."""
        self.out = sigmoid(x)
        return self.out

    def backward(self, dout: Any) -> Any:
        """dout (1 - out) out."""
        out = self.out
        if (
            type(dout) is np.ndarray
            and type(out) is np.ndarray
            and dout.dtype == out.dtype
            and dout.dtype.char in "fd"
            and dout.shape == out.shape
        ):
            return _core.activation_backward_from_output(_SIGMOID, dout, out)
        return dout * (1.0 - out) * out


class Affine:
    """x W + b, x flattened per sample: (N, ...) -> (N, D).

    Parameters
    ----------
    W : array (D, M)
    b : array (M,) or (1, M), or a number

    Attributes
    ----------
    W, b : the very objects that were given
    x : array (N, D) or None
        The last input, a view of it where that was flattened.
    original_x_shape : tuple or None
    dW, db : array or None
        New arrays (D, M) and (M,) at every backward.

    Examples
    --------
    >>> layer = Affine(np.eye(2), np.array([1.0, 2.0]))
    >>> layer.forward(np.array([[3.0, 4.0]], np.float32))
    array([[4., 6.]])
    """

    def __init__(self, W: Any, b: Any) -> None:
        self.W = W
        self.b = b
        self.x: Any = None
        self.original_x_shape: Any = None
        self.dW: Any = None
        self.db: Any = None

    def forward(self, x: Any) -> Any:
        """(N, M) in NumPy's promotion: float32 data and float64 weights give float64."""
        self.original_x_shape = shape = x.shape
        if len(shape) != 2:
            x = x.reshape(shape[0], -1)
        self.x = x
        out = _core.course_affine(x, self.W, self.b)
        if out is None:
            return np.dot(x, self.W) + self.b
        return out

    def backward(self, dout: Any) -> Any:
        """dx of the shape that x had; sets dW and db."""
        done = _core.course_affine_gradients(dout, self.x, self.W, True)
        if done is None:
            dx = np.dot(dout, self.W.T)
            self.dW = np.dot(self.x.T, dout)
            self.db = np.sum(dout, axis=0)
        else:
            dx, self.dW, self.db = done
        return dx.reshape(*self.original_x_shape)

    def _backward_without_dx(self, dout: Any) -> None:
        """For the first layer of a network, whose dx nobody sees."""
        done = _core.course_affine_gradients(dout, self.x, self.W, False)
        if done is None:
            self.backward(dout)
        else:
            _, self.dW, self.db = done


class SoftmaxWithLoss:
    """Softmax and the cross-entropy of its output, -sum(log(y[n, t_n] + 1e-7)) / N.

    Attributes
    ----------
    loss : number or None
    y : array or None
        The output of softmax.
    t : the very object that was given
    """

    def __init__(self) -> None:
        self.loss: Any = None
        self.y: Any = None
        self.t: Any = None

    def forward(self, x: Any, t: Any) -> Any:
        """The loss for labels t (N,) or one-hot rows t (N, C), a NumPy scalar."""
        self.t = t
        done = _core.course_softmax_with_loss(x, t)
        if done is None:
            self.y = softmax(x)
            self.loss = cross_entropy_error(self.y, t)
        else:
            loss, self.y = done
            self.loss = _SCALAR[self.y.dtype.char](loss)
        return self.loss

    def backward(self, dout: Any = 1) -> Any:
        """(y - t) / N, whatever dout is. Rows t that are no labels count as they stand, unlike in the loss."""
        y, t = self.y, self.t
        dx = _core.course_softmax_with_loss_gradient(y, t)
        if dx is not None:
            return dx
        batch_size = t.shape[0]
        if t.size == y.size:
            return (y - t) / batch_size
        dx = y.copy()
        dx[np.arange(batch_size), t] -= 1
        return dx / batch_size


class Dropout:
    """x mask in training, mask = ``np.random.rand(*x.shape) > dropout_ratio``; x (1 - dropout_ratio) otherwise.

    Attributes
    ----------
    dropout_ratio : float
    mask : bool array or None
        Of the last forward in training.
    """

    def __init__(self, dropout_ratio: float = 0.5) -> None:
        self.dropout_ratio = dropout_ratio
        self.mask: Any = None

    def forward(self, x: Any, train_flg: bool = True) -> Any:
        """A new array of x's dtype."""
        if train_flg:
            self.mask = np.random.rand(*x.shape) > self.dropout_ratio
            return x * self.mask
        return x * (1.0 - self.dropout_ratio)

    def backward(self, dout: Any) -> Any:
        """dout mask."""
        return dout * self.mask


class BatchNormalization:
    """gamma xn + beta, xn = (x - mean) / sqrt(var + 1e-6), var being biased (arXiv:1502.03167).

    Images (N, C, H, W) are taken as (N, C H W): one mean per position, not per channel.

    Parameters
    ----------
    gamma, beta : array (D,)
    momentum : float
        What stays of the running statistics.
    running_mean, running_var : array (D,), optional
        Zeros at first.

    Attributes
    ----------
    xc, xn, std, batch_size
        Of the last forward in training; `xn` is not there before one.
    dgamma, dbeta : array or None
    """

    def __init__(
        self, gamma: Any, beta: Any, momentum: float = 0.9, running_mean: Any = None, running_var: Any = None
    ) -> None:
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.input_shape: Any = None
        self.running_mean = running_mean
        self.running_var = running_var
        self.batch_size: Any = None
        self.xc: Any = None
        self.std: Any = None
        self.dgamma: Any = None
        self.dbeta: Any = None

    def forward(self, x: Any, train_flg: bool = True) -> Any:
        """An array of x's shape."""
        self.input_shape = x.shape
        if x.ndim != 2:
            N, _, _, _ = x.shape  # images only
            x = x.reshape(N, -1)
        out = self.__forward(x, train_flg)
        return out.reshape(*self.input_shape)

    def __forward(self, x: Any, train_flg: bool) -> Any:
        if self.running_mean is None:
            D = x.shape[1]
            self.running_mean = np.zeros(D)
            self.running_var = np.zeros(D)
        if not train_flg:
            xn = (x - self.running_mean) / (np.sqrt(self.running_var + _EPS))
            return self.gamma * xn + self.beta
        done = _core.course_batch_normalization(x, self.gamma, self.beta, _EPS)
        if done is None:
            mu = x.mean(axis=0)
            xc = x - mu
            var = np.mean(xc**2, axis=0)
            std = np.sqrt(var + _EPS)
            xn = xc / std
            out = self.gamma * xn + self.beta
        else:
            out, xc, xn, mu, var, std = done
        self.batch_size = x.shape[0]
        self.xc = xc
        self.xn = xn
        self.std = std
        self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
        self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        return out

    def backward(self, dout: Any) -> Any:
        """dx; sets dgamma and dbeta to new arrays."""
        if dout.ndim != 2:
            N, _, _, _ = dout.shape
            dout = dout.reshape(N, -1)
        dx = self.__backward(dout)
        return dx.reshape(*self.input_shape)

    def __backward(self, dout: Any) -> Any:
        done = _core.course_batch_normalization_gradients(dout, self.xc, self.gamma, self.std)
        if done is not None:
            dx, self.dgamma, self.dbeta = done
            return dx
        dbeta = dout.sum(axis=0)
        dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += (2.0 / self.batch_size) * self.xc * dvar
        dmu = np.sum(dxc, axis=0)
        dx = dxc - dmu / self.batch_size
        self.dgamma = dgamma
        self.dbeta = dbeta
        return dx


class Convolution:
    """Filters W (FN, C, FH, FW) over images (N, C, H, W), plus b (FN,); float64 throughout, as the book's im2col is.

    Attributes
    ----------
    W, b : the very objects that were given
    x : array or None
        The last input.
    col, col_W : array or None
        Patches of x and filters as matrices, made when they are asked for.
    dW, db : array or None
        New arrays at every backward.
    """

    def __init__(self, W: Any, b: Any, stride: int = 1, pad: int = 0) -> None:
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad
        self.x: Any = None
        self.dW: Any = None
        self.db: Any = None

    # Like plain attributes, but made when somebody looks: the products do without them.
    @property
    def col(self) -> Any:
        """(N out_h out_w, C FH FW)"""
        if "col" in vars(self) or self.x is None:
            return vars(self).get("col")
        FH, FW = self.W.shape[2:]
        return im2col(self.x, FH, FW, self.stride, self.pad)

    @col.setter
    def col(self, value: Any) -> None:
        vars(self)["col"] = value

    @property
    def col_W(self) -> Any:
        """(C FH FW, FN)"""
        if "col_W" in vars(self) or self.x is None:
            return vars(self).get("col_W")
        return self.W.reshape(self.W.shape[0], -1).T

    @col_W.setter
    def col_W(self, value: Any) -> None:
        vars(self)["col_W"] = value

    def forward(self, x: Any) -> Any:
        """(N, FN, out_h, out_w)"""
        FN, C, FH, FW = self.W.shape
        N, channels, H, W = x.shape
        images = x.astype(np.float64, copy=False)
        self.x = x
        if channels != C or np.shape(self.b) not in ((FN,), ()):
            out_h = 1 + int((H + 2 * self.pad - FH) / self.stride)
            out_w = 1 + int((W + 2 * self.pad - FW) / self.stride)
            out = np.dot(self.col, self.col_W) + self.b
            return out.reshape(N, out_h, out_w, -1).transpose(0, 3, 1, 2)
        return _core.convolution(images, self.W, self.b, self.stride, self.pad)

    def backward(self, dout: Any) -> Array:
        """dx (N, C, H, W); sets dW and db."""
        dx, self.dW, db = _core.convolution_backward(
            dout, self.x.astype(np.float64, copy=False), self.W, self.stride, self.pad
        )
        self.db = db.astype(dout.dtype, copy=False)
        return dx


class Pooling:
    """The largest of each window of images (N, C, H, W); zeros around them count.

    Attributes
    ----------
    x : array or None
        The last input.
    arg_max : array of int or None
        The index in its window of each output, in the order (N, out_h, out_w, C); the first of several.
    """

    def __init__(self, pool_h: int, pool_w: int, stride: int = 2, pad: int = 0) -> None:
        self.pool_h = pool_h
        self.pool_w = pool_w
        self.stride = stride
        self.pad = pad
        self.x: Any = None
        self._where: Any = None

    @property
    def arg_max(self) -> Any:
        """(N out_h out_w C,)"""
        if "arg_max" in vars(self) or self._where is None:
            return vars(self).get("arg_max")
        return self._where.transpose(0, 2, 3, 1).reshape(-1)

    @arg_max.setter
    def arg_max(self, value: Any) -> None:
        vars(self)["arg_max"] = value

    def forward(self, x: Any) -> Array:
        """(N, C, out_h, out_w)"""
        images = x.astype(np.float64, copy=False)
        out, self._where = _core.max_pool(images, self.pool_h, self.pool_w, self.stride, self.pad)
        self.x = x
        return out

    def backward(self, dout: Any) -> Array:
        """dx: each dout goes to where the largest was."""
        return _core.max_pool_backward(
            dout.astype(np.float64, copy=False),
            self._where,
            self.x.shape,
            self.pool_h,
            self.pool_w,
            self.stride,
            self.pad,
        )
