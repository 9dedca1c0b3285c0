"""One file per library. A system's methods take NumPy arrays and answer with a function to be timed; it is made once
per case, so whatever experts do ahead of a loop (packing, compiling, placing data) is done before the clock starts.
"""

from __future__ import annotations

import importlib
from typing import Any


class Unsupported(Exception):
    """The library has nothing for this case."""


class System:
    """What a library can do is what it overrides."""

    epoch_tolerance = 1e-3  # of the loss; more where a library shuffles as it likes

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def version(self) -> str:
        raise NotImplementedError

    def train(self, net: Any, dtype: str, weights: Any, batches: Any) -> Any:
        """A function without arguments: one step on the next batch; the loss before the update, as a float."""
        raise Unsupported

    def infer(self, net: Any, dtype: str, weights: Any, x: Any) -> Any:
        """A function without arguments: the scores of x."""
        raise Unsupported

    def epoch(self, net: Any, dtype: str, weights: Any, x: Any, t: Any) -> Any:
        """A function of (rows, seed): train on x[rows], t[rows] in the order of a seed; the mean loss."""
        raise Unsupported

    def gemm(self, a: Any, b: Any, c: Any) -> Any:
        """A function without arguments: a @ b, written to c."""
        raise Unsupported

    def elementwise(self, name: str, x: Any, out: Any) -> Any:
        """A function without arguments: the values, in out if the library has such an argument."""
        raise Unsupported

    def loss(self, y: Any, t: Any) -> Any:
        """A function without arguments: the mean softmax cross-entropy and its derivative."""
        raise Unsupported


MODULES = {
    "nnfast": "ours",
    "numpy": "by_numpy",
    "torch": "by_torch",
    "torch DataLoader": "by_torch",
    "jax": "by_jax",
    "sklearn": "by_sklearn",
    "onnxruntime": "by_onnxruntime",
}


def make(name: str, threads: int) -> System:
    """ImportError where the library is not installed."""
    module = importlib.import_module(f"{__name__}.{MODULES[name]}")
    kind = module.LOADER if name == "torch DataLoader" else module.SYSTEM
    system: System = kind(threads)
    return system
