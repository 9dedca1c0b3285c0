"""Checks of arguments that are made in Python, and the forms of array that a layer takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._typing import Array, ArrayLike, DTypeLike, Seed


def integer(where: str, name: str, value: object, low: int = 1) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{where}: {name} is {value!r}; expected an integer >= {low}")
    if value < low:
        raise ValueError(f"{where}: {name} is {value}; expected an integer >= {low}")
    return int(value)


def real(
    where: str,
    name: str,
    value: object,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
) -> float:
    """`value` as a finite float in [low, high]; `above` and `below` leave the ends out."""
    expected = "a finite number" if math.isinf(low) else f"a number {'>' if above else '>='} {low:g}"
    if not math.isinf(high):
        expected += f" and {'<' if below else '<='} {high:g}"
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{where}: {name} is {value!r}; expected {expected}")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{where}: {name} is {value!r}; expected {expected}") from None
    inside = (low < number if above else low <= number) and (number < high if below else number <= high)
    if not (math.isfinite(number) and inside):
        raise ValueError(f"{where}: {name} is {number!r}; expected {expected}")
    return number


def choice(where: str, name: str, value: object, choices: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in choices:
        return value
    kind = ValueError if isinstance(value, str) else TypeError
    raise kind(f"{where}: {name} is {value!r}; expected one of {', '.join(map(repr, choices))}")


def float_dtype(where: str, dtype: DTypeLike) -> np.dtype[Any]:
    try:
        result = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"{where}: dtype is {dtype!r}; expected float32 or float64") from None
    if result not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise TypeError(f"{where}: dtype is {result}; expected float32 or float64")
    return result


def real_array(where: str, name: str, value: ArrayLike) -> Array:
    """`value` as an ndarray of real numbers; the very object where it is one."""
    if type(value) is np.ndarray:
        array: Array = value
    else:
        if hasattr(value, "mask") and np.ma.is_masked(value):
            raise ValueError(f"{where}: {name} has masked elements; expected {name}.filled(value)")
        try:
            array = np.asarray(value)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"{where}: {name} cannot be read as an array of real numbers: {error}"
            ) from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{where}: {name} has dtype {array.dtype}; expected real numbers")
    return array


def generator(where: str, rng: Seed, name: str = "rng") -> np.random.Generator:
    """A generator from a seed; None draws fresh entropy."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return np.random.default_rng()
    return np.random.default_rng(integer(where, name, rng, 0))


def as_rows(where: str, x: ArrayLike, width: int, W: tuple[int, ...] = ()) -> Array:
    """`x` with rows of `width` numbers: as it is where its last axis has that length, else flattened per sample.

    `W` is the shape of the weights that the rows are multiplied by.
    """
    array = real_array(where, "x", x)
    if array.ndim > 0 and array.shape[-1] == width:
        return array
    if array.ndim > 1 and math.prod(array.shape[1:]) == width:
        return array.reshape(array.shape[0], width)
    if W and array.ndim == 2:
        raise ValueError(f"{where}: {product_error(array.shape, W)}")
    raise ValueError(
        f"{where}: x has shape {array.shape}; expected (..., {width}), or (batch, ...) with {width} numbers per sample"
    )


def product_error(x: tuple[object, int], W: tuple[int, ...]) -> str:
    """What is wrong with x @ W, as ``Network.explain`` writes products."""
    return f"x ({x[0]}, {x[1]}) @ W {W}: {x[1]} != {W[0]}; is W transposed?"
