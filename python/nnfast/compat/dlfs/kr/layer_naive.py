"""``ch05/layer_naive.py`` of the Korean edition."""

from ..layer_naive import *  # noqa: F403
from ..layer_naive import __all__ as __all__
