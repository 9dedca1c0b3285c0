"""Training steps and predictions of whole networks, the cases of ``python -m benchmarks.compare``."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.compare import cases
from benchmarks.conftest import LIBRARIES

STEPS = [case for dtype in ("float32", "float64") for case in cases.train_cases(dtype) if case.flop < 1e9]
PREDICTIONS = [case for case in cases.infer_cases() if case.flop < 1e9]


def with_libraries(some: list[cases.Case], without: str) -> Any:
    pairs = [
        (case, name)
        for case in some
        for name in LIBRARIES
        if name != without and (case.systems is None or name in case.systems)
    ]
    names = [f"{case.name}-{case.dtype}-{name}".replace(" ", "-") for case, name in pairs]
    return pytest.mark.parametrize(("case", "name"), pairs, ids=names)


@with_libraries(STEPS, without="onnxruntime")
def test_train_step(measure_case: Any, case: cases.Case, name: str) -> None:
    measure_case(name, case)


@with_libraries(PREDICTIONS, without="sklearn")
def test_predict(measure_case: Any, case: cases.Case, name: str) -> None:
    measure_case(name, case)
