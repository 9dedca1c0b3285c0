"""Classifiers: who is taken for whom, and where the classes meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import integer, real_array
from . import _figure, _values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from .._typing import Array, ArrayLike


def confusion_matrix(t: ArrayLike, y: ArrayLike, classes: int | None = None) -> Array:
    """How many samples of each class were taken for each class. Needs no matplotlib.

    Parameters
    ----------
    t : array (batch,) of labels, or one-hot (batch, classes)
        The truth.
    y : array (batch,) of labels, or scores (batch, classes)
        The prediction; of scores the largest counts.
    classes : int, optional
        None: the columns of t or y, else as many as the highest label asks for.

    Returns
    -------
    array (classes, classes) of int64
        Row: truth, column: prediction.

    Raises
    ------
    ValueError
        t and y have different lengths, or a label is negative or too high.

    Examples
    --------
    >>> confusion_matrix([0, 0, 1, 2], [0, 1, 1, 1])
    array([[1, 1, 0],
           [0, 1, 0],
           [0, 1, 0]])
    """
    where = "plot.confusion_matrix"
    truth = _values.labels(where, "t", t)
    guess = _values.labels(where, "y", y, len(truth))
    if classes is None:
        columns = [np.shape(a)[1] for a in (t, y) if np.ndim(a) == 2 and np.shape(a)[1] > 1]
        classes = max([1, *columns, *(int(a.max()) + 1 for a in (truth, guess) if len(a))])
    integer(where, "classes", classes)
    for name, array in (("t", truth), ("y", guess)):
        if len(array) and not 0 <= array.min() <= array.max() < classes:
            raise ValueError(
                f"{where}: {name} has labels in {array.min()}..{array.max()}; expected 0..{classes - 1}"
            )
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, guess), 1)
    return counts


def confusion(
    net: Any, x: ArrayLike, t: ArrayLike, ax: Axes | None = None, *, names: Sequence[object] | None = None
) -> Axes:
    """The confusion matrix of a network: truth by row, prediction by column, with counts.

    The shade is the share of the row, so that rare classes show as well as frequent ones.

    Parameters
    ----------
    net : Network
    x : array (batch, in)
    t : array (batch,) of labels, or one-hot (batch, out)
    ax : matplotlib Axes, optional
    names : sequence, optional
        Of the classes, instead of their numbers.

    Returns
    -------
    matplotlib Axes
    """
    where = "plot.confusion"
    _values.check_network(where, net, "classify")
    net, x, t = _values.by_rows(net, x, t)
    array = _values.samples(where, x)
    truth = _values.labels(where, "t", t, len(array))
    guess = _values.predicted(where, net, array)
    highest = max(int(truth.max()), int(guess.max())) + 1
    classes = max(highest, np.shape(t)[1] if np.ndim(t) == 2 else 0, getattr(net, "_out", None) or 0, 2)
    if names is not None and len(names) != classes:
        raise ValueError(f"{where}: there are {len(names)} names; expected one for each of {classes} classes")
    known = truth >= 0  # a negative label is one that the loss ignores
    counts = confusion_matrix(truth[known], guess[known], classes)
    side = min(max(2.4 + 0.36 * classes, 3.4), 9.0)
    axes: Any = _figure.axes_of(where, ax, (side, side))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    cell = 72 * min(*_figure.size_in_inches(axes), side - 1.2) / classes
    points = min(9.0, cell / (0.7 * len(f"{counts.max()}")))
    if points >= 3:
        for (i, j), n in np.ndenumerate(counts):
            shade = "white" if share[i, j] > 0.6 else "black" if n else "0.7"
            axes.text(j, i, f"{n}", ha="center", va="center", color=shade, fontsize=points)
    if classes <= 30:
        given = [str(name) for name in (range(classes) if names is None else names)]
        turned = (
            {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, given)) > 3 else {}
        )
        axes.set_xticks(range(classes), given, **turned)
        axes.set_yticks(range(classes), given)
        axes.tick_params(labelsize=min(10.0, max(0.7 * cell, 4.0)))
    right = int(np.trace(counts))
    axes.set(xlabel="prediction", ylabel="truth")
    _figure.title(axes, f"{right:,} of {counts.sum():,} right: {right / max(counts.sum(), 1):.1%}")
    return axes


def decision_boundary(
    net: Any,
    x: ArrayLike,
    t: ArrayLike,
    ax: Axes | None = None,
    *,
    resolution: int = 300,
) -> Axes:
    """The regions of a classifier with two inputs, and the samples in them.

    Parameters
    ----------
    net : Network or callable
        A function takes (batch, 2) and gives labels (batch,): a perceptron by hand, say.
    x : array (batch, 2)
    t : array (batch,) of labels, or one-hot (batch, classes)
    ax : matplotlib Axes, optional
    resolution : int
        Points per axis at which the network is asked.

    Returns
    -------
    matplotlib Axes
        The first input is the horizontal axis.
    """
    where = "plot.decision_boundary"
    net, x, t = _values.by_rows(net, x, t)
    array = real_array(where, "x", x)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ValueError(f"{where}: x has shape {array.shape}; expected (batch, 2), batch >= 1")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{where}: x is not finite; expected numbers")
    truth = _values.labels(where, "t", t, len(array))
    integer(where, "resolution", resolution, 2)
    low, high = array.min(axis=0).astype(float), array.max(axis=0).astype(float)
    margin = 0.1 * np.where(high > low, high - low, 1)
    low, high = low - margin, high + margin
    # Middles of the pixels, so that a pixel's colour is that of the point in its middle.
    first, second = (low[k] + (np.arange(resolution) + 0.5) / resolution * (high[k] - low[k]) for k in (0, 1))
    points = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2).astype(_float_type(array))
    if hasattr(net, "classify"):
        region = _values.predicted(where, net, points)
    elif callable(net) and not isinstance(net, type):
        region = _values.labels(where, "what net gives", net(points), len(points))
    else:
        raise TypeError(f"{where}: net is {net!r}; expected a Network, or a function of (batch, 2)")
    axes: Any = _figure.axes_of(where, ax, (5.2, 4.4))
    classes = np.unique(np.concatenate([region, truth]))
    palette = np.array([_pale(_figure.colour(k)) for k in range(len(classes))])
    image = palette[np.searchsorted(classes, region)].reshape(resolution, resolution, 3)
    extent = (low[0], high[0], low[1], high[1])
    axes.imshow(image, origin="lower", extent=extent, aspect="auto", interpolation="nearest")
    for k, label in enumerate(classes):
        own = array[truth == label]
        if len(own):
            axes.scatter(
                *own.T,
                s=70 if len(array) <= 20 else 28 if len(array) <= 500 else 12,
                color=_figure.colour(k),
                marker=_figure.marker(k),
                edgecolors="white",
                linewidths=0.6,
                label=f"{label}",
            )
    axes.set(xlabel="$x_0$", ylabel="$x_1$")
    axes.legend(title="class", loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return axes


def _float_type(array: Array) -> Any:
    return np.float32 if array.dtype == np.float32 else np.float64


def _pale(colour: str) -> list[float]:
    """A third of the colour, two of white."""
    channels = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return [1 - (1 - channel / 255) / 3 for channel in channels]
