"""``ch05/layer_naive.py``: multiplication and addition as layers of a graph. Python numbers stay Python numbers."""

from __future__ import annotations

from typing import Any

__all__ = ["AddLayer", "MulLayer"]


class MulLayer:
    """x y.

    Examples
    --------
    >>> layer = MulLayer()
    >>> layer.forward(100, 2), layer.backward(1)
    (200, (2, 100))
    """

    def __init__(self) -> None:
        self.x: Any = None
        self.y: Any = None

    def forward(self, x: Any, y: Any) -> Any:
        """x y."""
        self.x = x
        self.y = y
        return x * y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """dout y and dout x."""
        return dout * self.y, dout * self.x


class AddLayer:
    """x + y.

    Examples
    --------
    >>> layer = AddLayer()
    >>> layer.forward(200, 450), layer.backward(1.5)
    (650, (1.5, 1.5))
    """

    def __init__(self) -> None:
        pass

    def forward(self, x: Any, y: Any) -> Any:
        """x + y."""
        return x + y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """dout twice."""
        return dout * 1, dout * 1
