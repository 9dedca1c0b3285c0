"""Graphs as pictures: circles with signs, values above the edges, gradients below them."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._layout import Picture, Words, arrange, extra
from ._node import Node, nodes

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

__all__ = ["draw", "notebook_svg", "shows_picture"]

_MOST_NODES = 500  # of a picture that is asked for
_MOST_NODES_UNASKED = 60  # of one that a notebook shows by itself
_MARGIN = 0.12  # inches
_SUFFIXES = (".pdf", ".png", ".svg")
_CJK = """Noto Sans CJK KR,Noto Sans KR,NanumGothic,Malgun Gothic,Apple SD Gothic Neo,AppleGothic,
Noto Sans CJK JP,Noto Sans JP,Hiragino Sans,Yu Gothic,Meiryo,IPAexGothic""".replace("\n", "").split(",")


def draw(
    out: Node, path: str | os.PathLike[str] | None = None, *, ax: Any = None, format: str | None = None
) -> Any:
    """Draw the graph that ends in `out`, from its inputs at the left to `out` at the right.

    Every operation is a circle with its sign. On every edge stands the value that goes forward (green, above) and,
    after ``out.backward()``, the gradient that comes back along it (red, below). Where a value goes several ways, the
    sum of the gradients that come back is below the node, behind Σ. Plain numbers in a formula are part of the sign:
    ``+1``, ``1/x``, ``x²``. Arrays up to 3 x 3 are written in full, larger ones as shape and range.

    Needs matplotlib and python-igraph: ``pip install nnfast[plot]``.

    Parameters
    ----------
    out : Node
    path : str or path, optional
        The file; its suffix says the kind: ``.svg``, ``.pdf`` or ``.png``.
    ax : matplotlib Axes, optional
        Where to draw; the picture is scaled to fit. Default: a figure of its own, of the size that it needs.
    format : str, optional
        Of the numbers, as in ``format(3.0, ".2f")``. Default: three digits.

    Returns
    -------
    Path, Axes or matplotlib Figure
        The path if one was given, else `ax` if it was, else the new figure.

    Raises
    ------
    ImportError
        matplotlib or python-igraph is not installed.
    ValueError
        The graph has more than 500 nodes (:func:`table` takes any number), or the suffix is another.

    Examples
    --------
    >>> from nnfast import graph
    >>> x, y, z = (graph.variable(v, n) for v, n in [(-2, "x"), (5, "y"), (-4, "z")])
    >>> f = (x + y) * z
    >>> f.backward()
    >>> graph.draw(f, "f.svg")  # doctest: +SKIP
    PosixPath('f.svg')
    """
    if not isinstance(out, Node):
        raise TypeError(f"graph.draw: out is {out!r}; expected a Node")
    count = len(nodes(out))
    if count > _MOST_NODES:
        raise ValueError(
            f"graph.draw: the graph has {count} nodes; expected at most {_MOST_NODES}, or print(graph.table(out))"
        )
    file = None if path is None else Path(path)
    if file is not None and file.suffix.lower() not in _SUFFIXES:
        raise ValueError(
            f"graph.draw: path is {str(file)!r}; expected one that ends in {', '.join(_SUFFIXES)}"
        )
    figure_class = extra("matplotlib.figure").Figure
    families = _families()
    picture = arrange(out, _ruler(figure_class, families), format)
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    own = None
    if ax is None:
        own = figure_class(figsize=(width, height), facecolor="white")
        axes = own.add_axes((0, 0, 1, 1))
    else:
        axes = ax
    axes.set_axis_off()
    axes.set_xlim(-_MARGIN, width - _MARGIN)
    axes.set_ylim(-_MARGIN, height - _MARGIN)
    axes.set_aspect("equal")
    _paint(axes, picture, families, _scale(axes, width, height))
    if file is None:
        return axes if own is None else own
    # Files of the same graph are the same.
    kind = file.suffix.lower()
    if kind == ".svg":
        _save_svg(axes.figure, file, picture, families)
    else:
        # Without the date files of the same graph are the same.
        axes.figure.savefig(file, dpi=200, metadata={"CreationDate": None} if kind == ".pdf" else {})
    return file


def shows_picture(out: Node) -> bool:
    """Whether a notebook shows the picture of this graph by itself."""
    if len(nodes(out)) > _MOST_NODES_UNASKED:
        return False
    try:
        extra("matplotlib")
        extra("igraph")
    except ImportError:
        return False
    return True


def notebook_svg(out: Node) -> str | None:
    if not shows_picture(out):
        return None
    with tempfile.TemporaryDirectory() as folder:
        svg: str = draw(out, Path(folder) / "graph.svg").read_text(encoding="utf-8")
    return svg[svg.index("<svg") :]


def _save_svg(figure: Any, file: Path, picture: Picture, families: list[str]) -> None:
    settings = {"svg.hashsalt": "nnfast"}
    with extra("matplotlib").rc_context(settings), warnings.catch_warnings():
        if not _has_glyphs("".join(words.text for words in picture.words if not words.mono), families):
            # As text instead of outlines: whoever shows the file has the fonts that are missing here.
            extra("matplotlib").rcParams["svg.fonttype"] = "none"
            warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(file, metadata={"Date": None})


def _has_glyphs(text: str, families: list[str]) -> bool:
    manager = extra("matplotlib.font_manager")
    wanted = [manager.FontProperties(family=[family]) for family in families]
    fonts = [manager.get_font(manager.findfont(font)) for font in wanted]
    return all(any(font.get_char_index(ord(c)) for font in fonts) for c in text if c != "\n")


def _families() -> list[str]:
    """Fonts for names: matplotlib's own, and for Korean and Japanese what is installed."""
    installed = {font.name for font in extra("matplotlib.font_manager").fontManager.ttflist}
    return ["DejaVu Sans", *(family for family in _CJK if family in installed), "sans-serif"]


