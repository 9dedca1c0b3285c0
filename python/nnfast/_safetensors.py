"""The safetensors file format: an 8-byte length, a JSON header, and the tensors one after the other.

Of its data types F32 and F64. What is read is checked as strictly as the format demands: nothing is allocated that the
file does not hold, offsets leave no holes and do not overlap, and no header is longer than what a network needs.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .errors import FormatError

if TYPE_CHECKING:
    from ._typing import Array

_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
MAX_HEADER = 8 * 2**20  # bytes; a network of 10,000 layers has a header of 3 MB


def encode(tensors: dict[str, Array], metadata: dict[str, str]) -> bytes:
    """The file as bytes."""
    header: dict[str, Any] = {"__metadata__": metadata}
    chunks = []
    end = 0
    # The format wants the widest type first, so that every tensor is aligned.
    for name in sorted(tensors, key=lambda name: -tensors[name].dtype.itemsize):
        array = tensors[name]
        dtype = array.dtype.newbyteorder("<")
        chunk = np.ascontiguousarray(array, dtype).tobytes()
        header[name] = {
            "dtype": _NAMES[dtype],
            "shape": list(array.shape),
            "data_offsets": [end, end + len(chunk)],
        }
        chunks.append(chunk)
        end += len(chunk)
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(chunks)


def decode(data: bytes, where: str) -> tuple[dict[str, Array], dict[str, str]]:
    """Tensors, as read-only views of `data`, and metadata. FormatError says what is wrong; `where` names the file."""

    def fail(what: str) -> NoReturn:
        raise FormatError(f"{where}: {what}")

    if len(data) < 8:
        fail(f"it has {len(data)} bytes; expected at least the 8 of the header's length")
    length = int.from_bytes(data[:8], "little")
    if length > MAX_HEADER:
        fail(f"the header's length is {length}; expected at most {MAX_HEADER}, so this is no such file")
    if length > len(data) - 8:
        fail(f"the header's length is {length}, but only {len(data) - 8} bytes follow; the file is cut short")
    header = parse_json(data[8 : 8 + length], f"{where}: the header")
    if not isinstance(header, dict):
        fail("the header is not an object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        fail("__metadata__ is not an object of strings")

    body = memoryview(data)[8 + length :]
    tensors: dict[str, Array] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in header.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            fail(f"tensor {name!r} is not described by dtype, shape and data_offsets")
        if not isinstance(entry["dtype"], str) or entry["dtype"] not in _DTYPES:
            fail(f"tensor {name!r} has dtype {entry['dtype']!r}; expected F32 or F64")
        dtype, shape, offsets = _DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        if not _are_sizes(shape) or len(shape) > 32:
            fail(f"tensor {name!r} has shape {_brief(shape)}; expected a list of sizes >= 0")
        if not _are_sizes(offsets) or len(offsets) != 2:
            fail(f"tensor {name!r} has data_offsets {_brief(offsets)}; expected [begin, end]")
        begin, end = offsets
        if not begin <= end <= len(body):
            fail(
                f"tensor {name!r} has data_offsets [{begin}, {end}], but there are {len(body)} bytes of data"
            )
        if end - begin != math.prod(shape) * dtype.itemsize:
            fail(f"tensor {name!r} has {end - begin} bytes; its shape {_brief(shape)} needs another number")
        spans.append((begin, end, name))
        tensors[name] = np.frombuffer(body[begin:end], dtype).reshape(shape)
    at = 0
    for begin, end, name in sorted(spans):
        if begin != at:
            fail(f"tensor {name!r} begins at {begin}, but the one before it ends at {at}")
        at = end
    if at != len(body):
        fail(f"the tensors end at {at}, but there are {len(body)} bytes of data")
    return tensors, metadata


def parse_json(text: bytes | str, what: str) -> Any:
    """JSON without NaN, infinities, and keys that occur twice; `what` names it in the FormatError."""

    def no_constant(name: str) -> NoReturn:
        raise FormatError(f"{what} contains {name}; expected finite numbers")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise FormatError(f"{what} has a key twice")
        return result

    try:
        return json.loads(text, parse_constant=no_constant, object_pairs_hook=unique)
    except FormatError:
        raise
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what} is not valid JSON: {str(error)[:200]}") from None


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


def _brief(value: Any) -> str:
    return repr(value)[:80]


def write_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Put `data` in the place of the file, in one piece or not at all.

    The new file is complete on the disk before it takes the name; its mode follows the umask, as `open` does it.
    """
    target = Path(path).resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
