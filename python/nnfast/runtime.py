"""Threads, and what the build and the machine offer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._arrays import choice, integer

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["get_num_threads", "num_threads", "set_num_threads", "show_config"]


def get_num_threads() -> int:
    """How many threads a large operation may use.

    Examples
    --------
    >>> get_num_threads() >= 1
    True
    """
    return _core.num_threads()


def set_num_threads(n: int) -> None:
    """Let a large operation use up to `n` threads; results do not depend on it.

    The environment variable ``NNFAST_NUM_THREADS`` sets the start value; without it, it is the number of processors
    that this process may use. OpenMP's own limits (``OMP_NUM_THREADS``, threadpoolctl) are kept besides.

    Raises
    ------
    ValueError
        n < 1.
    TypeError
        n is not an integer.
    """
    _core.set_num_threads(integer("set_num_threads", "n", n))


class num_threads:
    """Context: up to `n` threads inside, the previous number after it. The setting is the whole process's.

    Examples
    --------
    >>> with num_threads(1):
    ...     get_num_threads()
    1
    """

    def __init__(self, n: int) -> None:
        self._n = integer("num_threads", "n", n)
        self._before: list[int] = []

    def __enter__(self) -> None:
        self._before.append(_core.num_threads())
        _core.set_num_threads(self._n)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _core.set_num_threads(self._before.pop())


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Print the version, the compiler, the instruction sets and the threads, or return them.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        "dicts" returns a dict and prints nothing, as `numpy.show_config` does.

    Examples
    --------
    >>> sorted(show_config("dicts"))[:3]
    ['compiler', 'isa', 'isas_compiled']
    """
    choice("show_config", "mode", mode, ("stdout", "dicts"))
    config = {
        "version": _core.__version__,
        "numpy": np.__version__,
        "compiler": _core.compiler(),
        "isa": _core.isa(),
        "isas_compiled": _core.compiled_isas(),
        "isas_supported": _core.supported_isas(),
        "openmp": _core.has_openmp(),
        "threads": _core.num_threads(),
        "threads_default": _core.default_num_threads(),
    }
    if mode == "dicts":
        return config
    for name, value in config.items():
        text = ", ".join(value) if isinstance(value, list) else str(value)
        print(f"{name.replace('_', ' '):<16} {text}")
    return None
