"""Images: of weights, and of samples in a grid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import integer, real, real_array
from . import _figure, _values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from .._typing import Array, ArrayLike, Shape

_MOST = 400  # images in a grid
_GAP = 0.08  # between two of them, in widths of an image


def weight_image(w: ArrayLike, shape: Shape | None = None, *, limit: float | None = None) -> Array:
    """Weights as a picture: the lowest red, 0 black, the highest green. Needs no matplotlib.

    The colours are symmetric about 0: ``red = 255 max(-w, 0) / limit``, ``green = 255 max(w, 0) / limit``, rounded.

    Parameters
    ----------
    w : array (rows * columns,) or (rows, columns)
        Such as a column of W: all weights that lead to one neuron.
    shape : (rows, columns), optional
        May be left out where w is 2-D, or has a square number of weights: 784 are 28 x 28.
    limit : float, optional
        The absolute weight that gets the full colour; beyond it nothing changes. None: the largest there is.

    Returns
    -------
    array (rows, columns, 3) of uint8

    Raises
    ------
    ValueError
        The weights do not fill the shape, are not finite, or are no square number and there is no shape.

    Examples
    --------
    >>> weight_image([[-2.0, 0.0, 1.0]])
    array([[[255,   0,   0],
            [  0,   0,   0],
            [  0, 128,   0]]], dtype=uint8)
    """
    where = "plot.weight_image"
    array = real_array(where, "w", w).astype(np.float64)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{where}: w has entries that are not finite; expected numbers")
    if array.ndim != 2 or shape is not None:
        array = array.reshape(_image_shape(where, "w", array.size, shape))
    full = (
        float(np.abs(array).max(initial=0)) if limit is None else real(where, "limit", limit, 0, above=True)
    )
    share = np.clip(array / (full or 1.0), -1, 1)
    image = np.zeros((*array.shape, 3), np.uint8)
    image[..., 0] = np.floor(255 * np.maximum(-share, 0) + 0.5)
    image[..., 1] = np.floor(255 * np.maximum(share, 0) + 0.5)
    return image


def _image_shape(where: str, name: str, size: int, shape: Any) -> tuple[int, int]:
    if shape is None:
        side = math.isqrt(size)
        if side * side != size or size == 0:
            raise ValueError(
                f"{where}: an image of {name} has {size} numbers, no square; expected shape=(rows, columns)"
            )
        return side, side
    if not isinstance(shape, (tuple, list)) or len(shape) != 2:
        raise TypeError(f"{where}: shape is {shape!r}; expected (rows, columns)")
    rows, columns = (integer(where, f"shape[{i}]", n) for i, n in enumerate(shape))
    if rows * columns != size:
        raise ValueError(
            f"{where}: shape is {tuple(shape)}, but an image of {name} has {size} numbers; "
            f"expected rows * columns = {size}"
        )
    return rows, columns


def weights(
    net: Any,
    layer: int = 1,
    neurons: Sequence[int] | None = None,
    shape: Shape | None = None,
    ax: Axes | None = None,
    *,
    limit: float | None = None,
) -> Axes:
    """What the neurons of a layer look for: the weights that lead to each of them, as :func:`weight_image`.

    Where an input is bright and the image green, the neuron is driven up; where it is bright and the image red, down.

    Parameters
    ----------
    net : Network, or array (in, out)
        An array is taken for the weights.
    layer : int
        Of the network, from 1.
    neurons : sequence of int, optional
        Which ones, from 0. None: all, or the first 64 if there are more.
    shape : (rows, columns), optional
        Of an image; may be left out if `in` is a square.
    ax : matplotlib Axes, optional
    limit : float, optional
        The absolute weight with the full colour. None: in every image its own largest.

    Returns
    -------
    matplotlib Axes
        With an image for every neuron, and its number above.

    Examples
    --------
    >>> import nnfast as nn
    >>> ax = nn.plot.weights(nn.mlp([784, 50, 10], seed=0))  # doctest: +SKIP
    """
    where = "plot.weights"
    if hasattr(net, "params"):
        integer(where, "layer", layer)
        matrices = _values.weights_of(net)
        if layer > len(matrices):
            raise ValueError(f"{where}: layer is {layer}; expected one of the {len(matrices)} affine layers")
        W, name = matrices[layer - 1], f"W{layer}"
    else:
        W, name = real_array(where, "net", net), "W"
    if W.ndim != 2 or W.size == 0:
        raise ValueError(f"{where}: the weights have shape {W.shape}; expected (in, out)")
    chosen = list(range(min(W.shape[1], 64))) if neurons is None else _indices(where, neurons, W.shape[1])
    tiles = [weight_image(W[:, k], _image_shape(where, "W", len(W), shape), limit=limit) for k in chosen]
    caption = f"{name} {W.shape}: red < 0 < green"
    if len(chosen) < W.shape[1]:
        caption = f"{len(chosen)} columns of {caption}"
    return _grid(where, ax, tiles, [str(k) for k in chosen], caption)


def _indices(where: str, neurons: Any, count: int) -> list[int]:
    try:
        chosen = [integer(where, f"neurons[{i}]", k, 0) for i, k in enumerate(neurons)]
    except TypeError:
        raise TypeError(f"{where}: neurons is {neurons!r}; expected a sequence of integers") from None
    if not chosen or len(chosen) > _MOST or max(chosen) >= count:
        raise ValueError(f"{where}: neurons is {chosen}; expected 1 to {_MOST} numbers in 0..{count - 1}")
    return chosen


def images(
    x: ArrayLike,
    labels: Sequence[object] | ArrayLike | None = None,
    shape: Shape | None = None,
    ax: Axes | None = None,
    *,
    columns: int | None = None,
    title: str = "",
) -> Axes:
    """Samples as images in a grid, 0 black and 1 white.

    Parameters
    ----------
    x : array (in,), (batch, in), (batch, rows, columns) or (batch, 1, rows, columns)
        At most 400 samples. Bytes reach from 0 to 255; numbers that are not in 0..1, such as standardized ones, from
        the lowest to the highest.
    labels : sequence (batch,), optional
        What stands above the images: numbers or strings. One-hot rows become labels.
    shape : (rows, columns), optional
        Of an image; may be left out if x has it, or if `in` is a square.
    ax : matplotlib Axes, optional
    columns : int, optional
        Images in a row.
    title : str

    Returns
    -------
    matplotlib Axes
    """
    where = "plot.images"
    tiles = _grey(where, x, shape)
    texts = None
    if labels is not None:
        if isinstance(labels, np.ndarray) and labels.ndim == 2:
            labels = _values.labels(where, "labels", labels)
        texts = [str(label) for label in labels]  # type: ignore[union-attr]
        if len(texts) != len(tiles):
            raise ValueError(
                f"{where}: there are {len(texts)} labels; expected one for each of {len(tiles)} images"
            )
    if columns is not None:
        integer(where, "columns", columns)
    return _grid(where, ax, tiles, texts, title, columns)


def _grey(where: str, x: ArrayLike, shape: Shape | None) -> list[Array]:
    """Images (rows, columns, 3) of uint8."""
    if np.ndim(x) == 1:
        x = np.asarray(x)[None]
    array = _values.samples(where, x)
    if len(array) > _MOST:
        raise ValueError(f"{where}: x has {len(array)} samples; expected at most {_MOST}, such as x[:25]")
    if shape is None and array.ndim in (3, 4) and math.prod(array.shape[1:]) == math.prod(array.shape[-2:]):
        shape = array.shape[-2:]
    rows, columns = _image_shape(where, "x", math.prod(array.shape[1:]), shape)
    low, high = 0.0, 255.0
    if array.dtype != np.uint8:
        low, high = 0.0, 1.0
        array = np.nan_to_num(array.astype(np.float64))
        if array.min() < 0 or array.max() > 1:
            low, high = float(array.min()), float(array.max())
    scaled = np.floor((array - low) * (255 / ((high - low) or 1.0)) + 0.5).astype(np.uint8)
    return list(np.repeat(scaled.reshape(len(array), rows, columns, 1), 3, axis=3))


def misclassified(
    net: Any,
    x: ArrayLike,
    t: ArrayLike,
    count: int = 25,
    shape: Shape | None = None,
    worst_first: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """The samples that the network gets wrong, with truth and prediction.

    Parameters
    ----------
    net : Network
    x : array (batch, in) or (batch, ..., rows, columns)
    t : array (batch,) of labels, or one-hot (batch, out)
    count : int
        How many to show, if there are as many; up to 400.
    shape : (rows, columns), optional
        Of an image; may be left out if x has it, or if `in` is a square.
    worst_first : bool
        Whether those with the largest loss come first. False: in the order of x.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        "4 → 9" above an image: a 4 taken for a 9. The title says how many are wrong.
    """
    where = "plot.misclassified"
    _values.check_network(where, net, "classify", "loss")
    net, x, t = _values.by_rows(net, x, t)
    array = _values.samples(where, x)
    count = min(integer(where, "count", count), _MOST)
    truth = _values.labels(where, "t", t, len(array))
    guess = _values.predicted(where, net, array)
    wrong = np.flatnonzero((guess != truth) & (truth >= 0))  # a negative label is one that the loss ignores
    caption = f"{len(wrong):,} of {len(array):,} wrong"
    if worst_first and len(wrong):
        values = _values.losses(net, array[wrong], np.asarray(t)[wrong])
        wrong = wrong[np.argsort(-values, kind="stable")]
    wrong = wrong[:count]
    if not len(wrong):
        return _grid(where, ax, [], None, caption)
    texts = [f"{truth[i]} → {guess[i]}" for i in wrong]
    caption += ", the largest loss first" if worst_first and len(wrong) > 1 else ""
    return _grid(where, ax, _grey(where, array[wrong], shape), texts, caption)


def most_activating(
    net: Any,
    x: ArrayLike,
    layer: int,
    neuron: int,
    count: int = 16,
    shape: Shape | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The samples that a neuron answers to most strongly, strongest first, with its activation.

    Parameters
    ----------
    net : Network
    x : array (batch, in) or (batch, ..., rows, columns)
    layer : int
        From 1 to L; L is the output, whose activations are the scores.
    neuron : int
        From 0.
    count : int
        How many samples to show; up to 400.
    shape : (rows, columns), optional
        Of an image; may be left out if x has it, or if `in` is a square.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
    """
    where = "plot.most_activating"
    net, x, _ = _values.by_rows(net, x)
    array = _values.samples(where, x)
    count = min(integer(where, "count", count), _MOST)
    a = _values.activations(where, net, array)
    if integer(where, "layer", layer) >= len(a):
        raise ValueError(f"{where}: layer is {layer}; expected 1..{len(a) - 1}")
    if integer(where, "neuron", neuron, 0) >= a[layer].shape[1]:
        raise ValueError(f"{where}: neuron is {neuron}; expected 0..{a[layer].shape[1] - 1}")
    answer = a[layer][:, neuron]
    strongest = np.argsort(-answer, kind="stable")[:count]
    texts = [f"{answer[i]:.3g}" for i in strongest]
    caption = f"layer {layer}, neuron {neuron}: what it answers to most"
    return _grid(where, ax, _grey(where, array[strongest], shape), texts, caption)


