"""Elementwise and rowwise functions into a given array, in cache and out of it."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.compare.cases import Case, elementwise_cases

# A few will do where memory sets the pace.
CASES = [
    case
    for case in elementwise_cases()
    if case.params["place"] == "cache" or case.params["function"] in ("relu", "tanh", "softmax")
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_elementwise(measure_case: Any, library: str, case: Case) -> None:
    measure_case(library, case)
