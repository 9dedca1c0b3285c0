"""The nodes of *Deep Learning from Scratch*, chapter 5, as layers: forward keeps what backward needs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compat.dlfs.layer_naive import AddLayer, MulLayer

__all__ = ["AddLayer", "DivLayer", "ExpLayer", "MulLayer"]


class DivLayer:
    """y = 1/x; backward is -y^2 dout.

    Attributes
    ----------
    out : float, array or None
        y of the last forward, which is all that backward needs.

    Examples
    --------
    >>> layer = DivLayer()
    >>> layer.forward(4.0), layer.backward(1.0)
    (0.25, -0.0625)
    """

    def __init__(self) -> None:
        self.out: Any = None

    def forward(self, x: Any) -> Any:
        """1/x."""
        self.out = 1 / x
        return self.out

    def backward(self, dout: Any) -> Any:
        """-y^2 dout."""
        return -dout * self.out**2


class ExpLayer:
    """y = exp(x); backward is y dout.

    Attributes
    ----------
    out : float, array or None
        y of the last forward, which is all that backward needs.

    Examples
    --------
    >>> layer = ExpLayer()
    >>> layer.forward(0.0), layer.backward(3.0)
    (1.0, 3.0)
    """

    def __init__(self) -> None:
        self.out: Any = None

    def forward(self, x: Any) -> Any:
        """exp(x)."""
        out = np.exp(x)
        self.out = float(out) if isinstance(x, (int, float)) else out
        return self.out

    def backward(self, dout: Any) -> Any:
        """y dout."""
        return dout * self.out
