"""A case for a system: the function to be timed, and the check that comes first."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import oracle
from .cases import FRACTIONS, NETS, Case
from .systems import System, Unsupported

Array = Any


@dataclass
class Job:
    run: Callable[[], Any]
    check: Callable[[], str]  # what is wrong, or ""
    per_call: float = 1.0  # divides the time of a call


def array_of(value: Any) -> Array:
    """Of what a library returns."""
    if hasattr(value, "detach"):
        value = value.detach()
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


def difference(got: Any, want: Any, tolerance: float) -> str:
    """ "" if got is want within `tolerance` of its largest element."""
    got, want = array_of(got), np.asarray(want)
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    worst = float(np.max(np.abs(got - want)))
    limit = tolerance * max(float(np.max(np.abs(want))), 1e-30)
    return "" if worst <= limit else f"differs by {worst:.2g}, allowed {limit:.2g}"  # NaN differs


def remembered(case: dict[str, Any], compute: Callable[[], Array]) -> Array:
    """The oracle's answer, computed by the first process that needs it."""
    folder = os.environ.get("COMPARE_FOLDER")
    if folder is None:
        return compute()
    name = hashlib.sha256(json.dumps(case, sort_keys=True).encode()).hexdigest()[:20]
    path = Path(folder) / f"{name}.npy"
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}.npy")
        np.save(partial, compute())
        partial.replace(path)
    return np.load(path)


def train(system: System, case: Case) -> Job:
    net, batch = NETS[case.params["net"]], case.params["batch"]
    batches = oracle.batches(net, batch, case.dtype)
    weights = oracle.starting_weights(net, case.dtype)
    step = system.train(net, case.dtype, weights, batches)

    def expected() -> Array:
        reference = oracle.Oracle(net, case.dtype)
        return np.array([reference.train_step(x, t) for x, t in batches[:3]])

    def check() -> str:
        want = remembered({"losses": case.params, "dtype": case.dtype}, expected)
        return difference([step() for _ in range(3)], want, 1e-4 if case.dtype == "float32" else 1e-9)

    return Job(step, check)


def infer(system: System, case: Case) -> Job:
    net, batch = NETS[case.params["net"]], case.params["batch"]
    x = oracle.batches(net, batch, case.dtype)[0][0]
    run = system.infer(net, case.dtype, oracle.starting_weights(net, case.dtype), x)

    def check() -> str:
        want = remembered(
            {"scores": case.params, "dtype": case.dtype},
            lambda: oracle.Oracle(net, case.dtype).forward(x)[-1],
        )
        return difference(run(), want, 1e-4 if case.dtype == "float32" else 1e-10)

    return Job(run, check)


def mnist_folder() -> Path | None:
    """NNFAST_DATA, else a folder beside the repository."""
    root = Path(__file__).resolve().parents[2]
    for folder in (os.environ.get("NNFAST_DATA"), root.parent / "shared" / "data"):
        if folder and (Path(folder) / "mnist").is_dir():
            return Path(folder) / "mnist"
    return None


def mnist() -> tuple[Array, Array]:
    """The training images as float32 in [0, 1], and their labels; read without nnfast, for the peers' sake."""
    import gzip

    folder = mnist_folder()
    if folder is None:
        raise Unsupported("NNFAST_DATA has no mnist")

    def read(name: str, header: int) -> Array:
        return np.frombuffer(gzip.decompress((folder / f"{name}.gz").read_bytes()), "u1", offset=header)

    x = read("train-images-idx3-ubyte", 16).reshape(-1, 784).astype("f4") / 255
    return x, read("train-labels-idx1-ubyte", 8).astype("i8")


