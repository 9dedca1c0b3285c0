"""``common/optimizer.py``: ``update(params, grads)`` changes the arrays of the dict params in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    Params = MutableMapping[str, Any]

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop", "np"]

# In the order of the core's enum Optimizer.
_SGD, _, _NESTEROV, _ADAGRAD, _RMSPROP, _ADAM = range(6)
_EPS = 1e-7


def zeros_like(params: Params) -> dict[str, Any]:
    """A state for every parameter."""
    return {key: np.zeros_like(value) for key, value in params.items()}


class SGD:
    """p -= lr g.

    Examples
    --------
    >>> params = {"W": np.array([1.0, 2.0])}
    >>> SGD(lr=0.1).update(params, {"W": np.array([10.0, 0.0])})
    >>> params["W"]
    array([0., 2.])
    """

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def update(self, params: Params, grads: Params) -> None:
        """One step."""
        for key in params.keys():  # noqa: SIM118  params may be any object with keys()
            if not _core.course_optimize(_SGD, params[key], grads[key], None, None, 1, self.lr, 0, 0, 0):
                params[key] -= self.lr * grads[key]


class Momentum:
    """v = momentum v - lr g;  p += v."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: dict[str, Any] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """One step; makes new arrays v."""
        if self.v is None:
            self.v = zeros_like(params)
        for key in params.keys():  # noqa: SIM118
            v = _core.course_optimize_with_new_velocity(
                params[key], grads[key], self.v[key], self.lr, self.momentum
            )
            if v is None:
                v = self.momentum * self.v[key] - self.lr * grads[key]
                params[key] += v
            self.v[key] = v


class Nesterov:
    """p += momentum^2 v - (1 + momentum) lr g with the old v;  then v = momentum v - lr g (arXiv:1212.0901)."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self.v: dict[str, Any] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """One step."""
        if self.v is None:
            self.v = zeros_like(params)
        mu = self.momentum
        for key in params.keys():  # noqa: SIM118
            g = grads[key]
            if not _core.course_optimize(_NESTEROV, params[key], g, None, self.v[key], 1, self.lr, mu, 0, 0):
                params[key] += mu * mu * self.v[key]
                params[key] -= (1 + mu) * self.lr * g
                self.v[key] *= mu
                self.v[key] -= self.lr * g


class AdaGrad:
    """h += g^2;  p -= lr g / (sqrt(h) + 1e-7)."""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr
        self.h: dict[str, Any] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """One step."""
        if self.h is None:
            self.h = zeros_like(params)
        for key in params.keys():  # noqa: SIM118
            g = grads[key]
            if not _core.course_optimize(_ADAGRAD, params[key], g, None, self.h[key], 1, self.lr, 0, 0, _EPS):
                self.h[key] += g * g
                params[key] -= self.lr * g / (np.sqrt(self.h[key]) + _EPS)


class RMSprop:
    """h = decay_rate h + (1 - decay_rate) g^2;  p -= lr g / (sqrt(h) + 1e-7)."""

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99) -> None:
        self.lr = lr
        self.decay_rate = decay_rate
        self.h: dict[str, Any] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """One step."""
        if self.h is None:
            self.h = zeros_like(params)
        for key in params.keys():  # noqa: SIM118
            g, h, rate = grads[key], self.h[key], self.decay_rate
            if not _core.course_optimize(_RMSPROP, params[key], g, None, h, 1, self.lr, rate, 0, _EPS):
                self.h[key] *= rate
                self.h[key] += (1 - rate) * g * g
                params[key] -= self.lr * g / (np.sqrt(self.h[key]) + _EPS)


class Adam:
    """m += (1 - beta1)(g - m);  v += (1 - beta2)(g^2 - v);  p -= lr_t m / (sqrt(v) + 1e-7).

    lr_t = lr sqrt(1 - beta2^t) / (1 - beta1^t): epsilon stands outside the bias correction (Kingma and Ba 2014, the
    form at the end of their section 2).
    """

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.iter = 0
        self.m: dict[str, Any] | None = None
        self.v: dict[str, Any] | None = None

    def update(self, params: Params, grads: Params) -> None:
        """One step."""
        if self.m is None or self.v is None:
            self.m = zeros_like(params)
            self.v = zeros_like(params)
        self.iter += 1
        lr_t = self.lr * np.sqrt(1.0 - self.beta2**self.iter) / (1.0 - self.beta1**self.iter)
        for key in params.keys():  # noqa: SIM118
            p, g, m, v = params[key], grads[key], self.m[key], self.v[key]
            if _core.course_optimize(_ADAM, p, g, m, v, self.iter, self.lr, self.beta1, self.beta2, _EPS):
                continue
            self.m[key] += (1 - self.beta1) * (g - m)
            self.v[key] += (1 - self.beta2) * (g**2 - v)
            params[key] -= lr_t * self.m[key] / (np.sqrt(self.v[key]) + _EPS)
