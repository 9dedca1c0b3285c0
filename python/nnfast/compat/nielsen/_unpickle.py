"""Pickles of arrays from strangers: what names anything but arrays and plain containers is refused."""

from __future__ import annotations

import pickle
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ...errors import FormatError

if TYPE_CHECKING:
    from pathlib import Path

    from ..._typing import Array

# As NumPy itself names them, so that no module is imported because a file says so.
_RECONSTRUCT: Any = np.empty(0).__reduce__()[0]
_SCALAR: Any = np.float64(0).__reduce__()[0]
_FROM_BUFFER: Any = np.empty(0).__reduce_ex__(5)[0]

_CONTAINERS = {cls.__name__: cls for cls in (list, tuple, dict, set, frozenset, bytearray, complex)}


def _encode(text: str, encoding: str) -> bytes:
    """Bytes that Python 3 wrote for Python 2."""
    return text.encode("latin1" if encoding == "latin1" else "ascii")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _encode,
    **{(module, name): cls for module in ("builtins", "__builtin__") for name, cls in _CONTAINERS.items()},
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _RECONSTRUCT for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _SCALAR for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _FROM_BUFFER for core in ("core", "_core")},
}


class ArrayUnpickler(pickle.Unpickler):
    """Reads arrays, numbers, strings and containers; of Python 2 too."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        super().__init__(file, encoding="latin1")
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise FormatError(
                f"{self._name}: the pickle asks for {module}.{name}; expected arrays and plain containers only"
            ) from None


def load(file: IO[bytes], name: str) -> Any:
    """What a pickle holds.

    Raises
    ------
    FormatError
        It names another class, or is no pickle.
    """
    try:
        return ArrayUnpickler(file, name).load()
    except FormatError:
        raise
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise FormatError(f"{name}: not a pickle of arrays: {error}") from error


def load_array(path: Path) -> Array:
    """The array in an .npy file, also one of objects.

    Raises
    ------
    FormatError
        An object names another class.
    """
    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0
            _, _, dtype = (read if version == (1, 0) else np.lib.format.read_array_header_2_0)(file)
        except ValueError as error:
            raise FormatError(f"{path}: not an .npy file: {error}") from error
        if dtype.hasobject:
            array: Array = load(file, str(path))
            return array
    result: Array = np.load(path, allow_pickle=False)
    return result
