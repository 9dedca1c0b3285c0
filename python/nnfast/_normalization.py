"""Batch and layer normalization as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._arrays import as_rows, float_dtype, integer, real, real_array
from ._layer import Layer

if TYPE_CHECKING:
    from ._typing import Array, ArrayLike, DTypeLike

__all__ = ["BatchNormalization", "LayerNormalization"]


class _Normalization(Layer):
    """gamma and beta from arrays, from a width, or none at all."""

    _native = True
    _param_names = ("gamma", "beta")
    gamma: Array | None
    beta: Array | None
    dgamma: Array | None = None
    dbeta: Array | None = None
    width: int
    eps: float

    def _take(
        self, gamma: ArrayLike | int, beta: ArrayLike | None, affine: bool, dtype: DTypeLike
    ) -> np.dtype[Any]:
        """The dtype that goes with them."""
        where = type(self).__name__
        if isinstance(gamma, (int, np.integer)):
            if beta is not None:
                raise TypeError(
                    f"{where}: beta is given with a width; expected gamma and beta, or a width alone"
                )
            self.width = integer(where, "width", gamma)
            kind = float_dtype(where, dtype)
            self.gamma = np.ones(self.width, kind) if affine else None
            self.beta = np.zeros(self.width, kind) if affine else None
            return kind
        self.gamma = real_array(where, "gamma", gamma)
        self.width = self.gamma.size
        if self.width == 0 or self.gamma.ndim > 2 or self.gamma.shape[-1:] != (self.width,):
            raise ValueError(f"{where}: gamma has shape {self.gamma.shape}; expected (width,)")
        self.beta = np.zeros_like(self.gamma) if beta is None else real_array(where, "beta", beta)
        if self.beta.size != self.width:
            raise ValueError(f"{where}: beta has shape {self.beta.shape}; expected {self.gamma.shape}")
        narrow = self.gamma.dtype.kind == "f" and self.gamma.dtype.itemsize <= 4
        return np.dtype(np.float32 if narrow else np.float64)

    def _keep_gradients(self, dgamma: Array, dbeta: Array) -> None:
        self.dgamma = None if self.gamma is None else dgamma.reshape(self.gamma.shape)
        self.dbeta = None if self.beta is None else dbeta.reshape(self.beta.shape)

    def _flat_params(self) -> tuple[Array | None, Array | None]:
        gamma, beta = self.gamma, self.beta
        return None if gamma is None else gamma.reshape(-1), None if beta is None else beta.reshape(-1)

    def _widths(self) -> tuple[int | None, int | None]:
        return self.width, self.width


class BatchNormalization(_Normalization):
    """y = gamma (x - mean) / sqrt(var + eps) + beta per column, over the batch (Ioffe and Szegedy 2015).

    In training, `mean` and `var` (biased) are those of the batch, and the running statistics follow:
    ``running = momentum * running + (1 - momentum) * batch``. Otherwise the running statistics take their place.

    Parameters
    ----------
    gamma : int or array (width,)
        The number of columns, or the scale itself: an array is kept, and read again at every forward.
    beta : array (width,), optional
        The shift, kept likewise; 0 where only gamma is given.
    momentum : float
        Weight of the old running value, as in the courses and Keras. PyTorch's `momentum` is one minus this.
    running_mean, running_var : array (width,), optional
        Where the running statistics start; they are copied. 0 and 1 as in PyTorch and Keras; the courses start at 0, 0.
    eps : float
        Added to the variance. 1e-5 in CS231n and PyTorch, 1e-6 in *Deep Learning from Scratch*, 1e-3 in Keras.
    unbiased : bool
        Whether the running variance follows ``var * batch / (batch - 1)``: PyTorch. Not so in courses, Keras, ONNX.
    affine : bool
        With a width: whether there are gamma and beta.
    dtype : float32 or float64
        With a width: of the new arrays.

    Attributes
    ----------
    gamma, beta, dgamma, dbeta, running_mean, running_var : array
    training : bool
        The mode where `forward` is not told.

    Examples
    --------
    >>> layer = BatchNormalization(1, dtype="float64")
    >>> layer.forward([[1.0], [3.0]]).round(3)
    array([[-1.],
           [ 1.]])
    >>> layer.running_mean
    array([0.2])
    """

    _native = True
    _state_names = ("running_mean", "running_var")

    def __init__(
        self,
        gamma: ArrayLike | int,
        beta: ArrayLike | None = None,
        momentum: float = 0.9,
        running_mean: ArrayLike | None = None,
        running_var: ArrayLike | None = None,
        *,
        eps: float = 1e-5,
        unbiased: bool = False,
        affine: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        kind = self._take(gamma, beta, affine, dtype)
        self.momentum = real("BatchNormalization", "momentum", momentum, 0, 1)
        self.eps = real("BatchNormalization", "eps", eps, 0)
        self.unbiased = bool(unbiased)
        self.running_mean: Array = self._statistic("running_mean", running_mean, 0.0, kind)
        self.running_var: Array = self._statistic("running_var", running_var, 1.0, kind)

    def _statistic(self, name: str, value: ArrayLike | None, start: float, dtype: np.dtype[Any]) -> Array:
        if value is None:
            return np.full(self.width, start, dtype)
        array = np.array(real_array("BatchNormalization", name, value), dtype, order="C")
        if array.shape != (self.width,):
            raise ValueError(f"BatchNormalization: {name} has shape {array.shape}; expected ({self.width},)")
        return array

    def forward(self, x: ArrayLike, training: bool | None = None) -> Array:
        """y for x (..., width), or (batch, ...) with `width` numbers per sample, each its own column."""
        rows = as_rows("BatchNormalization.forward", x, self.width)
        gamma, beta = self._flat_params()
        if self.training if training is None else training:
            y, mean, var, inv_std = _core.batch_normalization_train(rows, gamma, beta, self.eps)
            batch = rows.size // self.width
            if batch > 0:
                self._own_statistics()
                _core.update_running_statistics(
                    self.running_mean, self.running_var, mean, var, batch, self.momentum, self.unbiased
                )
            self._kept = (rows, np.shape(x), mean, inv_std, True)
        else:
            mean, var = self.running_mean, self.running_var
            y = _core.batch_normalization_inference(rows, gamma, beta, mean, var, self.eps)
            self._kept = (rows, np.shape(x), mean, var, False)
        return y

    def _own_statistics(self) -> None:
        """Arrays that the core can update: the attributes may have been set to anything."""
        for name in self._state_names:
            value = getattr(self, name)
            if not (isinstance(value, np.ndarray) and value.flags.carray and value.dtype.char in "fd"):
                setattr(self, name, np.array(value, np.float64, order="C"))

    def backward(self, dy: ArrayLike) -> Array:
        """dx; sets dgamma and dbeta to new arrays."""
        rows, shape, mean, spread, training = self._saved("_kept")
        gamma, _ = self._flat_params()
        if training:
            dx, dgamma, dbeta = _core.batch_normalization_backward(dy, rows, gamma, mean, spread)
        else:
            dx, dgamma, dbeta = _core.batch_normalization_inference_backward(
                dy, rows, gamma, mean, spread, self.eps
            )
        self._keep_gradients(dgamma, dbeta)
        return dx.reshape(shape)

    def _plan(self, at: dict[str, int], stream: int) -> dict[str, Any] | None:
        return {
            "kind": "batch_normalization",
            "weight": at.get("gamma", -1),
            "bias": at.get("beta", -1),
            "state": at["running_mean"],
            "eps": self.eps,
            "momentum": self.momentum,
            "unbiased": self.unbiased,
        }

    def _config(self) -> dict[str, Any]:
        return {
            "width": self.width,
            "affine": self.gamma is not None,
            "eps": self.eps,
            "momentum": self.momentum,
            "unbiased": self.unbiased,
        }


class LayerNormalization(_Normalization):
    """y = gamma (x - mean) / sqrt(var + eps) + beta per sample, over the last axis (Ba et al. 2016).

    Parameters
    ----------
    gamma : int or array (width,)
        The number of columns, or the scale itself: an array is kept, and read again at every forward.
    beta : array (width,), optional
        The shift, kept likewise; 0 where only gamma is given.
    eps : float
        Added to the biased variance (1e-5 in CS231n, PyTorch and ONNX; 1e-3 in Keras).
    affine : bool
        With a width: whether there are gamma and beta.
    dtype : float32 or float64
        With a width: of the new arrays.

    Attributes
    ----------
    gamma, beta, dgamma, dbeta : array
    """

    _native = True

    def __init__(
        self,
        gamma: ArrayLike | int,
        beta: ArrayLike | None = None,
        *,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self._take(gamma, beta, affine, dtype)
        self.eps = real("LayerNormalization", "eps", eps, 0)

    def forward(self, x: ArrayLike) -> Array:
        rows = as_rows("LayerNormalization.forward", x, self.width)
        gamma, beta = self._flat_params()
        y, mean, inv_std = _core.layer_normalization(rows, gamma, beta, self.eps)
        self._kept = (rows, np.shape(x), mean, inv_std)
        return y

    def backward(self, dy: ArrayLike) -> Array:
        """dx; sets dgamma and dbeta to new arrays."""
        rows, shape, mean, inv_std = self._saved("_kept")
        gamma, _ = self._flat_params()
        dx, dgamma, dbeta = _core.layer_normalization_backward(dy, rows, gamma, mean, inv_std)
        self._keep_gradients(dgamma, dbeta)
        return dx.reshape(shape)

    def _plan(self, at: dict[str, int], stream: int) -> dict[str, Any] | None:
        return {
            "kind": "layer_normalization",
            "weight": at.get("gamma", -1),
            "bias": at.get("beta", -1),
            "eps": self.eps,
        }

    def _config(self) -> dict[str, Any]:
        return {"width": self.width, "affine": self.gamma is not None, "eps": self.eps}
