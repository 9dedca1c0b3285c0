"""Layers: ``forward(x) -> y`` and ``backward(dy) -> dx``, on their own or in a :class:`nnfast.Network`.

x is (batch, in), y (batch, out); the gradient of `v` is `dv`. A layer on its own works in NumPy's promotion of its
operands: float32 data with float64 weights gives float64.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _activations, _core, initializers
from ._activations import (
    Celu,
    Elu,
    Gelu,
    HardSigmoid,
    HardSwish,
    Identity,
    LeakyRelu,
    LogSigmoid,
    LogSoftmax,
    Maxout,
    Mish,
    PRelu,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Softsign,
    Step,
    Swish,
    Tanh,
)
from ._arrays import as_rows, float_dtype, generator, integer, real, real_array
from ._layer import Layer
from ._normalization import BatchNormalization, LayerNormalization
from .losses import SoftmaxCrossEntropy

if TYPE_CHECKING:
    from ._typing import Array, ArrayLike, DTypeLike, Initializer, Seed

__all__ = [
    "Affine",
    "BatchNormalization",
    "Celu",
    "Dense",
    "Dropout",
    "Elu",
    "Flatten",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "Layer",
    "LayerNormalization",
    "LeakyRelu",
    "Linear",
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
    "SoftmaxCrossEntropy",
    "Softplus",
    "Softsign",
    "Step",
    "Swish",
    "Tanh",
]


class Affine(Layer):
    """y = x W + b, with W (in, out) and b (out,). Also called `Dense` and `Linear`.

    Parameters
    ----------
    W : array (in, out), or int
        The weights, or how many inputs. An array of any real dtype, order and strides is kept, not copied, and read
        again at every forward: updates in place from outside count.
    b : array (out,) or (1, out) or a scalar, optional; or int
        The bias, kept likewise; None for no bias. With sizes: how many outputs.
    init : str, float or callable
        With sizes: how W starts, see :mod:`nnfast.initializers`. b starts at 0.
    bias : bool
        With sizes: whether there is a b.
    dtype : float32 or float64
        With sizes: of W and b.
    rng : int, numpy.random.Generator or None
        With sizes: the seed of W. None draws another W every time.

    Attributes
    ----------
    W, b : array
        Parameters. In a Network they are views of its buffer.
    dW, db : array or None
        Gradients, of the shapes of W and b: new arrays at each backward of the layer on its own, views of the network's
        buffer after a step of the network.

    Examples
    --------
    >>> W, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2)
    >>> layer = Affine(W, b)
    >>> layer.forward([[1.0, 1.0]])
    array([[4., 6.]])
    >>> layer.backward([[1.0, 0.0]])
    array([[1., 3.]])
    >>> layer.dW
    array([[1., 0.],
           [1., 0.]])
    >>> b += 1  # the layer sees it
    >>> layer.forward([[1.0, 1.0]])
    array([[5., 7.]])
    >>> Affine(784, 128, rng=0)
    Affine(784, 128)
    """

    _native = True
    _param_names = ("W", "b")

    def __init__(
        self,
        W: ArrayLike | int,
        b: ArrayLike | int | None = None,
        *,
        init: Initializer = "he",
        bias: bool = True,
        dtype: DTypeLike = np.float32,
        rng: Seed = None,
    ) -> None:
        self.W: Array
        self.b: Array | None
        if isinstance(W, (int, np.integer)):
            shape = (
                integer("Affine", "the number of inputs", W),
                integer("Affine", "the number of outputs", b),
            )
            kind = float_dtype("Affine", dtype)
            self.W = initializers.draw("Affine", init, shape, generator("Affine", rng), kind)
            self.b = np.zeros(shape[1], kind) if bias else None
        else:
            self.W = real_array("Affine", "W", W)
            self.b = None if b is None else real_array("Affine", "b", b)
            self._check()
        self.dW: Array | None = None
        self.db: Array | None = None

    def _check(self) -> None:
        if self.W.ndim != 2:
            raise ValueError(f"Affine: W has shape {self.W.shape}; expected (in, out)")
        out = self.W.shape[1]
        if self.b is not None and self.b.shape not in ((out,), (1, out), ()):
            raise ValueError(
                f"Affine: b has shape {self.b.shape} but W has shape {self.W.shape}; expected ({out},)"
            )

    def forward(self, x: ArrayLike) -> Array:
        """y for x (..., in) -> (..., out), or (batch, ...) with `in` numbers per sample -> (batch, out)."""
        rows = as_rows("Affine.forward", x, self.W.shape[0], self.W.shape)
        y = _core.affine(rows, self.W, self.b)
        self._kept = (rows, np.shape(x))
        return y

    def backward(self, dy: ArrayLike) -> Array:
        """dx, of the shape that x had; sets dW and db to new arrays."""
        rows, shape = self._saved("_kept")
        dx, self.dW, db = _core.affine_backward(dy, rows, self.W)
        if self.b is None:
            self.db = None
        else:
            self.db = (db if self.b.size == db.size else db.sum()).reshape(self.b.shape)
        return dx.reshape(shape)

    def _widths(self) -> tuple[int | None, int | None]:
        return self.W.shape[0], self.W.shape[1]

    def _plan(self, at: dict[str, int], stream: int) -> dict[str, Any] | None:
        width_in, width_out = self.W.shape
        return {
            "kind": "affine",
            "in": width_in,
            "out": width_out,
            "weight": at["W"],
            "bias": at.get("b", -1),
        }

    def _config(self) -> dict[str, Any]:
        width_in, width_out = self.W.shape
        return {"in": width_in, "out": width_out, "bias": self.b is not None}

    def __repr__(self) -> str:
        sizes = ", ".join(map(str, self.W.shape))
        return f"Affine({sizes})" if self.b is not None else f"Affine({sizes}, bias=False)"


Dense = Affine
Linear = Affine


class Flatten(Layer):
    """(batch, ...) -> (batch, numbers per sample). Gives a view where NumPy can."""

    _native = True

    def forward(self, x: ArrayLike) -> Array:
        array = real_array("Flatten.forward", "x", x)
        if array.ndim == 0:
            raise ValueError("Flatten.forward: x has shape (); expected (batch, ...)")
        self._kept = array.shape
        return array.reshape(array.shape[0], int(np.prod(array.shape[1:])))

    def backward(self, dy: ArrayLike) -> Array:
        return real_array("Flatten.backward", "dy", dy).reshape(self._saved("_kept"))

    def _plan(self, at: dict[str, int], stream: int) -> dict[str, Any] | None:
        return None


class Dropout(Layer):
    """Inverted dropout: in training y = x keep / (1 - ratio), keep = 0 with probability `ratio`; otherwise y = x.

    `ratio` is the share that is dropped, as in PyTorch and Keras; CS231n's `p` is the share that is kept. The values
    that are kept are scaled in training, as everywhere but in *Deep Learning from Scratch*.

    Parameters
    ----------
    ratio : float
        0 <= ratio < 1.
    seed : int, optional
        The mask is a function of seed, number of the training forward and position alone (Philox), so it does not
        depend on threads. None: another seed for every layer. In a Network the network's seed counts instead.

    Examples
    --------
    >>> layer = Dropout(0.5, seed=1)
    >>> sorted(set(layer.forward(np.ones(1000)).tolist()))
    [0.0, 2.0]
    >>> layer.forward(np.ones(3), training=False)
    array([1., 1., 1.])
    """

    _native = True
    _stream = 0  # in a Network: which of its layers

    def __init__(self, ratio: float = 0.5, seed: int | None = None) -> None:
        self.ratio = real("Dropout", "ratio", ratio, 0, 1, below=True)
        self.seed = (
            int.from_bytes(os.urandom(8), "little") if seed is None else integer("Dropout", "seed", seed, 0)
        )
        if self.seed >= 2**64:
            raise ValueError(f"Dropout: seed is {self.seed}; expected an integer < 2**64")
        self._step = 0

    def forward(self, x: ArrayLike, training: bool | None = None) -> Array:
        array = real_array("Dropout.forward", "x", x)
        if not (self.training if training is None else training):
            self._kept = -1
            return array
        y = _core.dropout(array, self.ratio, self.seed, self._stream, self._step)
        self._kept = self._step
        self._step += 1
        return y

    def backward(self, dy: ArrayLike) -> Array:
        step = self._saved("_kept")
        if step < 0:
            return real_array("Dropout.backward", "dy", dy)
        return _core.dropout(dy, self.ratio, self.seed, self._stream, step)

    def _plan(self, at: dict[str, int], stream: int) -> dict[str, Any] | None:
        return {"kind": "dropout", "ratio": self.ratio, "stream": stream}

    def _config(self) -> dict[str, Any]:
        return {"ratio": self.ratio}


def activation(where: str, name: object) -> Layer:
    """A new layer from a name such as ``"relu"``, a layer class, or a function that makes a layer."""
    if isinstance(name, str):
        for cls_name in _activations.__all__:
            if cls_name.lower() == name.replace("_", "").lower():
                layer: Layer = getattr(_activations, cls_name)()
                return layer
        known = ", ".join(sorted(cls_name.lower() for cls_name in _activations.__all__))
        raise ValueError(f"{where}: activation is {name!r}; expected one of {known}")
    made = name() if callable(name) else name
    if not (callable(getattr(made, "forward", None)) and callable(getattr(made, "backward", None))):
        raise TypeError(f"{where}: activation is {name!r}; expected a name or a layer class")
    return made  # type: ignore[return-value]
