"""Flat buffers, and the dicts of views of them that a Network shows."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._computation import Computation
    from ._typing import Array, Floats, Shape

_LINE = 64  # bytes; the elements between two arrays stay 0


class Layout:
    """Where each named array lies in a flat buffer: on a cache line, or (`tight`) right behind the one before."""

    def __init__(self, dtype: np.dtype[Any], tight: bool = False) -> None:
        self._step = 1 if tight else _LINE // dtype.itemsize
        self._places: dict[str, tuple[int, Shape]] = {}
        self.size = 0

    def add(self, name: str, shape: Shape) -> int:
        """The offset of a new array. There is nothing behind the last one."""
        offset = -(-self.size // self._step) * self._step
        self._places[name] = offset, shape
        self.size = offset + math.prod(shape)
        return offset

    def view(self, flat: Floats, name: str) -> Array:
        offset, shape = self._places[name]
        return flat[offset : offset + math.prod(shape)].reshape(shape)

    def offset(self, name: str) -> int:
        return self._places[name][0]

    def span(self, names: list[str]) -> tuple[int, int]:
        """Begin and end of the part of a flat buffer that these arrays, added one after the other, take up."""
        if not names:
            return 0, 0
        offset, shape = self._places[names[-1]]
        return self._places[names[0]][0], offset + math.prod(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)


class Views(dict[str, Any]):
    """A dict of a network's arrays: assigning to a key writes into the array.

    Keys cannot be added or removed.
    """

    def __init__(self, network: Computation, items: dict[str, Any]) -> None:
        super().__init__(items)
        self._network = weakref.ref(network)

    @property
    def network(self) -> Computation | None:
        return self._network()

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self:
            raise KeyError(f"the network has no array {name!r}; expected one of {', '.join(self)}")
        view = self[name]
        if value is view:
            return
        array = np.asarray(value)
        if array.shape != view.shape:
            raise ValueError(f"{name} is set to an array of shape {array.shape}; expected {view.shape}")
        view[...] = array

    def update(self, *args: Any, **kwargs: Any) -> None:
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def __ior__(self, other: Any) -> Views:  # type: ignore[override,misc]
        self.update(other)
        return self

    def _replace(self, name: str, value: Any) -> None:
        """Show another array: that of a layer written in Python."""
        super().__setitem__(name, value)

    def _fixed(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("the arrays of a network cannot be removed or added")

    __delitem__ = pop = popitem = clear = setdefault = _fixed

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
