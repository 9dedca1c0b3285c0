"""The way of an optimizer over a surface."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import integer, real_array
from . import _figure

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from .._typing import Array, ArrayLike


def descent(
    f: Callable[..., Any],
    path: ArrayLike | Mapping[str, ArrayLike],
    ax: Axes | None = None,
    levels: int | ArrayLike = 15,
    *,
    limits: tuple[tuple[float, float], tuple[float, float]] | None = None,
    resolution: int = 100,
) -> Axes:
    """Paths of gradient descent on the contour lines of a function of two variables.

    Parameters
    ----------
    f : callable
        f(x) of one point x (2,), as for `numerical_gradient`, or f(x0, x1); it gives a number.
    path : array (steps, 2), or dict of such arrays by name
        The points in their order, such as the second result of `gradient_descent`. The names of a dict are the legend:
        to compare optimizers in a valley. Points that are not finite are left out.
    ax : matplotlib Axes, optional
    levels : int or array
        How many contour lines, at quantiles of the function's values, or their heights.
    limits : ((low, high), (low, high)), optional
        Of both axes. None: the paths and a margin.
    resolution : int
        Points per axis at which f is asked, one call each.

    Returns
    -------
    matplotlib Axes
        A path starts at the circle and ends at the cross.
    """
    where = "plot.descent"
    if not callable(f):
        raise TypeError(f"{where}: f is {f!r}; expected a function of two variables")
    named = isinstance(path, Mapping)
    given: Mapping[str, Any] = path if isinstance(path, Mapping) else {"": path}
    paths = {str(name): _path(where, f"path[{name!r}]" if named else "path", p) for name, p in given.items()}
    if not paths:
        raise ValueError(f"{where}: path is an empty dict; expected at least one path")
    integer(where, "resolution", resolution, 2)
    (left, right), (bottom, top) = _limits(where, limits, np.concatenate(list(paths.values())))
    first, second = np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    heights = _heights(where, f, first, second)
    lines = _levels(where, levels, heights)

    axes: Any = _figure.axes_of(where, ax, (6.0, 4.5))
    axes.contour(first, second, heights, levels=lines, colors="0.65", linewidths=0.8)
    for k, (name, p) in enumerate(paths.items()):
        own = {"color": _figure.colour(k), "zorder": 3}
        axes.plot(
            *p.T,
            _figure.line(k),
            marker=_figure.marker(k),
            markersize=3.5 if len(p) <= 60 else 2,
            linewidth=1.2,
            label=name,
            **own,
        )
        axes.plot(*p[0], "o", markersize=9, markerfacecolor="none", markeredgewidth=1.6, **own)
        axes.plot(*p[-1], "x", markersize=9, markeredgewidth=2.2, **own)
    axes.set(xlabel="$x_0$", ylabel="$x_1$", xlim=(left, right), ylim=(bottom, top))
    if named:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize="small")
    return axes


def _path(where: str, name: str, path: ArrayLike) -> Array:
    array = real_array(where, name, path).astype(np.float64)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"{where}: {name} has shape {array.shape}; expected (steps, 2)")
    array = array[np.all(np.isfinite(array), axis=1)]
    if not len(array):
        raise ValueError(f"{where}: {name} has no finite point; expected at least one")
    return array


def _limits(where: str, limits: Any, points: Array) -> Array:
    if limits is not None:
        array = real_array(where, "limits", limits).astype(np.float64)
        if array.shape != (2, 2) or not np.all(array[:, 0] < array[:, 1]):
            raise ValueError(f"{where}: limits is {limits!r}; expected ((low, high), (low, high))")
        return array
    low, high = points.min(axis=0), points.max(axis=0)
    extent = np.where(high > low, high - low, 1)
    extent = np.maximum(extent, 0.1 * extent.max())  # a path along an axis still shows a surface around it
    middle = (low + high) / 2
    return np.stack([middle - 0.65 * extent, middle + 0.65 * extent], axis=1)


def _heights(where: str, f: Callable[..., Any], first: Array, second: Array) -> Array:
    """f at every point of the grid, (second, first). Point by point: f need not know of arrays of points."""
    two = _takes_two(f)
    with np.errstate(all="ignore"):
        values = [f(x, y) if two else f(np.array([x, y])) for y in second for x in first]
    try:
        heights = np.array([float(np.asarray(v).reshape(())) for v in values])
    except (TypeError, ValueError):
        raise ValueError(f"{where}: f gives {values[0]!r}; expected a number for one point") from None
    if not np.any(np.isfinite(heights)):
        raise ValueError(f"{where}: f is nowhere finite; expected a number for one point")
    return np.ma.masked_invalid(heights.reshape(len(second), len(first)))


def _takes_two(f: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # written in C, without a signature
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters) == 2


def _levels(where: str, levels: Any, heights: Any) -> Array:
    if np.ndim(levels) == 0:
        count = integer(where, "levels", levels)
        return np.unique(np.quantile(heights.compressed(), (np.arange(count) + 0.5) / count))
    array = np.unique(real_array(where, "levels", levels))
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{where}: levels is {levels!r}; expected a number of lines, or their heights")
    return array
