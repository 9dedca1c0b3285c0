"""The Korean edition's ``ch05/two_layer_net.py``: the same."""

from ..two_layer_net import *  # noqa: F403
from ..two_layer_net import __all__  # noqa: F401
