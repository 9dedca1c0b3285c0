"""Learning-rate schedules: the factor of the optimizer's learning rate at steps 0, 1, 2, ... of a fit.

Any callable ``step -> factor`` will do for ``fit(schedule=...)``. Those of this module also know how many steps an
epoch and the whole fit have, so lengths need not be given twice::

    network.fit(x, t, epochs=20, optimizer=nn.Adam(lr=0.003), schedule=nn.schedules.one_cycle())

The optimizer's own `lr` stays as it is, and may be changed between epochs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ._arrays import choice, integer, real

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    ScheduleLike: TypeAlias = "Schedule | Callable[[int], float]"

__all__ = ["Schedule", "constant", "cosine", "exponential", "one_cycle", "step", "warm_up"]


class Schedule:
    """A factor as a function of (step, steps per epoch, steps in all)."""

    def __init__(self, name: str, factor: Callable[[int, int, int], float]) -> None:
        self._name = name
        self._factor = factor

    def __call__(self, step: int, total_steps: int = 1, steps_per_epoch: int = 1) -> float:
        return self._factor(step, steps_per_epoch, total_steps)

    def __repr__(self) -> str:
        return self._name


def constant(factor: float = 1.0) -> Schedule:
    """Always `factor`."""
    value = real("constant", "factor", factor, 0)
    return Schedule(f"constant({value})", lambda step, per_epoch, total: value)


def step(every: int = 10, factor: float = 0.1) -> Schedule:
    """Times `factor` after every `every` epochs.

    Examples
    --------
    >>> [step(every=2, factor=0.5)(epoch) for epoch in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    length, ratio = integer("step", "every", every), real("step", "factor", factor, 0)
    return Schedule(
        f"step({length}, {ratio})", lambda step, per_epoch, total: ratio ** (step // per_epoch // length)
    )


def exponential(factor: float = 0.95) -> Schedule:
    """Times `factor` after every epoch."""
    ratio = real("exponential", "factor", factor, 0)
    return Schedule(f"exponential({ratio})", lambda step, per_epoch, total: ratio ** (step // per_epoch))


def _between(start: float, end: float, share: float) -> float:
    """From start to end along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def cosine(final: float = 0.0) -> Schedule:
    """From 1 to `final` along half a cosine over the whole fit (Loshchilov and Hutter 2017).

    Examples
    --------
    >>> [round(cosine()(step, total_steps=4), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """
    end = real("cosine", "final", final, 0)
    return Schedule(f"cosine({end})", lambda step, per_epoch, total: _between(1, end, min(step / total, 1)))


def one_cycle(start: float = 1 / 25, peak_at: float = 0.3, final: float = 1 / 250_000) -> Schedule:
    """From `start` to 1 at the share `peak_at` of the fit, then down to `final`, both along half a cosine.

    After Smith and Topin 2017, with the defaults and steps of PyTorch's OneCycleLR: the optimizer's lr is its `max_lr`.
    """
    low, end = real("one_cycle", "start", start, 0), real("one_cycle", "final", final, 0)
    share = real("one_cycle", "peak_at", peak_at, 0, 1)

    def factor(step: int, per_epoch: int, total: int) -> float:
        peak, last = share * total - 1, total - 1
        if step <= peak:
            return _between(low, 1, step / peak if peak > 0 else 1)
        return _between(1, end, min((step - peak) / (last - peak), 1) if last > peak else 1)

    return Schedule(f"one_cycle({low}, {share}, {end})", factor)


def warm_up(length: int, then: ScheduleLike | None = None, *, unit: str = "step") -> Schedule:
    """Linearly up to 1 within `length` steps or epochs, and on with `then`, which sees the steps that are left.

    Examples
    --------
    >>> schedule = warm_up(4, then=cosine())
    >>> [round(schedule(step, total_steps=8), 3) for step in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    count = integer("warm_up", "length", length, 0)
    in_epochs = choice("warm_up", "unit", unit, ("step", "epoch")) == "epoch"
    after = constant() if then is None else then
    if not callable(after):
        raise TypeError(f"warm_up: then is {then!r}; expected a schedule")

    def factor(step: int, per_epoch: int, total: int) -> float:
        warm = count * per_epoch if in_epochs else count
        if step < warm:
            return (step + 1) / warm
        return factor_at(after, step - warm, per_epoch, max(total - warm, 1))

    return Schedule(f"warm_up({count}, {after!r}, unit={unit!r})", factor)


def factor_at(schedule: ScheduleLike, step: int, steps_per_epoch: int, total_steps: int) -> float:
    if isinstance(schedule, Schedule):
        return schedule(step, total_steps, steps_per_epoch)
    return schedule(step)
