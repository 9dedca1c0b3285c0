"""``common/gradient.py`` of the Korean edition."""

from ..gradient import *  # noqa: F403
from ..gradient import __all__ as __all__
from ..gradient import _numerical_gradient_1d as _numerical_gradient_1d
