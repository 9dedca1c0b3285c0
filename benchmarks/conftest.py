"""Benchmarks of nnfast beside its peers:  pytest benchmarks [--bench-threads 2]

NumPy always takes part, the others where they are installed. Every benchmark first compares its result with NumPy in
float64. Libraries of one group do the same job. All of them share this process, where thread pools get in each other's
way: to compare libraries, take ``python -m benchmarks.compare``; these are for following one of them over time.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import nnfast

from benchmarks.compare import jobs, systems
from benchmarks.compare.cases import Case

REQUIRED = {"onnxruntime": ["onnxruntime", "onnx"]}
LIBRARIES = [
    name
    for name in ("nnfast", "numpy", "torch", "jax", "sklearn", "onnxruntime")
    if all(importlib.util.find_spec(module) for module in REQUIRED.get(name, [name]))
]
OPERATIONS = [name for name in LIBRARIES if name in ("nnfast", "numpy", "torch")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bench-threads", type=int, default=2, help="threads of every library (default 2)")


@pytest.fixture(scope="session", autouse=True)
def threads(request: pytest.FixtureRequest) -> Any:
    """The same number of threads for everybody but JAX, which takes all processors."""
    n = request.config.getoption("--bench-threads")
    threadpoolctl = pytest.importorskip("threadpoolctl")
    if "torch" in LIBRARIES:
        import torch

        torch.set_num_threads(n)
    with nnfast.num_threads(n), threadpoolctl.threadpool_limits(n, user_api="blas"):
        yield n


@pytest.fixture(params=OPERATIONS)
def library(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def measure(benchmark: Any, library: str) -> Callable[..., None]:
    """``measure(group, function, expected, rtol)``: check what the function returns, then time it."""

    def run(group: str, function: Callable[[], Any], expected: Any, tolerance: float = 1e-4) -> None:
        result = function()
        for got, want in zip(
            *((v if isinstance(v, tuple) else (v,)) for v in (result, expected)), strict=True
        ):
            assert jobs.difference(got, want, tolerance) == ""
        benchmark.group = group
        benchmark.extra_info["library"] = library
        benchmark(function)

    return run


@pytest.fixture
def measure_case(benchmark: Any, threads: int) -> Callable[[str, Case], None]:
    """The same for a case of benchmarks.compare; skips where the library has nothing for it."""

    def run(name: str, case: Case) -> None:
        try:
            job = jobs.make(systems.make(name, threads), case)
        except systems.Unsupported:
            pytest.skip(f"{name} does not have it")
        assert job.check() == ""
        benchmark.group = f"{case.group} {case.name} {case.dtype}"
        benchmark.extra_info["library"] = name
        benchmark(job.run)

    return run
