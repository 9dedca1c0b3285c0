"""What fit recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._typing import Array

__all__ = ["History"]


class History(dict[str, list[float]]):
    """Numbers per epoch by name: ``history["loss"]`` is a list with one entry for each complete epoch.

    Attributes
    ----------
    step_losses : array or None
        The loss of every step, where `fit` was asked for it.
    stopped : str
        Why training ended before its last epoch, or "".
    """

    def __init__(self) -> None:
        super().__init__()
        self.step_losses: Array | None = None
        self.stopped = ""

    @property
    def epochs(self) -> int:
        """How many epochs are recorded."""
        return max(map(len, self.values()), default=0)

    def best(self, name: str = "val_loss") -> int:
        """The epoch, counted from 0, with the best value: the highest of an accuracy, the lowest of all else.

        Examples
        --------
        >>> history = History()
        >>> history["val_loss"] = [0.9, 0.5, 0.6]
        >>> history.best()
        1
        """
        if not self.get(name):
            raise KeyError(f"History.best: there is no {name!r}; expected one of {', '.join(self)}")
        values = self[name]
        return values.index(max(values) if "accuracy" in name else min(values))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Learning curves, see :func:`nnfast.plot.history`. Needs matplotlib."""
        from . import plot

        return plot.history(self, ax=ax)

    def _append(self, logs: dict[str, float]) -> None:
        for name, value in logs.items():
            self.setdefault(name, []).append(value)
