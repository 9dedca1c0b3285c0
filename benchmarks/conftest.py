"""Benchmarks of nnfast beside NumPy and, where it is installed, torch:  pytest benchmarks [--bench-threads 2]

Every benchmark first compares its result with NumPy in float64. Libraries of one group do the same job.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import nnfast
import numpy as np
import pytest

LIBRARIES = ["nnfast", "numpy"] + (["torch"] if importlib.util.find_spec("torch") else [])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bench-threads", type=int, default=2, help="threads of every library (default 2)")


@pytest.fixture(scope="session", autouse=True)
def threads(request: pytest.FixtureRequest) -> Any:
    """The same number of threads for everybody."""
    n = request.config.getoption("--bench-threads")
    threadpoolctl = pytest.importorskip("threadpoolctl")
    if "torch" in LIBRARIES:
        import torch

        torch.set_num_threads(n)
    with nnfast.num_threads(n), threadpoolctl.threadpool_limits(n, user_api="blas"):
        yield n


@pytest.fixture(params=LIBRARIES)
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
            got = np.asarray(got.detach() if hasattr(got, "detach") else got)
            scale = float(np.max(np.abs(want))) if np.size(want) else 1.0
            np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * max(scale, 1e-30))
        benchmark.group = group
        benchmark.extra_info["library"] = library
        benchmark(function)

    return run
