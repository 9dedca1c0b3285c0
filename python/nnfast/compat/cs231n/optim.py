"""The update rules of CS231n: ``next_w, config = rule(w, dw, config)``, as in ``cs231n/optim.py``.

`config` holds the rule's numbers and its state. It is completed with the defaults in place and returned; None is an
empty one. :func:`sgd` changes w itself and returns it, the others return a new array and put new arrays into `config`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core
from . import _plain
from ._plain import alike

if TYPE_CHECKING:
    from ..._typing import Array

__all__ = ["adam", "np", "rmsprop", "sgd", "sgd_momentum"]


def sgd(w: Array, dw: Array, config: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
    """w -= learning_rate dw.

    Parameters
    ----------
    w : ndarray
        Changed in place.
    dw : ndarray of w's shape
    config : dict, optional
        ``learning_rate`` 1e-2.

    Returns
    -------
    next_w : ndarray
        w itself.
    config : dict

    Examples
    --------
    >>> w = np.array([1.0, 2.0])
    >>> next_w, config = sgd(w, np.array([1.0, 1.0]), {"learning_rate": 0.5})
    >>> next_w is w, w
    (True, array([0.5, 1.5]))
    """
    if config is None:
        config = {}
    lr = config.setdefault("learning_rate", 1e-2)
    if alike(w, dw):
        try:
            _core.optimizer_update(_sgd(lr), 1, w, dw, [])
        except (ValueError, TypeError):
            pass
        else:
            return w, config
    w -= lr * dw
    return w, config


def sgd_momentum(w: Array, dw: Array, config: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
    """v = momentum v - learning_rate dw;  next_w = w + v.

    Parameters
    ----------
    w, dw : ndarray
        Not changed.
    config : dict, optional
        ``learning_rate`` 1e-2, ``momentum`` 0.9, ``velocity`` 0.

    Returns
    -------
    next_w : ndarray
    config : dict
    """
    if config is None:
        config = {}
    lr = config.setdefault("learning_rate", 1e-2)
    momentum = config.setdefault("momentum", 0.9)
    velocity = config.get("velocity")
    if velocity is None:
        velocity = np.zeros_like(w)
    next_w, (velocity,) = _step("momentum", w, dw, [velocity], (lr, momentum))
    config["velocity"] = velocity
    return next_w, config


def rmsprop(w: Array, dw: Array, config: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
    """c = decay_rate c + (1 - decay_rate) dw^2;  next_w = w - learning_rate dw / (sqrt(c) + epsilon).

    Parameters
    ----------
    w, dw : ndarray
        Not changed.
    config : dict, optional
        ``learning_rate`` 1e-2, ``decay_rate`` 0.99, ``epsilon`` 1e-8, ``cache`` 0.

    Returns
    -------
    next_w : ndarray
    config : dict
    """
    if config is None:
        config = {}
    lr = config.setdefault("learning_rate", 1e-2)
    decay = config.setdefault("decay_rate", 0.99)
    eps = config.setdefault("epsilon", 1e-8)
    if "cache" not in config:
        config["cache"] = np.zeros_like(w)
    next_w, (config["cache"],) = _step("rmsprop", w, dw, [config["cache"]], (lr, decay, eps))
    return next_w, config


def adam(w: Array, dw: Array, config: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
    """m, v follow dw, dw^2;  next_w = w - learning_rate mhat / (sqrt(vhat) + epsilon), with the t-th step's correction.

    Parameters
    ----------
    w, dw : ndarray
        Not changed.
    config : dict, optional
        ``learning_rate`` 1e-3, ``beta1`` 0.9, ``beta2`` 0.999, ``epsilon`` 1e-8, ``m`` and ``v`` 0, and ``t`` 0, which
        becomes one more before it is used.

    Returns
    -------
    next_w : ndarray
    config : dict
    """
    if config is None:
        config = {}
    lr = config.setdefault("learning_rate", 1e-3)
    beta1 = config.setdefault("beta1", 0.9)
    beta2 = config.setdefault("beta2", 0.999)
    eps = config.setdefault("epsilon", 1e-8)
    if "m" not in config:
        config["m"] = np.zeros_like(w)
    if "v" not in config:
        config["v"] = np.zeros_like(w)
    config["t"] = config.get("t", 0) + 1
    states = [config["m"], config["v"]]
    next_w, (config["m"], config["v"]) = _step("adam", w, dw, states, (lr, beta1, beta2, eps), config["t"])
    return next_w, config


@lru_cache(maxsize=64)
def _sgd(lr: float) -> _core.OptimizerSpec:
    return _core.OptimizerSpec("sgd", lr=lr)


@lru_cache(maxsize=64)
def _spec(kind: str, *numbers: float) -> _core.OptimizerSpec:
    if kind == "momentum":
        lr, momentum = numbers
        return _core.OptimizerSpec("momentum", lr=lr, momentum=momentum)
    if kind == "rmsprop":
        lr, rho, eps = numbers
        return _core.OptimizerSpec("rmsprop", lr=lr, rho=rho, eps=eps)
    lr, beta1, beta2, eps = numbers
    return _core.OptimizerSpec("adam", lr=lr, beta1=beta1, beta2=beta2, eps=eps)


def _step(
    kind: str, w: Array, dw: Array, states: list[Array], numbers: tuple[float, ...], t: int = 1
) -> tuple[Array, list[Array]]:
    """(next w, new states) in one pass, or as NumPy does it where the core cannot."""
    if alike(w, dw) and w.ndim > 0 and alike(w, states[0]) and alike(w, states[-1]):
        try:
            next_w, new = _core.optimizer_step(_spec(kind, *numbers), t, w, dw, states)
        except (ValueError, TypeError):
            pass  # broadcasting, a rate per element, a rate below 0
        else:
            return next_w, new
    return _plain.update(kind, w, dw, states, numbers, t)
