"""``common/util.py`` of the Korean edition."""

from ..util import *  # noqa: F403
from ..util import __all__ as __all__
