"""``common/trainer.py`` of the Korean edition: its Nesterov."""

from typing import Any

import numpy as np

from .. import trainer as _jp
from .optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop", "Trainer", "np"]


class Trainer(_jp.Trainer):
    """:class:`nnfast.compat.dlfs.trainer.Trainer` with the Korean edition's optimizers."""

    _optimizers: dict[str, type[Any]] = {**_jp.Trainer._optimizers, "nesterov": Nesterov}  # noqa: RUF012
