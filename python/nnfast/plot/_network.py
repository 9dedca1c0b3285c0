"""A network as circles and lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import integer, real_array
from . import _figure, _values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from .._typing import Array, ArrayLike

_RADIUS = 0.36  # of a neuron; neurons are 1 apart
_DOTS = 1.6  # what an ellipsis takes


def network(
    net: Any,
    x: ArrayLike | None = None,
    ax: Axes | None = None,
    max_neurons: int = 16,
    *,
    labels: Sequence[object] | None = None,
) -> Axes:
    """A network as circles and lines, with the activations of one sample.

    A circle is a neuron, black at 0 and white at 1. Activations of a hidden layer that are larger than 1 are divided by
    the largest of the layer, negative ones are black; outputs are probabilities where the loss has them. A line is a
    weight, blue if it is positive and orange if it is negative, the stronger the larger it is in its layer.

    Parameters
    ----------
    net : Network, or sequence of int
        Sizes, inputs first, draw a network without weights.
    x : array (in,), optional
        A sample, or images of one sample; a batch of one is one too.
    ax : matplotlib Axes, optional
    max_neurons : int
        Layers with more show half of this many from the top, an ellipsis, and half from the bottom.
    labels : sequence, optional
        Of the outputs. None: their numbers, and with `x` their values.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> import nnfast as nn
    >>> ax = nn.plot.network([784, 16, 16, 10])  # doctest: +SKIP
    """
    where = "plot.network"
    integer(where, "max_neurons", max_neurons, 2)
    weights: list[Array] = []
    if hasattr(net, "params"):
        weights = _values.weights_of(net)
        if not weights:
            raise ValueError(f"{where}: the network has no affine layer; expected at least one")
        sizes = [weights[0].shape[0], *(W.shape[1] for W in weights)]
    else:
        try:
            sizes = [integer(where, f"sizes[{i}]", n) for i, n in enumerate(net)]
        except TypeError:
            raise TypeError(f"{where}: net is {net!r}; expected a Network or a sequence of sizes") from None
        if len(sizes) < 2 or x is not None:
            raise ValueError(
                f"{where}: net is {sizes}; expected at least two sizes, and a Network where x is given"
            )
    values = None if x is None else _shades(where, net, x)
    if values is not None:
        sizes = [len(v) for v in values]
    texts = _texts(where, labels, sizes[-1], values)

    columns = [_shown(n, max_neurons) for n in sizes]
    height = max(float(y.max() - y.min()) for _, y in columns) + 1
    apart = max(2.6, 0.55 * height)
    scale = min(max(5.0 / (height + 2), 0.28), 0.6)  # inches per unit
    width = apart * (len(sizes) - 1) + 4
    axes: Any = _figure.axes_of(where, ax, (min(width * scale, 12), (height + 2) * scale))
    _lines(axes, columns, weights, apart)
    _circles(axes, columns, values, apart)
    wide, high = _figure.size_in_inches(axes)
    unit = 72 * min(scale, wide / width, high / (height + 2))
    points = min(9.0, 0.75 * unit)
    for k, (n, (_, y)) in enumerate(zip(sizes, columns, strict=True)):
        name = (
            "input"
            if k == 0
            else "output"
            if k == len(sizes) - 1
            else f"hidden {k}"
            if len(sizes) > 3
            else "hidden"
        )
        small = min(points + 1, 9.0)
        axes.text(k * apart, -height / 2 - 0.3, f"{name}\n{n}", ha="center", va="top", fontsize=small)
        if len(y) < n:
            axes.text(k * apart, 0, "⋮", ha="center", va="center", fontsize=min(1.3 * unit, 16))
    right = (len(sizes) - 1) * apart
    shown, y = columns[-1]
    for index, at in zip(shown, y, strict=True):
        axes.text(right + 0.6, at, texts[index], ha="left", va="center", fontsize=points)
    longest = max(len(texts[index]) for index in shown) * 0.62 * points / unit
    bottom = -height / 2 - 0.5 - 3 * points / unit
    axes.set(
        xlim=(-1.2, right + max(1.2, 0.9 + longest)),
        ylim=(bottom, height / 2 + 0.2),
        aspect="equal",
    )
    axes.set_axis_off()
    return axes


def _shades(where: str, net: Any, x: ArrayLike) -> list[Array]:
    """What is drawn of every layer, in 0..1."""
    array = real_array(where, "x", x)
    width = getattr(net, "_in", None)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{where}: x is not finite; expected numbers")
    if array.ndim == 0 or (width is not None and array.size != width):
        raise ValueError(f"{where}: x has shape {array.shape}; expected one sample ({width},)")
    net, array, _ = _values.by_rows(net, array)
    if array.ndim == 1 or len(array) != 1:
        array = array[None]
    a = _values.activations(where, net, array)
    result = [_in_unit(v[0]) for v in a]
    probabilities = _values.probabilities(net, array)
    if probabilities is not None:
        result[-1] = probabilities[0].astype(np.float64)
    return result


def _in_unit(a: Array) -> Array:
    a = np.nan_to_num(a.astype(np.float64))
    return np.clip(a / max(float(a.max()), 1.0), 0, 1)


def _texts(where: str, labels: Any, count: int, values: list[Array] | None) -> list[str]:
    texts = [str(label) for label in (range(count) if labels is None else labels)]
    if len(texts) != count:
        raise ValueError(f"{where}: there are {len(texts)} labels; expected one for each of {count} outputs")
    if values is None:
        return texts
    return [f"{text}  {value:.2f}" for text, value in zip(texts, values[-1], strict=True)]


def _shown(count: int, most: int) -> tuple[Array, Array]:
    """(indices, heights) of the neurons of a layer that are drawn, from the top."""
    if count <= most:
        return np.arange(count), (count - 1) / 2 - np.arange(count)
    upper, lower = most - most // 2, most // 2
    indices = np.concatenate([np.arange(upper), np.arange(count - lower, count)])
    heights = np.concatenate([np.arange(upper)[::-1] + _DOTS / 2 + 0.5, -np.arange(lower) - _DOTS / 2 - 0.5])
    return indices, heights - (upper - lower) / 2


def _lines(ax: Any, columns: list[tuple[Array, Array]], weights: list[Array], apart: float) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    positive, negative = to_rgba(_figure.BLUE), to_rgba(_figure.VERMILLION)
    for k in range(len(columns) - 1):
        (before, y0), (after, y1) = columns[k], columns[k + 1]
        starts, ends = np.meshgrid(y0, y1, indexing="ij")
        places = np.full(starts.size, k * apart)
        segments = np.stack(
            [np.stack([places, starts.ravel()], 1), np.stack([places + apart, ends.ravel()], 1)], axis=1
        )
        colours: Any = "0.75"
        widths: Any = 0.5
        W = weights[k] if weights else None
        if W is not None and W.shape[0] > before[-1] and W.shape[1] > after[-1]:
            w = np.nan_to_num(W[np.ix_(before, after)].astype(np.float64)).ravel()
            share = np.abs(w) / (np.abs(w).max() or 1.0)
            colours = np.where((w >= 0)[:, None], positive, negative)
            colours[:, 3] = 0.05 + 0.85 * share
            widths = 0.3 + 1.2 * share
        ax.add_collection(LineCollection(segments, colors=colours, linewidths=widths, zorder=1))


def _circles(ax: Any, columns: list[tuple[Array, Array]], values: list[Array] | None, apart: float) -> None:
    from matplotlib.patches import Circle

    for k, (indices, heights) in enumerate(columns):
        for index, y in zip(indices, heights, strict=True):
            shade = "white" if values is None else f"{float(np.clip(values[k][index], 0, 1)):.4f}"
            ax.add_patch(
                Circle((k * apart, y), _RADIUS, facecolor=shade, edgecolor="0.25", linewidth=0.8, zorder=2)
            )
