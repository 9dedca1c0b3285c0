"""``common/layers.py`` of the Korean edition."""

from ..layers import *  # noqa: F403
from ..layers import __all__ as __all__