def _style(words: Words, families: list[str]) -> dict[str, Any]:
    return {
        "color": words.color,
        "ha": words.ha,
        "va": words.va,
        "family": ["DejaVu Sans Mono", "monospace"] if words.mono else families,
        "linespacing": 1.0,
        "parse_math": False,
    }


def _ruler(figure_class: Any, families: list[str]) -> Callable[[Words], tuple[float, float]]:
    """How wide and high a text becomes, in inches."""
    figure = figure_class(dpi=200)
    renderer = extra("matplotlib.backends.backend_agg").FigureCanvasAgg(figure).get_renderer()

    def measure(words: Words) -> tuple[float, float]:
        text = figure.text(0, 0, words.text, fontsize=words.size, **_style(words, families))
        with warnings.catch_warnings():  # of missing glyphs is spoken once, where the picture is saved
            warnings.filterwarnings("ignore", "Glyph .* missing")
            box = text.get_window_extent(renderer)
        text.remove()
        return box.width / figure.dpi, box.height / figure.dpi

    return measure


def _scale(axes: Any, width: float, height: float) -> float:
    """Inches on paper for an inch of the picture."""
    box = axes.get_position()
    paper = axes.figure.get_size_inches()
    return float(min(box.width * paper[0] / width, box.height * paper[1] / height))


def _paint(axes: Any, picture: Picture, families: list[str], scale: float) -> None:
    patches = extra("matplotlib.patches")
    line_path = extra("matplotlib.path").Path
    for edge in picture.edges:
        axes.add_patch(
            patches.FancyArrowPatch(
                path=line_path(edge.points),
                arrowstyle="-|>",
                mutation_scale=8 * scale,
                linewidth=1.0 * scale,
                color="#444444",
                capstyle="round",
                joinstyle="round",
                shrinkA=0,
                shrinkB=0,
                zorder=1,
            )
        )
    for circle in picture.circles:
        axes.add_patch(
            patches.Circle(
                (circle.x, circle.y),
                circle.radius,
                facecolor="#eef3fb",
                edgecolor="#2b4a7a",
                linewidth=1.3 * scale,
                zorder=2,
            )
        )
    for words in picture.words:
        if words.text:
            style = _style(words, families)
            if words.paper:
                style["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.5 * scale, "alpha": 0.85}
            axes.text(words.x, words.y, words.text, fontsize=words.size * scale, zorder=3, **style)
