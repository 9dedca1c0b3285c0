"""One picture: how many times as fast as NumPy everybody is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Okabe and Ito's colours, which hold for colour-blind eyes; nnfast has the strongest.
COLOURS = {
    "nnfast": "#D55E00",
    "numpy": "#999999",
    "torch": "#0072B2",
    "jax": "#009E73",
    "onnxruntime": "#E69F00",
    "sklearn": "#CC79A7",
}


def panel(axes: Any, rows: list[dict[str, Any]], title: str) -> None:
    names = [name for name in COLOURS if any(name in row["seconds"] for row in rows)]
    width = 0.84 / len(names)
    for place, name in enumerate(names):
        for index, row in enumerate(rows):
            if name not in row["seconds"]:
                continue
            speed = row["seconds"]["numpy"]["median"] / row["seconds"][name]["median"]
            left = index + (place - (len(names) - 1) / 2) * width
            axes.bar(left, speed, width * 0.92, color=COLOURS[name], zorder=2)
            if name == "nnfast":
                axes.annotate(
                    f"{speed:.1f}", (left, speed), ha="center", va="bottom", fontsize=9, fontweight="bold"
                )
    axes.axhline(1, color="black", linewidth=0.8, zorder=3)
    axes.set_xticks(range(len(rows)), [row["case"].replace(" x", "\n") for row in rows], fontsize=9)
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_ylabel("times as fast as NumPy")
    axes.set_ylim(0, 1.12 * axes.get_ylim()[1])
    axes.grid(axis="y", alpha=0.3, zorder=0)
    axes.spines[["top", "right"]].set_visible(False)


def draw(results: dict[str, Any], path: Path) -> None:
    """Training and inference with the most threads; nothing where matplotlib or the groups are missing."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.patches import Patch
    except ImportError:
        print("no picture: matplotlib is not installed")
        return
    rows = [row for row in results["rows"] if {"nnfast", "numpy"} <= {*row["seconds"]}]
    threads = max((row["threads"] for row in rows), default=0)
    rows = [row for row in rows if row["threads"] == threads]
    panels = [
        ([row for row in rows if row["group"] == "train"], "One training step"),
        ([row for row in rows if row["group"] == "infer"], "Inference, by batch size"),
    ]
    panels = [(some, title) for some, title in panels if some]
    if not panels:
        return
    figure = Figure(figsize=(10, 0.7 + 3.2 * len(panels)), layout="constrained")
    for axes, (some, title) in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        panel(axes, some, f"{title}, float32")
    used = {name for some, _ in panels for row in some for name in row["seconds"]}
    labels = {"numpy": "NumPy", "jax": "JAX", "onnxruntime": "ONNX Runtime", "sklearn": "scikit-learn"}
    handles = [Patch(color=COLOURS[name], label=labels.get(name, name)) for name in COLOURS if name in used]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    note = f"{results['machine']['processor']}, threads: {threads}, medians of turns, {results['date'][:10]}"
    figure.supxlabel(note, fontsize=8, color="#555555")
    figure.savefig(path, dpi=120)
