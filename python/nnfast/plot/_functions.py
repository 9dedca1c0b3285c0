"""Activations: the functions themselves, and what becomes of their values in a deep network."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import integer, real, real_array
from . import _figure, _values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from .._typing import Array, ArrayLike


def activation_histograms(
    net: Any = None,
    x: ArrayLike | None = None,
    *,
    activations: Sequence[ArrayLike] | None = None,
    bins: int = 30,
    axes: Any = None,
    ax: Axes | None = None,
) -> Any:
    """A histogram of the activations of each hidden layer: what the initial weights make of a deep network.

    All have the same bins, from the lowest to the highest activation of all layers, so that one sees them spread,
    shrink or saturate. Above stand mean, standard deviation and the share of zeros.

    Parameters
    ----------
    net : Network
    x : array (batch, in)
        Samples.
    activations : list of arrays, optional
        The activations themselves, a histogram each, instead of `net` and `x`.
    bins : int
    axes : sequence of matplotlib Axes, optional
        One for each layer.
    ax : matplotlib Axes, optional
        For all layers, whose outlines are drawn one over the other.

    Returns
    -------
    array of matplotlib Axes, or `ax`

    Raises
    ------
    ValueError
        The network has no hidden layer, or activations are not finite.
    """
    where = "plot.activation_histograms"
    integer(where, "bins", bins)
    if activations is None:
        if net is None or x is None:
            raise TypeError(f"{where}: there is no net or no x; expected both, or activations=")
        net, x, _ = _values.by_rows(net, x)
        layers = _values.activations(where, net, x)[1:-1]
        if not layers:
            raise ValueError(f"{where}: the network has no hidden layer; expected at least two affine layers")
    else:
        if net is not None or x is not None:
            raise TypeError(f"{where}: net or x is given, and activations too; expected one of the two")
        layers = [real_array(where, f"activations[{i}]", a) for i, a in enumerate(activations)]
        if not layers or not all(a.size for a in layers):
            raise ValueError(
                f"{where}: activations is empty or has empty arrays; expected an array per layer"
            )
    flat = [a.ravel().astype(np.float64) for a in layers]
    if not all(np.all(np.isfinite(a)) for a in flat):
        raise ValueError(f"{where}: there are activations that are not finite; expected numbers")
    low, high = min(float(a.min()) for a in flat), max(float(a.max()) for a in flat)
    edges = np.histogram_bin_edges([low, high], bins)
    if ax is not None:
        panel = _one_axes(where, ax, axes)
        for k, a in enumerate(flat):
            counts, _ = np.histogram(a, edges)
            panel.stairs(
                counts, edges, color=_figure.colour(k), linestyle=_figure.line(k), label=f"layer {k + 1}"
            )
        panel.set(xlabel="activation")
        panel.legend(fontsize="small", frameon=False)
        return ax
    panels = _figure.many_axes(where, axes, len(flat), 5, (2.3, 2.3))
    for k, (panel, a) in enumerate(zip(panels, flat, strict=True), 1):
        counts, _ = np.histogram(a, edges)
        panel.stairs(counts, edges, fill=True, color=_figure.BLUE)
        panel.set_title(f"layer {k}", fontsize="medium", pad=14)
        silent = float(np.mean(a == 0))
        numbers = f"mean {a.mean():.2g}, std {a.std():.2g}" + (
            f", zero {silent:.0%}" if silent >= 0.01 else ""
        )
        over = {"xycoords": "axes fraction", "xytext": (0, 4), "textcoords": "offset points", "ha": "center"}
        panel.annotate(numbers, (0.5, 1), fontsize="x-small", **over)
        panel.tick_params(labelsize="x-small")
        panel.yaxis.set_major_formatter("{x:,.0f}")
        _figure.few_ticks(panel.xaxis)
        _figure.few_ticks(panel.yaxis)
        panel.set_ylim(0, 1.05 * max(counts.max(), 1))
    return panels


def activation_functions(
    names: Sequence[str] = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu"),
    derivatives: bool = True,
    *,
    limit: float = 4.0,
    axes: Any = None,
    ax: Axes | None = None,
) -> Any:
    """Activation functions (solid) and their derivatives (dashed), as :mod:`nnfast.functional` computes them.

    Parameters
    ----------
    names : sequence of str
        Elementwise functions of :mod:`nnfast.functional` of one argument: "sigmoid", "silu", "softplus", "step", ...
    derivatives : bool
    limit : float
        The curves go from -limit to limit.
    axes : sequence of matplotlib Axes, optional
        One for each function.
    ax : matplotlib Axes, optional
        For all functions, each in a colour of its own.

    Returns
    -------
    array of matplotlib Axes, or `ax`
    """
    where = "plot.activation_functions"
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names:
        raise ValueError(f"{where}: names is empty; expected names such as 'relu'")
    pairs = [_function(where, name) for name in names]
    end = real(where, "limit", limit, 0, above=True)
    x = np.linspace(-end, end, 801)
    panels = (
        [_one_axes(where, ax, axes)] * len(names)
        if ax is not None
        else _figure.many_axes(where, axes, len(names), 3, (2.6, 2.3))
    )
    for k, (panel, name, (f, f_backward)) in enumerate(zip(panels, names, pairs, strict=True)):
        y = f(x)
        first, second = (_figure.BLUE, _figure.VERMILLION) if ax is None else (_figure.colour(k),) * 2
        if ax is None or k == 0:
            panel.axhline(0, color="0.8", linewidth=0.8)
            panel.axvline(0, color="0.8", linewidth=0.8)
        panel.plot(x, _broken(y), color=first, label="f" if ax is None else name)
        if derivatives:
            dx = f_backward(np.ones_like(x), y if "y" in _required(f_backward) else x)
            panel.plot(x, _broken(dx), "--", color=second, label="f'" if ax is None else f"{name}'")
        if ax is None:
            panel.set_title(name, fontsize="medium")
        panel.tick_params(labelsize="small")
        if derivatives or ax is not None:
            panel.legend(loc="upper left", fontsize="small", frameon=False, handlelength=1.6)
    return panels if ax is None else ax


def _one_axes(where: str, ax: Axes, axes: Any) -> Any:
    if axes is not None:
        raise TypeError(f"{where}: ax and axes are given; expected one of the two")
    return _figure.axes_of(where, ax, (4.0, 3.0))


def _function(where: str, name: object) -> tuple[Any, Any]:
    from .. import functional
    from ..functional import _activation

    if isinstance(name, str) and name in _activation.__all__:
        f, f_backward = getattr(functional, name), getattr(functional, f"{name}_backward")
        if _required(f) == ["x"]:
            return f, f_backward
    raise ValueError(f"{where}: {name!r} is no activation; expected names such as 'relu', 'tanh' or 'gelu'")


def _required(f: Any) -> list[str]:
    return [p.name for p in inspect.signature(f).parameters.values() if p.default is p.empty]


def _broken(y: Array) -> Array:
    """With a gap where the function jumps."""
    y = y.copy()
    y[1:][np.abs(np.diff(y)) > 0.4 * (y.max() - y.min() or 1)] = np.nan
    return y
