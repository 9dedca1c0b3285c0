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


def save(name: str, draw: Callable[[Any], None], width: float = 7.0, height: float = 3.0) -> None:
    """Call ``draw(figure)`` and write FOLDER/name.png; do nothing without a folder."""
    out = folder()
    if out is None:
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=90, layout="constrained")
    draw(figure)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / f"{name}.png")
