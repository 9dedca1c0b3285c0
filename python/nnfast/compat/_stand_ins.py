"""Which module of ours stands in for which module of a course."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

__all__ = ["COURSES", "PACKAGES", "StandIn", "stand_ins"]

_DLFS = {
    **{
        f"common.{name}": name
        for name in (
            "functions",
            "gradient",
            "layers",
            "multi_layer_net",
            "multi_layer_net_extend",
            "optimizer",
            "trainer",
            "util",
        )
    },
    "layer_naive": "layer_naive",
    "ch05.layer_naive": "layer_naive",
    "two_layer_net": "two_layer_net",
    "ch05.two_layer_net": "two_layer_net",
    "dataset.mnist": "mnist",
}
_CS231N = {
    f"cs231n.{name}": name
    for name in (
        "classifiers.fc_net",
        "fast_layers",
        "gradient_check",
        "layer_utils",
        "layers",
        "optim",
        "solver",
    )
}
_NIELSEN = {name: name for name in ("mnist_loader", "network", "network2")}

# The user's module -> ours, for every course; and the variants of a course, the first one before the others.
COURSES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "dlfs": (_DLFS, ("dlfs", "dlfs.kr")),
    "dlfs-kr": (_DLFS, ("dlfs.kr", "dlfs")),
    "cs231n": (_CS231N, ("cs231n",)),
    "nielsen": (_NIELSEN, ("nielsen",)),
}
# What has to be there so that a module in it can be.
PACKAGES = {"common", "dataset", "ch05", "cs231n", "cs231n.classifiers"}


@dataclass(frozen=True)
class StandIn:
    """One module of ours, and how to see whether the user's is the same."""

    module: ModuleType
    probes: dict[tuple[str, ...], Callable[[Any], Any]]
    repaired: frozenset[str]  # what fails in the course's own code on today's NumPy


def stand_ins(course: str, name: str) -> Iterator[StandIn]:
    """For the user's module of that name: of each variant of the course, the preferred one first."""
    modules, variants = COURSES[course]
    ours = modules[name]
    for variant in variants:
        family = variant.partition(".")[0]
        checks = importlib.import_module(f"nnfast.compat.{family}._probes")
        module = importlib.import_module(f"nnfast.compat.{variant}.{ours}")
        yield StandIn(module, checks.PROBES.get(ours, {}), getattr(checks, "REPAIRED", frozenset()))
