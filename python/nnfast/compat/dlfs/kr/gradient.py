"""``common/gradient.py`` of the Korean edition."""

from ..gradient import *  # noqa: F403
from ..gradient import __all__ as __all__
