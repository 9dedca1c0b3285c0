"""``common/optimizer.py`` of the Korean edition: Nesterov updates v first and then uses it."""

import numpy as np

from .. import optimizer as _jp
from ..optimizer import SGD, AdaGrad, Adam, Momentum, RMSprop

__all__ = ["SGD", "AdaGrad", "Adam", "Momentum", "Nesterov", "RMSprop", "np"]


class Nesterov(_jp.Nesterov):
    """v = momentum v - lr g;  then p += momentum^2 v - (1 + momentum) lr g."""

    _ahead = True
