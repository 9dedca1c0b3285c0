"""Elementwise and rowwise functions into a given array, in cache and out of it."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.compare.cases import Case, elementwise_cases


@pytest.mark.parametrize("case", elementwise_cases(), ids=lambda case: case.name.replace(", ", "-"))
def test_elementwise(measure_case: Any, library: str, case: Case) -> None:
    measure_case(library, case)
