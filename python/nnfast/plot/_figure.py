"""Figures and Axes: the only place that makes them. matplotlib is imported by the first picture."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .._typing import Array

# Okabe and Ito 2008, darkest first where they are lines on white.
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
)
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, "#000000", "#8C8C8C")
MARKERS = "os^DvXPp"
LINES = ("-", "--", "-.", ":")


def colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    return MARKERS[index % len(MARKERS)]


def line(index: int) -> str:
    """Another style where the colours start again."""
    return LINES[index // len(COLOURS) % len(LINES)]


def new_figure(where: str, size: tuple[float, float]) -> Any:
    """Of pyplot where the program uses it, so that plt.show() and notebooks find it; else nobody's."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"{where}: matplotlib is missing: pip install nnfast[plot]") from error
    if "matplotlib.pyplot" in sys.modules or _in_ipython():
        import matplotlib.pyplot as plt

        return plt.figure(figsize=size, layout="constrained")
    return Figure(figsize=size, layout="constrained")


def _in_ipython() -> bool:
    module = sys.modules.get("IPython")
    return module is not None and module.get_ipython() is not None


def axes_of(where: str, ax: Axes | None, size: tuple[float, float]) -> Any:
    """`ax`, or that of a new figure of `size` inches."""
    if ax is None:
        return new_figure(where, size).add_subplot()
    if not (callable(getattr(ax, "plot", None)) and hasattr(ax, "transData")):
        raise TypeError(f"{where}: ax is {ax!r}; expected Axes of matplotlib, or None")
    return ax


def many_axes(where: str, axes: Any, count: int, columns: int, panel: tuple[float, float]) -> Array:
    """`count` Axes: the first ones of `axes`, or of a new figure with `columns` panels in a row."""
    if axes is None:
        panel = panel if count > 2 else (1.4 * panel[0], 1.3 * panel[1])
        columns = min(columns, count)
        rows = -(-count // columns)
        figure = new_figure(where, (columns * panel[0], rows * panel[1]))
        made = [figure.add_subplot(rows, columns, k + 1) for k in range(count)]
    else:
        made = list(np.ravel(np.asarray(axes, dtype=object)))
        if len(made) < count:
            raise ValueError(f"{where}: axes has {len(made)} Axes; expected {count}")
        made = [axes_of(where, ax, panel) for ax in made[:count]]
    result = np.empty(count, dtype=object)
    result[:] = made
    return result


def size_in_inches(ax: Any) -> tuple[float, float]:
    """Before layout, so about."""
    box = ax.get_window_extent()
    return float(box.width / ax.figure.dpi), float(box.height / ax.figure.dpi)


def title(ax: Any, text: str) -> None:
    """Smaller where it would reach over the neighbours."""
    ax.set_title(text, fontsize=min(10.0, max(6.0, 72 * size_in_inches(ax)[0] / (0.56 * max(len(text), 1)))))


def whole_ticks(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def few_ticks(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
