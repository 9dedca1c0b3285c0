"""``common/optimizer.py`` of the Korean edition: Nesterov updates v first and then uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .... import _core
from .. import optimizer as _jp
from ..optimizer import SGD, AdaGrad, Adam, Momentum, RMSprop

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop", "np"]


class Nesterov(_jp.Nesterov):
    """v = momentum v - lr g;  then p += momentum^2 v - (1 + momentum) lr g."""

    def update(self, params: MutableMapping[str, Any], grads: MutableMapping[str, Any]) -> None:
        """One step."""
        if self.v is None:
            self.v = _jp.zeros_like(params)
        mu = self.momentum
        for key in params.keys():  # noqa: SIM118
            g = grads[key]
            if not _core.course_nesterov_with_new_velocity(params[key], g, self.v[key], self.lr, mu):
                self.v[key] *= mu
                self.v[key] -= self.lr * g
                params[key] += mu * mu * self.v[key]
                params[key] -= (1 + mu) * self.lr * g
