"""MNIST as arrays: from a folder, from the environment, from a cache that can be filled by download, or the sample.

The files are in IDX format [1]_: two zero bytes, one for the element type, one for the number of dimensions, the
dimensions as 32-bit and the elements as they come, all big-endian.

.. [1] Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from ._arrays import float_dtype, real_array
from .errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from ._typing import Array, ArrayLike, DTypeLike

    Split: TypeAlias = tuple[Array, Array]

__all__ = [
    "MNIST_MIRRORS",
    "cache_folder",
    "load_mnist",
    "load_mnist_sample",
    "read_idx",
    "split_last_column",
]

#: Base addresses that hold the four ``.gz`` files, tried in this order.
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "http://yann.lecun.com/exdb/mnist",
)

# Bytes and SHA-256 of the *uncompressed* files: the mirrors' .gz differ from each other, the content does not.
_MNIST_FILES = {
    "train-images-idx3-ubyte": (47040016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    "train-labels-idx1-ubyte": (60008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    "t10k-images-idx3-ubyte": (7840016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    "t10k-labels-idx1-ubyte": (10008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
}

_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_ERRORS = (gzip.BadGzipFile, EOFError, zlib.error)
_DEFLATE_LIMIT = 1032  # no deflate stream expands further (zlib's technical notes)
_CHUNK = 1 << 20
_CLASSES = 10


@contextmanager
def _open_content(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The file's content, decompressed if gzipped, and a bound on how many bytes that can be."""
    with path.open("rb") as raw:
        size = os.fstat(raw.fileno()).st_size
        zipped = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if not zipped:
            yield raw, size
            return
        with gzip.GzipFile(fileobj=raw, mode="rb") as content:
            try:
                yield cast(BinaryIO, content), size * _DEFLATE_LIMIT
            except _GZIP_ERRORS as error:
                raise FormatError(f"{path}: broken gzip file ({str(error).rstrip('.')})") from error


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Read one IDX file, gzipped or not (told by its first bytes, not by its name).

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    ndarray
        Of the file's shape, in native byte order, writeable: uint8, int8, int16, int32, float32 or float64.

    Raises
    ------
    FormatError
        (a ValueError) The file is not IDX, is shorter or longer than its header says, or is a broken gzip file. No
        memory is taken on the word of the header alone.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    with _open_content(path) as (content, limit):
        head = content.read(4)
        if len(head) < 4:
            raise FormatError(f"{path}: {len(head)} bytes are too few for an IDX header")
        if head[:2] != b"\0\0" or head[2] not in _IDX_TYPES:
            raise FormatError(
                f"{path}: not an IDX file (magic number 0x{head.hex()}; expected 0x000008.. to 0x00000e..)"
            )
        ndim = head[3]
        if ndim > 64:  # NumPy's limit, 32 before NumPy 2
            raise FormatError(f"{path}: {ndim} dimensions are more than an array can have")
        dims = content.read(4 * ndim)
        if len(dims) < 4 * ndim:
            raise FormatError(f"{path}: ends within the header, which has room for {ndim} dimensions")
        shape = tuple(int(n) for n in np.frombuffer(dims, ">u4"))
        dtype = np.dtype(_IDX_TYPES[head[2]])
        size = math.prod(shape) * dtype.itemsize
        claim = f"shape {shape} of {dtype.newbyteorder('=').name} needs {size} bytes"
        if size > limit:
            raise FormatError(f"{path}: {claim}, more than the file can hold")
        data = bytearray()
        while len(data) < size:
            chunk = content.read(min(_CHUNK, size - len(data)))
            if not chunk:
                raise FormatError(f"{path}: {claim}, only {len(data)} are there")
            data += chunk
        if content.read(1):
            raise FormatError(f"{path}: {claim}, more are there")
    try:
        array = np.frombuffer(data, dtype).reshape(shape)
    except ValueError as error:
        raise FormatError(f"{path}: shape {shape} is not one that an array can have ({error})") from error
    return array.astype(dtype.newbyteorder("="), copy=False)


