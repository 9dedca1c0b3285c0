"""``dataset/mnist.py`` of the Korean edition."""

from ..mnist import *  # noqa: F403
from ..mnist import __all__ as __all__
