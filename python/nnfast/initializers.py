"""Starting values of weights: callables ``(shape, rng) -> array``.

A layer takes an initializer by name (``init="he"``), as a callable of this module or one's own, or as a number, which
is the standard deviation of a normal distribution, as in the courses. Values are drawn in float64 from a
`numpy.random.Generator` and then rounded, so that a float32 and a float64 network of one seed start from the same
numbers.

=====================  =======================================================================  =======================
name                   distribution of W (in, out)                                              from
=====================  =======================================================================  =======================
``zeros``              0
``normal``             N(0, std^2), std = 0.01; :func:`normal` for another std                  the courses' default
``uniform``            U(-limit, limit), limit = 0.05; :func:`uniform` for another limit        Keras' default limit
``he``, ``he_normal``  N(0, 2 / in)                                                             He et al. 2015
``he_uniform``         U(-l, l), l = sqrt(6 / in)                                               He et al. 2015
``xavier``,            N(0, 2 / (in + out))                                                     Glorot, Bengio 2010
``xavier_normal``
``xavier_uniform``     U(-l, l), l = sqrt(6 / (in + out))                                       Glorot, Bengio 2010
``lecun``,             N(0, 1 / in); *Deep Learning from Scratch* calls this one Xavier         LeCun et al. 1998
``lecun_normal``
``lecun_uniform``      U(-l, l), l = sqrt(3 / in)                                               LeCun et al. 1998
``orthogonal``         orthonormal rows or columns                                              Saxe et al. 2014
=====================  =======================================================================  =======================

``glorot``, ``glorot_normal`` and ``glorot_uniform`` are other names for the ``xavier`` ones.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import real

if TYPE_CHECKING:
    from ._typing import Array, Callable, Initializer, Shape

    Draw = Callable[[Shape, np.random.Generator], Array]

__all__ = [
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


def _fans(shape: Shape) -> tuple[int, int]:
    """Inputs and outputs; a vector has as many of both."""
    return max(shape[0], 1), max(shape[-1], 1)


def zeros(shape: Shape, rng: np.random.Generator) -> Array:
    """All 0."""
    return np.zeros(shape)


def normal(std: float = 0.01) -> Draw:
    """An initializer that draws from N(0, std^2)."""
    scale = real("normal", "std", std, 0)

    def draw(shape: Shape, rng: np.random.Generator) -> Array:
        return scale * rng.standard_normal(shape)

    return draw


def uniform(limit: float = 0.05) -> Draw:
    """An initializer that draws from U(-limit, limit)."""
    bound = real("uniform", "limit", limit, 0)

    def draw(shape: Shape, rng: np.random.Generator) -> Array:
        return rng.uniform(-bound, bound, shape)

    return draw


def he_normal(shape: Shape, rng: np.random.Generator) -> Array:
    """N(0, 2 / in), for ReLU and its kin (He et al. 2015)."""
    return normal(math.sqrt(2 / _fans(shape)[0]))(shape, rng)


def he_uniform(shape: Shape, rng: np.random.Generator) -> Array:
    """U(-l, l) with l = sqrt(6 / in) (He et al. 2015)."""
    return uniform(math.sqrt(6 / _fans(shape)[0]))(shape, rng)


def xavier_normal(shape: Shape, rng: np.random.Generator) -> Array:
    """N(0, 2 / (in + out)), for tanh and sigmoid (Glorot and Bengio 2010)."""
    return normal(math.sqrt(2 / sum(_fans(shape))))(shape, rng)


def xavier_uniform(shape: Shape, rng: np.random.Generator) -> Array:
    """U(-l, l) with l = sqrt(6 / (in + out)) (Glorot and Bengio 2010)."""
    return uniform(math.sqrt(6 / sum(_fans(shape))))(shape, rng)


def lecun_normal(shape: Shape, rng: np.random.Generator) -> Array:
    """N(0, 1 / in), for SELU (LeCun et al. 1998; Klambauer et al. 2017)."""
    return normal(math.sqrt(1 / _fans(shape)[0]))(shape, rng)


def lecun_uniform(shape: Shape, rng: np.random.Generator) -> Array:
    """U(-l, l) with l = sqrt(3 / in) (LeCun et al. 1998)."""
    return uniform(math.sqrt(3 / _fans(shape)[0]))(shape, rng)


def orthogonal(shape: Shape, rng: np.random.Generator) -> Array:
    """Orthonormal columns, or rows where there are more columns than rows (Saxe et al. 2014)."""
    rows, cols = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.standard_normal((max(rows, cols), min(rows, cols))))
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # makes the distribution uniform over the orthogonal group
    return np.ascontiguousarray((q if rows >= cols else q.T).reshape(shape))


glorot_normal = xavier_normal
glorot_uniform = xavier_uniform

_NAMES: dict[str, Draw] = {
    "zeros": zeros,
    "normal": normal(),
    "uniform": uniform(),
    "he": he_normal,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "xavier": xavier_normal,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
    "glorot": xavier_normal,
    "glorot_normal": xavier_normal,
    "glorot_uniform": xavier_uniform,
    "lecun": lecun_normal,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "orthogonal": orthogonal,
}


def get(init: Initializer) -> Callable[[Shape, np.random.Generator], Any]:
    """The initializer that a name, a standard deviation or a callable stands for.

    Raises
    ------
    ValueError
        Unknown name, negative or infinite standard deviation.
    TypeError
        Something else.

    Examples
    --------
    >>> import numpy as np
    >>> get("he")((2, 3), np.random.default_rng(0)).shape
    (2, 3)
    """
    if isinstance(init, str):
        if init not in _NAMES:
            raise ValueError(f"init is {init!r}; expected one of {', '.join(_NAMES)}, a number or a callable")
        return _NAMES[init]
    if callable(init):
        return init
    return normal(real("init", "the standard deviation", init, 0))


def draw(
    where: str, init: Initializer, shape: Shape, rng: np.random.Generator, dtype: np.dtype[Any]
) -> Array:
    """New C-contiguous values of `shape`, checked: an initializer may be the user's own."""
    values = np.asarray(get(init)(shape, rng))
    if values.shape != shape:
        raise ValueError(f"{where}: init returned an array of shape {values.shape}; expected {shape}")
    return np.array(values, dtype, order="C")
