"""``common/multi_layer_net.py`` of the Korean edition."""

from ..multi_layer_net import *  # noqa: F403
from ..multi_layer_net import __all__ as __all__
