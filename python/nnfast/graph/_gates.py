"""The perceptron (Rosenblatt 1957), and logic gates made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import integer, real, real_array
from .._warn import warn
from ..errors import NotSeparableWarning

if TYPE_CHECKING:
    from typing import Self

    from .._typing import Array, ArrayLike

__all__ = ["AND", "NAND", "OR", "XOR", "Perceptron"]


class Perceptron:
    """1 where ``x @ w + b > 0``, else 0: many signals in, one out.

    Parameters
    ----------
    w : array (D,)
        Weights; copied as float64.
    b : float, default 0
        Bias: the smaller, the more it takes to fire.

    Attributes
    ----------
    w : array (D,)
    b : float
    mistakes : list of int
        After :meth:`fit`: how many samples each epoch corrected.
    converged : bool or None
        After :meth:`fit`: whether the last epoch had none to correct.

    Examples
    --------
    >>> gate = Perceptron([0.5, 0.5], -0.7)
    >>> gate([1, 1]), gate([1, 0])
    (1, 0)
    >>> gate([[0, 0], [0, 1], [1, 0], [1, 1]])
    array([0, 0, 0, 1])
    """

    def __init__(self, w: ArrayLike, b: float = 0.0) -> None:
        self.w: Array = real_array("Perceptron", "w", w).astype(np.float64)
        if self.w.ndim != 1 or self.w.size == 0:
            raise ValueError(f"Perceptron: w has shape {self.w.shape}; expected (D,)")
        self.b = real("Perceptron", "b", b)
        self.mistakes: list[int] = []
        self.converged: bool | None = None

    def __call__(self, x: ArrayLike) -> Any:
        """0 or 1 for x (D,), an integer array (N,) for x (N, D)."""
        return self._fire(self._samples(x))

    def _fire(self, x: Array) -> Any:
        fires = np.sum(x * self.w, axis=-1) + self.b > 0
        return int(fires) if x.ndim == 1 else fires.astype(int)

    def _samples(self, x: ArrayLike) -> Array:
        samples = real_array("Perceptron", "x", x)
        if samples.ndim not in (1, 2) or samples.shape[-1] != self.w.size:
            expected = f"({self.w.size},) or (N, {self.w.size})"
            raise ValueError(f"Perceptron: x has shape {samples.shape}; expected {expected}")
        return samples

    def fit(self, x: ArrayLike, t: ArrayLike, lr: float = 1.0, epochs: int = 100) -> Self:
        """Learn by Rosenblatt's rule: ``w += lr (t - y) x`` and ``b += lr (t - y)``, sample by sample.

        Ends after the first epoch without a mistake. There is one if a straight line (a hyperplane) separates the
        classes; otherwise, as for XOR, the weights go on changing for ever.

        Parameters
        ----------
        x : array (N, D)
        t : array (N,) of 0 and 1
        lr : float, default 1
        epochs : int, default 100
            At most.

        Warns
        -----
        NotSeparableWarning
            The last epoch still had mistakes.

        Examples
        --------
        >>> gate = Perceptron([0, 0]).fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 1])
        >>> gate.converged, gate.mistakes, gate.w, gate.b
        (True, [1, 2, 1, 0], array([1., 1.]), 0.0)
        """
        samples, targets = self._samples(x), real_array("Perceptron", "t", t)
        if samples.ndim != 2 or targets.shape != samples.shape[:1]:
            raise ValueError(
                f"Perceptron: x has shape {samples.shape}, t has shape {targets.shape}; expected (N, D) and (N,)"
            )
        if not np.all((targets == 0) | (targets == 1)):
            raise ValueError(f"Perceptron: t has values {np.unique(targets)[:5]}; expected 0 and 1")
        rate = real("Perceptron", "lr", lr, 0, above=True)
        self.mistakes = []
        for _ in range(integer("Perceptron", "epochs", epochs)):
            wrong = 0
            for sample, target in zip(samples, targets, strict=True):
                error = float(target) - self._fire(sample)
                if error:
                    wrong += 1
                    self.w += rate * error * sample
                    self.b += rate * error
            self.mistakes.append(wrong)
            if wrong == 0:
                break
        self.converged = self.mistakes[-1] == 0
        if not self.converged:
            warn(
                NotSeparableWarning,
                f"Perceptron: epoch {len(self.mistakes)} still had {self.mistakes[-1]} mistakes; "
                "classes that no straight line separates, as those of XOR, are never learned",
            )
        return self

    def __repr__(self) -> str:
        return f"Perceptron({self.w.tolist()}, {self.b})"


_AND, _NAND, _OR = Perceptron([0.5, 0.5], -0.7), Perceptron([-0.5, -0.5], 0.7), Perceptron([0.5, 0.5], -0.2)


def _gate(name: str, perceptron: Perceptron, x1: ArrayLike, x2: ArrayLike) -> Any:
    first, second = real_array(name, "x1", x1), real_array(name, "x2", x2)
    try:
        pair = np.broadcast_arrays(first, second)
    except ValueError:
        raise ValueError(
            f"{name}: x1 has shape {first.shape}, x2 has shape {second.shape}; expected shapes that broadcast"
        ) from None
    return perceptron._fire(np.stack(pair, axis=-1))


def AND(x1: ArrayLike, x2: ArrayLike) -> Any:
    """1 if both are 1, else 0: the perceptron w = (0.5, 0.5), b = -0.7. Arrays go element by element.

    Examples
    --------
    >>> AND(1, 1), AND(0, 1)
    (1, 0)
    """
    return _gate("AND", _AND, x1, x2)


def NAND(x1: ArrayLike, x2: ArrayLike) -> Any:
    """0 if both are 1, else 1: the perceptron w = (-0.5, -0.5), b = 0.7.

    Examples
    --------
    >>> NAND(1, 1), NAND(0, 1)
    (0, 1)
    """
    return _gate("NAND", _NAND, x1, x2)


def OR(x1: ArrayLike, x2: ArrayLike) -> Any:
    """1 if one or both are 1, else 0: the perceptron w = (0.5, 0.5), b = -0.2.

    Examples
    --------
    >>> OR(0, 0), OR(0, 1)
    (0, 1)
    """
    return _gate("OR", _OR, x1, x2)


def XOR(x1: ArrayLike, x2: ArrayLike) -> Any:
    """1 if exactly one is 1: AND of NAND and OR, as no single perceptron can do it.

    Examples
    --------
    >>> XOR([0, 0, 1, 1], [0, 1, 0, 1])
    array([0, 1, 1, 0])
    """
    return AND(NAND(x1, x2), OR(x1, x2))