def _columns(count: int) -> int:
    """Between a square and two to one, with the fewest empty places."""
    low, high = math.ceil(math.sqrt(count)), math.ceil(math.sqrt(2 * count))
    return min(range(low, high + 1), key=lambda n: (-count % n, n))


def _grid(
    where: str,
    ax: Axes | None,
    tiles: list[Array],
    texts: list[str] | None,
    title: str,
    columns: int | None = None,
) -> Any:
    """Images of one size in one Axes, whose unit is the width of an image; a text above each of them."""
    columns = min(columns, len(tiles)) if columns else _columns(max(len(tiles), 1))
    rows = -(-len(tiles) // columns)
    height = tiles[0].shape[0] / tiles[0].shape[1] if tiles else 1.0
    cell = min(max(6.4 / columns, 0.62), 1.1)  # inches
    longest = max(map(len, texts)) if texts else 0
    room = 0.2 if texts else 0.0
    size = (
        columns * cell * (1 + _GAP) + 0.2,
        max(rows, 1) * (cell * (height + _GAP) + room) + (0.4 if title else 0.1),
    )
    given, ax = ax, _figure.axes_of(where, ax, (max(size[0], 3.6), max(size[1], 1.2)))
    if given is not None:
        cell = _fitting(_figure.size_in_inches(ax), columns, max(rows, 1), height, longest)
    points = _points(cell, longest)
    room = points * 1.5 / 72 / cell if texts else 0.0
    pitch = height + room + _GAP
    for k, tile in enumerate(tiles):
        left, top = (k % columns) * (1 + _GAP), (k // columns) * pitch + room
        ax.imshow(tile, extent=(left, left + 1, top + height, top), interpolation="nearest")
        if texts:
            ax.text(left + 0.5, top - 0.2 * room, texts[k], ha="center", va="baseline", fontsize=points)
    ax.set(xlim=(0, columns * (1 + _GAP) - _GAP), ylim=(max(rows * pitch, 0.3) - _GAP, 0), aspect="equal")
    ax.set_axis_off()
    _figure.title(ax, title)
    return ax


def _points(cell: float, longest: int) -> float:
    """The size of letters of which `longest` fit over an image of `cell` inches."""
    return min(9.0, 72 * cell / (0.62 * (longest + 0.6)))


def _fitting(size: tuple[float, float], columns: int, rows: int, height: float, longest: int) -> float:
    """The width in inches of an image in Axes of `size`, where texts take part of the height."""
    cell = size[0] / columns / (1 + _GAP)
    for _ in range(8):  # a smaller image has smaller letters, down to its width
        room = _points(cell, longest) * 1.5 / 72 / cell if longest else 0.0
        cell = min(cell, size[1] / rows / (height + _GAP + room))
    return cell
