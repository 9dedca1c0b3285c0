"""What a network's notation is made of: arrays by layer, and derivatives to be ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import integer, real_array

if TYPE_CHECKING:
    from collections.abc import Iterator


class PerLayer:
    """Arrays by layer number: ``W[1]`` ... ``W[L]``, and ``W[-1]`` for the last. Assigning writes into the array."""

    def __init__(self, name: str, arrays: list[Any], first: int = 1) -> None:
        self._name, self._arrays, self._first = name, arrays, first

    def __getitem__(self, l: int) -> Any:  # noqa: E741  (the courses' name)
        last = self._first + len(self._arrays) - 1
        number = integer("Network", f"the index of {self._name}", l, -len(self._arrays))
        number = number + last + 1 if number < 0 else number
        if not self._first <= number <= last:
            why = "; layer 0 is the input" if number == 0 else ""
            raise IndexError(
                f"Network: {self._name}[{l}] does not exist; expected {self._first}..{last}{why}"
            )
        return self._arrays[number - self._first]

    def __setitem__(self, l: int, value: Any) -> None:  # noqa: E741
        view = self[l]
        array = real_array("Network", f"{self._name}[{l}]", value)
        if view is None or array.shape != view.shape:
            expected = "a layer with one" if view is None else str(view.shape)
            raise ValueError(f"Network: {self._name}[{l}] is set to shape {array.shape}; expected {expected}")
        view[...] = array

    def __len__(self) -> int:
        return len(self._arrays)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._arrays)

    def __repr__(self) -> str:
        shapes = [None if array is None else array.shape for array in self._arrays]
        items = (f"{self._first + i}: {shape}" for i, shape in enumerate(shapes))
        return f"<{self._name} by layer: {', '.join(items)}>"


class Sensitivity(dict[str, Any]):
    """Derivatives of a loss by every parameter: name -> array. See :meth:`nnfast.Network.sensitivity`."""

    def ranking(self, count: int = 10) -> list[tuple[str, tuple[int, ...], float]]:
        """(name, index, derivative) of the parameters that matter most, by absolute derivative."""
        count = integer("Sensitivity.ranking", "count", count)
        found: list[tuple[str, tuple[int, ...], float]] = []
        for name, grad in self.items():
            size = np.abs(np.asarray(grad)).ravel()
            top = np.argsort(-size, kind="stable")[:count]
            places = (np.unravel_index(i, np.shape(grad)) for i in top)
            found += [(name, p, float(grad[p])) for p in (tuple(int(i) for i in place) for place in places)]
        return sorted(found, key=lambda entry: -abs(entry[2]))[:count]

    def ratio(self, first: tuple[str, tuple[int, ...]], second: tuple[str, tuple[int, ...]]) -> float:
        """How many times more the first (name, index) matters than the second."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = [np.abs(np.float64(np.asarray(self[name])[place])) for name, place in (first, second)]
            return float(values[0] / values[1])


__all__ = ["PerLayer", "Sensitivity"]