def epoch(system: System, case: Case) -> Job:
    if "fit" in case.params:
        return fit(system, case)
    if "batch" in case.params:
        return train(system, case)
    net = NETS[case.params["net"]]
    x, t = mnist()
    run = system.epoch(net, case.dtype, oracle.starting_weights(net, case.dtype), x, t)
    size = len(x) // FRACTIONS
    turn = 0

    def expected() -> Array:
        """Of a third of a fraction: the oracle is slow."""
        reference = oracle.Oracle(net, case.dtype)
        order = np.random.default_rng(0).permutation(size // 3)
        steps = [order[start : start + net.batch] for start in range(0, len(order), net.batch)]
        return np.array(
            sum(reference.train_step(x[rows], t[rows]) * len(rows) for rows in steps) / len(order)
        )

    def check() -> str:
        want = remembered({"epoch": net.name}, expected)
        return difference(run(slice(0, size // 3), 0), want, system.epoch_tolerance)

    def fraction() -> None:
        nonlocal turn
        start = size * (turn % FRACTIONS)
        turn += 1
        run(slice(start, start + size), turn)

    return Job(fraction, check)


def fit(system: Any, case: Case) -> Job:
    """The time of one step within fit, shuffling and gather included."""
    net, steps = NETS[case.params["fit"]], 500
    rng = np.random.default_rng(0)
    x = rng.standard_normal((steps * net.batch, net.sizes[0])).astype(case.dtype)
    t = rng.integers(0, net.sizes[-1], len(x))
    run = system.fit(net, case.dtype, oracle.starting_weights(net, case.dtype), x, t)
    return Job(run, lambda: "" if np.isfinite(run()["loss"][-1]) else "not finite", steps)


def gemm(system: System, case: Case) -> Job:
    kind, m, n, k = (case.params[key] for key in ("kind", "m", "n", "k"))
    rng = np.random.default_rng(m * 7919 + n * 31 + k)
    a = rng.standard_normal((k, m) if kind == "TN" else (m, k)).astype(case.dtype)
    b = rng.standard_normal((n, k) if kind == "NT" else (k, n)).astype(case.dtype)
    a = a.T if kind == "TN" else a
    b = b.T if kind == "NT" else b
    c = np.full((m, n), np.nan, case.dtype)
    run = system.gemm(a, b, c)

    def check() -> str:
        """Some rows and columns of the product, all corners among them; and that none was left out."""
        run()
        rows = np.unique(np.linspace(0, m - 1, 50).astype(int))
        columns = np.unique(np.linspace(0, n - 1, 50).astype(int))
        left, right = a[rows].astype("f8"), b[:, columns].astype("f8")
        limit = 2 * k * np.finfo(case.dtype).eps * (np.abs(left) @ np.abs(right))
        wrong = int(np.sum(~(np.abs(c[np.ix_(rows, columns)] - left @ right) <= limit)))
        wrong += int(np.sum(np.isnan(c)))
        return f"{wrong} elements beyond the error bound" if wrong else ""

    return Job(run, check)


def elementwise(system: System, case: Case) -> Job:
    name, shape = case.params["function"], case.params["shape"]
    x = 3 * np.random.default_rng(0).standard_normal(shape, np.float32).astype(case.dtype)
    run = system.elementwise(name, x, np.empty_like(x))
    rows = slice(0, 20)

    def check() -> str:
        return difference(array_of(run())[rows], oracle.elementwise(name, x[rows].astype("f8")), 1e-5)

    return Job(run, check)


def loss(system: System, case: Case) -> Job:
    batch, classes = case.params["batch"], case.params["classes"]
    rng = np.random.default_rng(0)
    y = rng.standard_normal((batch, classes)).astype(case.dtype)
    t = rng.integers(0, classes, batch)
    run = system.loss(y, t)

    def check() -> str:
        tolerance = 1e-5 if case.dtype == "float32" else 1e-12
        want = oracle.softmax_cross_entropy(y.astype("f8"), t)
        return "; ".join(
            filter(None, (difference(g, w, tolerance) for g, w in zip(run(), want, strict=True)))
        )

    return Job(run, check)


def threads(system: System, case: Case) -> Job:
    if "kind" in case.params:
        return gemm(system, case)
    if "function" in case.params:
        return elementwise(system, case)
    return infer(system, case) if case.params.get("predict") else train(system, case)


GROUPS: dict[str, Callable[[Any, Case], Job]] = {
    "train": train,
    "train64": train,
    "infer": infer,
    "epoch": epoch,
    "gemm": gemm,
    "elementwise": elementwise,
    "loss": loss,
    "threads": threads,
}


def make(system: System, case: Case) -> Job:
    """Unsupported where the library has nothing for the case."""
    return GROUPS[case.group](system, case)