def cache_folder() -> Path:
    """Where downloads are kept: ``$XDG_CACHE_HOME/nnfast``, ``~/.cache/nnfast`` where that is not set."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "nnfast"


def _find_file(folder: Path, name: str) -> Path | None:
    """The file in `folder`, gzipped or not, or with the dot that some distributions put for the first dash of idx."""
    dotted = name.replace("-idx", ".idx")
    for candidate in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
        if (folder / candidate).is_file():
            return folder / candidate
    return None


def _find_folder(places: Sequence[Path]) -> Path | None:
    """The first folder, or ``mnist`` in it, that holds all four files."""
    for place in places:
        for folder in (place, place / "mnist"):
            if all(_find_file(folder, name) for name in _MNIST_FILES):
                return folder
    return None


def _fetch(url: str, path: Path, size: int, sha256: str) -> None:
    """Download `url` to `path`, which appears complete and checked or not at all."""
    import hashlib
    import tempfile
    import urllib.request  # 20 ms of import that only a download needs

    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out, urllib.request.urlopen(url, timeout=30) as response:
            received = 0
            while chunk := response.read(_CHUNK):
                received += len(chunk)
                if received > size + _CHUNK:  # gzip adds a few bytes at the very worst
                    raise FormatError(f"more than the {size} bytes that {path.name} has uncompressed")
                out.write(chunk)
        digest = hashlib.sha256()
        unpacked = 0
        with _open_content(Path(temporary)) as (content, _):
            while unpacked <= size and (chunk := content.read(_CHUNK)):
                unpacked += len(chunk)
                digest.update(chunk)
        if digest.hexdigest() != sha256:
            raise FormatError(f"content has SHA-256 {digest.hexdigest()[:16]}..., expected {sha256[:16]}...")
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)  # mkstemp made it 0600, the cache may be shared
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _download(folder: Path, mirrors: Sequence[str]) -> None:
    """Put those of the four files that are missing into `folder`, each from the first mirror that has it."""
    from http.client import HTTPException

    folder.mkdir(parents=True, exist_ok=True)
    for name, (size, sha256) in _MNIST_FILES.items():
        if _find_file(folder, name):
            continue
        failures = []
        for mirror in mirrors:
            url = f"{mirror.rstrip('/')}/{name}.gz"
            try:
                _fetch(url, folder / f"{name}.gz", size, sha256)
                break
            except (OSError, ValueError, HTTPException) as error:  # ValueError: an address that is none
                failures.append(f"{url}: {getattr(error, 'reason', error)}".replace(f"{folder}{os.sep}", ""))
        else:
            tried = "; ".join(failures) or "no mirrors were given"
            raise OSError(f"load_mnist: could not download {name}.gz ({tried})")


def _locate(path: str | os.PathLike[str] | None, download: bool, mirrors: Sequence[str] | None) -> Path:
    if path is not None:
        places = [Path(path)]
    else:
        environment = os.environ.get("NNFAST_DATA")
        places = ([Path(environment)] if environment else []) + [cache_folder()]
    folder = _find_folder(places)
    if folder is None and download:
        folder = places[-1] if path is not None else places[-1] / "mnist"
        _download(folder, MNIST_MIRRORS if mirrors is None else mirrors)
    if folder is None:
        where = ", ".join(str(place) for place in places)
        missing = [name for name in _MNIST_FILES if not _find_file(places[0], name)]
        raise FileNotFoundError(
            f"load_mnist: {missing[0]}(.gz) and the other MNIST files are not in {where} (or its mnist folder); give "
            "the folder as path, set NNFAST_DATA, or pass download=True"
        )
    return folder


def _read_split(folder: Path, prefix: str) -> Split:
    """Images (N, rows, cols) and labels (N,), both uint8, checked against each other."""
    image_file = _find_file(folder, f"{prefix}-images-idx3-ubyte")
    label_file = _find_file(folder, f"{prefix}-labels-idx1-ubyte")
    if image_file is None or label_file is None:
        raise FileNotFoundError(f"load_mnist: the {prefix} files in {folder} have gone")
    images = read_idx(image_file)
    labels = read_idx(label_file)
    if images.ndim != 3 or images.dtype != np.uint8:
        got = f"{images.shape} of {images.dtype}"
        raise FormatError(f"{image_file}: expected images as (N, rows, columns) of uint8, got {got}")
    if labels.ndim != 1 or labels.dtype != np.uint8:
        raise FormatError(
            f"{label_file}: expected labels as (N,) of uint8, got {labels.shape} of {labels.dtype}"
        )
    if len(images) != len(labels):
        raise FormatError(
            f"{label_file}: {len(labels)} labels for the {len(images)} images of {image_file.name}"
        )
    if labels.size and labels.max() >= _CLASSES:
        row = int(np.argmax(labels >= _CLASSES))
        raise FormatError(f"{label_file}: label {labels[row]} at index {row}, expected 0 to {_CLASSES - 1}")
    return images, labels


def load_mnist(
    path: str | os.PathLike[str] | None = None,
    *,
    flatten: bool = True,
    normalize: bool = True,
    one_hot_label: bool = False,
    dtype: DTypeLike = np.float32,
    download: bool = False,
    mirrors: Sequence[str] | None = None,
) -> tuple[Split, Split]:
    """The handwritten digits: 60,000 images to train on and 10,000 to test on.

    The four IDX files are looked for in `path`, or else in the folder that the environment variable ``NNFAST_DATA``
    names and in :func:`cache_folder`; in each also in its ``mnist`` subfolder. They may be gzipped or not. Data sets of
    the same form (Fashion-MNIST, KMNIST) load the same way.

    Parameters
    ----------
    path : path-like, optional
        The folder; no other is looked at then.
    flatten : bool
        Images as (N, 784); otherwise (N, 1, 28, 28).
    normalize : bool
        Pixels as ``dtype(pixel) / dtype(255)``; otherwise uint8 from 0 to 255 as stored.
    one_hot_label : bool
        Labels as (N, 10) of `dtype`, 1 at the digit; otherwise (N,) of uint8.
    dtype : {float32, float64}
        Of normalized pixels and one-hot labels.
    download : bool
        Fetch missing files into `path`, or into the cache. Nothing is ever downloaded without it.
    mirrors : sequence of str, optional
        Base addresses to fetch from, by default ``MNIST_MIRRORS``. ``file://`` works too. What comes is kept only
        if its SHA-256 is that of the MNIST file.

    Returns
    -------
    (x_train, t_train), (x_test, t_test)

    Raises
    ------
    FileNotFoundError
        The files are in none of the places.
    FormatError
        (a ValueError) A file is broken, or the files do not belong together.
    OSError
        No mirror gave the file.
    TypeError
        `dtype` is not float32 or float64.

    See Also
    --------
    load_mnist_sample : 6,000 of these images, always there.
    """
    wanted = float_dtype("load_mnist", dtype)
    folder = _locate(path, download, mirrors)
    splits = []
    for prefix in ("train", "t10k"):
        images, labels = _read_split(folder, prefix)
        n, rows, cols = images.shape
        x: Array = images.reshape((n, rows * cols) if flatten else (n, 1, rows, cols))
        if normalize:
            x = x.astype(wanted)
            x /= wanted.type(255)
        t: Array = np.eye(_CLASSES, dtype=wanted)[labels] if one_hot_label else labels
        splits.append((x, t))
    (x_train, _), (x_test, _) = splits
    if x_train.shape[1:] != x_test.shape[1:]:
        raise FormatError(
            f"{folder}: images to train on are of shape {x_train.shape[1:]}, images to test on of {x_test.shape[1:]}"
        )
    return splits[0], splits[1]


def load_mnist_sample(
    *,
    flatten: bool = True,
    normalize: bool = True,
    one_hot_label: bool = False,
    dtype: DTypeLike = np.float32,
) -> tuple[Split, Split]:
    """5,000 + 1,000 images of MNIST that travel with the package, 500 + 100 of each digit.

    They are real and evenly spread over the files of Yann LeCun, Corinna Cortes and Christopher Burges; the order is
    theirs. Parameters and results are those of :func:`load_mnist`.

    Examples
    --------
    >>> (x_train, t_train), (x_test, t_test) = load_mnist_sample()
    >>> x_train.shape, x_train.dtype, t_test.shape
    ((5000, 784), dtype('float32'), (1000,))
    """
    folder = Path(__file__).parent / "data" / "mnist_sample"
    return load_mnist(folder, flatten=flatten, normalize=normalize, one_hot_label=one_hot_label, dtype=dtype)


def split_last_column(table: ArrayLike) -> Split:
    """Inputs and targets of a table whose rows are samples and whose last column is the target.

    Parameters
    ----------
    table : array (samples, columns + 1)

    Returns
    -------
    x : array (samples, columns)
        A view.
    t : array (samples,)
        Labels of int64 where all of them are whole numbers, else as they are.

    Raises
    ------
    ValueError
        The table does not have two axes and two columns.

    Examples
    --------
    >>> x, t = split_last_column([[0.1, 0.2, 5.0], [0.3, 0.4, 9.0]])
    >>> x.shape, t
    ((2, 2), array([5, 9]))
    """
    array = real_array("split_last_column", "table", table)
    if array.ndim != 2 or array.shape[1] < 2:
        raise ValueError(f"split_last_column: table has shape {array.shape}; expected (samples, columns + 1)")
    x, t = array[:, :-1], array[:, -1]
    whole = bool(np.all(np.isfinite(t) & (t == np.rint(t))))
    return x, t.astype(np.int64) if whole else t
