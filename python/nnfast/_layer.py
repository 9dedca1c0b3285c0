"""What all layers have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ._typing import Array, ArrayLike

__all__ = ["Layer"]


class Layer:
    """Base class of the layers. A layer of your own may derive from it, but need not.

    Any object with ``forward(x) -> y`` and ``backward(dy) -> dx`` is a layer for :class:`nnfast.Network`. Its
    parameters are trained if it has dicts ``params`` and ``grads`` with the same keys, or attributes ``W``, ``b`` and
    ``dW``, ``db``. Where `forward` has a parameter ``training`` (or ``train_flg``), the network says there whether it
    is training; an attribute ``training`` is set too, where there is one.

    Attributes
    ----------
    training : bool
        The mode of layers that have two, where `forward` is not told: True at the start.

    Examples
    --------
    >>> import numpy as np, nnfast as nn
    >>> class Scale:
    ...     def __init__(self):
    ...         self.params, self.grads = {"scale": np.ones(3, np.float32)}, {}
    ...
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x * self.params["scale"]
    ...
    ...     def backward(self, dy):
    ...         self.grads["scale"] = (dy * self.x).sum(axis=0)
    ...         return dy * self.params["scale"]
    >>> network = nn.Network([nn.Affine(2, 3), Scale(), nn.Relu(), nn.Affine(3, 2)])
    >>> list(network.params)
    ['W1', 'b1', 'scale1', 'W2', 'b2']
    """

    training: bool = True

    # Whether forward and backward are those of the core, so that a Plan may run in their place.
    _native: ClassVar[bool] = False
    _param_names: ClassVar[tuple[str, ...]] = ()
    _state_names: ClassVar[tuple[str, ...]] = ()
    _columns_in: int = 1  # for one that comes out, where a layer takes any number
    # The token of the Network whose buffers the parameters are views of.
    _owner: object = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if {"forward", "backward"} & set(cls.__dict__) and "_native" not in cls.__dict__:
            cls._native = False

    def forward(self, x: ArrayLike) -> Array:
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, dy: ArrayLike) -> Array:
        raise NotImplementedError(f"{type(self).__name__} has no backward")

    def _saved(self, name: str) -> Any:
        """What forward left for backward."""
        value = self.__dict__.get(name)
        if value is None:
            raise RuntimeError(f"{type(self).__name__}.backward: called before forward")
        return value

    def __getstate__(self) -> dict[str, Any]:
        """Without what forward left, and without the network: a copy belongs to nobody."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_kept", "_owner")}

    # ---- For Network and save

    def _widths(self) -> tuple[int | None, int | None]:
        """Numbers per sample in and out; None where any number goes in, or the same number comes out."""
        return None, None

    def _width_out(self, width: int | None) -> int | None:
        """Numbers per sample that come out where `width` go in; None where that is not known."""
        return self._widths()[1] or width

    def _plan(self, at: dict[str, int], stream: int) -> dict[str, Any] | None:
        """What _core.Plan takes: `at` has the offsets of the parameters. None: nothing to do on 2-D arrays."""
        raise NotImplementedError

    def _config(self) -> dict[str, Any]:
        """The arguments that make this layer again, without its arrays."""
        return {}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self._config().items())
        return f"{type(self).__name__}({settings})"
