"""Pictures of the examples: written only where ``--out FOLDER`` says where."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def folder() -> Path | None:
    """What --out says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write the pictures into this folder")
    return parser.parse_args().out


def save(
    name: str, draw: Callable[[Any], None], width: float = 7.0, height: float = 3.0, colors: int = 64
) -> None:
    """Call ``draw(figure)`` and write FOLDER/name.png, in few colours; do nothing without a folder."""
    out = folder()
    if out is None:
        return
    from matplotlib.figure import Figure
    from PIL import Image

    figure = Figure(figsize=(width, height), dpi=90, layout="constrained")
    draw(figure)
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"{name}.png"
    figure.savefig(file)
    with Image.open(file) as image:
        few = image.convert("RGB").quantize(colors, dither=Image.Dither.NONE)
    few.save(file, optimize=True)
