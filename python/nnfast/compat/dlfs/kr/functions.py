"""``common/functions.py`` of the Korean edition."""

from ..functions import *  # noqa: F403
from ..functions import __all__ as __all__
