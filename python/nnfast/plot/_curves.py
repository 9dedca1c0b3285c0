"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .._typing import Array


def history(history: Mapping[str, Any], ax: Axes | None = None) -> Axes:
    """Learning curves: losses on the left scale, accuracies on the right one, both by epoch.

    Lines of training are solid, those of validation dashed. Where the history has the loss of every step
    (``fit(step_losses=True)``), that takes the place of the mean of the epoch: a thin line, and over it the running
    mean of a twentieth of an epoch, at least 10 steps.

    Parameters
    ----------
    history : History
        Or a dict of lists by the names "loss", "val_loss", "accuracy", "val_accuracy", of which some may be missing.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes
        That of the losses; accuracies have a twin of it.

    Raises
    ------
    ValueError
        Nothing is recorded.
    """
    where = "plot.history"
    curves = {name: _curve(where, history, name) for name in ("loss", "val_loss", "accuracy", "val_accuracy")}
    curves = {name: values for name, values in curves.items() if len(values)}
    steps = getattr(history, "step_losses", None)
    if not curves:
        raise ValueError(
            f"{where}: there is no loss and no accuracy; expected a history of at least one epoch"
        )
    main: Any = _figure.axes_of(where, ax, (6.4, 4.0))
    epochs = max(map(len, curves.values()))
    kinds = {name.removeprefix("val_") for name in curves}
    lines = []
    if steps is not None and len(steps) and "loss" in curves:
        lines += _draw_steps(main, np.asarray(steps), epochs)
        del curves["loss"]
    scales = dict.fromkeys(kinds, main)
    if len(kinds) == 2:
        scales["accuracy"] = main.twinx()
    colours = {"loss": _figure.BLUE, "accuracy": _figure.VERMILLION}
    for name, values in curves.items():
        kind = name.removeprefix("val_")
        lines += scales[kind].plot(
            np.arange(1, len(values) + 1),
            values,
            "--" if name.startswith("val_") else "-",
            color=colours[kind],
            marker="o" if epochs <= 20 else "",
            markersize=3.5,
            label=name,
        )
        scales[kind].set_ylabel(kind, color=colours[kind])
    main.set_xlabel("epoch")
    _figure.whole_ticks(main.xaxis)
    main.grid(alpha=0.3)
    legend = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "frameon": False, "fontsize": "small"}
    narrow = _figure.size_in_inches(main)[0] < 3.5
    main.legend(handles=lines, ncols=2 if narrow else 3 if len(lines) > 4 else 4, **legend)
    return main


def _curve(where: str, history: Any, name: str) -> Array:
    if not isinstance(history, Mapping):
        raise TypeError(f"{where}: history is {history!r}; expected the History of a fit, or a dict of lists")
    values = np.asarray(history.get(name, ()), dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"{where}: {name!r} has shape {values.shape}; expected a number per epoch")
    return values


def _draw_steps(ax: Any, losses: Array, epochs: int) -> list[Any]:
    per_epoch = max(len(losses) // epochs, 1)
    at = np.arange(1, len(losses) + 1) / per_epoch
    window = min(max(per_epoch // 20, 10), len(losses))
    mean = np.convolve(losses, np.full(window, 1 / window), mode="valid")
    middle = np.convolve(at, np.full(window, 1 / window), mode="valid")
    (thin,) = ax.plot(at, losses, color=_figure.SKY, linewidth=0.5, alpha=0.7, label="loss of a step")
    (thick,) = ax.plot(middle, mean, color=_figure.BLUE, label=f"mean of {window} steps")
    ax.set_ylabel("loss", color=_figure.BLUE)
    return [thin, thick]


def histories(histories: Mapping[str, Mapping[str, Any]], key: str = "loss", ax: Axes | None = None) -> Axes:
    """One number of several histories, by epoch: to compare optimizers, initial values, batch normalization.

    Parameters
    ----------
    histories : dict of History by name
        Such as ``{"SGD": h1, "Adam": h2}``; the names are the legend.
    key : str
        "loss", "val_loss", "accuracy", ..., or what a callback has recorded.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    KeyError
        A history has no such number.
    """
    where = "plot.histories"
    if not hasattr(histories, "items") or not histories:
        raise TypeError(f"{where}: histories is {histories!r}; expected a dict of histories by name")
    curves = {}
    for name, one in histories.items():
        curves[str(name)] = _curve(where, one, key)
        if not len(curves[str(name)]):
            raise KeyError(f"{where}: {name!r} has no {key!r}; expected one of {', '.join(one)}")
    axes: Any = _figure.axes_of(where, ax, (6.4, 4.0))
    for k, (name, values) in enumerate(curves.items()):
        few = len(values) <= 20
        axes.plot(
            np.arange(1, len(values) + 1),
            values,
            _figure.line(k),
            color=_figure.colour(k),
            marker=_figure.marker(k) if few else "",
            markersize=4,
            label=name,
        )
    axes.set(xlabel="epoch", ylabel=key)
    _figure.whole_ticks(axes.xaxis)
    axes.grid(alpha=0.3)
    axes.legend()
    return axes
