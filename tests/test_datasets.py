from __future__ import annotations

import gzip
import hashlib
import os
import runpy
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from nnfast import datasets
from nnfast.datasets import load_mnist, load_mnist_sample, read_idx
from nnfast.errors import FormatError

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
TYPES = {"u1": 8, "i1": 9, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array: np.ndarray) -> bytes:
    code = TYPES[f"{array.dtype.kind}{array.dtype.itemsize}"]
    head = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def make_mnist(
    folder: Path, n_train: int = 30, n_test: int = 20, zipped: bool = True
) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {}
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, n in (("train", n_train), ("t10k", n_test)):
        arrays[f"{prefix}-images-idx3-ubyte"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"{prefix}-labels-idx1-ubyte"] = rng.integers(0, 10, n, dtype=np.uint8)
    for name, array in arrays.items():
        if zipped:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))
    return arrays


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No data set of the machine's own: neither environment nor cache."""
    monkeypatch.delenv("NNFAST_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


# read_idx


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (5,), (3, 0, 4), (4, 5, 6), (2, 1, 3, 2)])
@pytest.mark.parametrize("kind", TYPES)
def test_read_idx_gives_back_what_was_written(tmp_path, kind, shape, zipped):
    array = (
        np.random.default_rng(1).normal(0, 50, shape).astype(kind)
        if kind != "u1"
        else np.full(shape, 200, kind)
    )
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    read = read_idx(path)
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    assert read.flags.writeable
    np.testing.assert_array_equal(read, array)


GOOD = idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "0 bytes are too few for an IDX header"),
        (b"\0\0\x08", "3 bytes are too few"),
        (b"PK\x03\x04" + GOOD, "not an IDX file (magic number 0x504b0304"),
        (b"\0\0\x07\x01\0\0\0\x01\0", "not an IDX file"),
        (b"\0\0\x0a\x01\0\0\0\x01\0", "not an IDX file"),
        (b"\1\0\x08\x01\0\0\0\x01\0", "not an IDX file"),
        (GOOD[:11], "ends within the header, which has room for 3 dimensions"),
        (GOOD[:-1], "shape (2, 3, 4) of uint8 needs 24 bytes"),
        (GOOD + b"\0", "shape (2, 3, 4) of uint8 needs 24 bytes, more are there"),
        (b"\0\0\x08\xff" + b"\0\0\0\1" * 255, "255 dimensions"),
        (b"\0\0\x0e\x40" + b"\xff\xff\xff\xff" * 64, "more than the file can hold"),
        (b"\0\0\x08\x03" + b"\xff\xff\xff\xff" * 3 + b"abc", "more than the file can hold"),
        # nothing to read, and yet no array has this shape
        (b"\0\0\x08\x04" + b"\0\0\0\0" + b"\xff\xff\xff\xff" * 3, "is not one that an array can have"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_read_idx_says_what_is_wrong(tmp_path, content, problem, zipped):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(FormatError) as caught:
        read_idx(path)
    message = str(caught.value)
    assert str(path) in message
    if zipped and "needs 24 bytes" in problem and "more are" not in problem:
        assert "only 23 are there" in message
    else:
        assert problem in message
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("n", range(2, 60, 3))
def test_read_idx_truncated_gzip(tmp_path, n):
    path = tmp_path / "file.gz"
    whole = gzip.compress(GOOD)
    path.write_bytes(whole[: min(n, len(whole) - 1)])
    with pytest.raises(FormatError, match=r"broken gzip file|too few"):
        read_idx(path)


def test_read_idx_damaged_gzip(tmp_path):
    whole = gzip.compress(idx(np.random.default_rng(0).integers(0, 256, 4000, dtype=np.uint8)))
    path = tmp_path / "file.gz"
    for position in range(10, len(whole), 97):
        damaged = bytearray(whole)
        damaged[position] ^= 0x41
        path.write_bytes(damaged)
        with pytest.raises(FormatError, match=r"file\.gz: "):
            read_idx(path)
    path.write_bytes(whole + b"garbage")
    with pytest.raises(FormatError, match="broken gzip"):
        read_idx(path)


def test_read_idx_takes_no_memory_on_the_word_of_a_header(tmp_path):
    lies = b"\0\0\x08\x03" + struct.pack(">3I", 60000, 280, 280)  # 4.7 GB
    plain = tmp_path / "plain"
    plain.write_bytes(lies + bytes(1000))
    zipped = tmp_path / "zipped.gz"
    zipped.write_bytes(gzip.compress(lies) + gzip.compress(os.urandom(5 << 20)))  # 5 MB could hold 5 GB
    tracemalloc.start()
    try:
        for path in (plain, zipped):
            with pytest.raises(FormatError):
                read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_read_idx_any_bytes_never_fail_otherwise(tmp_path):
    rng = np.random.default_rng(7)
    path = tmp_path / "file"
    refused = 0
    for _ in range(500):
        content = bytearray(GOOD)
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(0, 16)] = rng.choice([0, 1, 2, 8, 9, 13, 64, 255])
        path.write_bytes(content[: rng.integers(0, len(content) + 1)] if rng.random() < 0.3 else content)
        try:
            read_idx(path)
        except FormatError:
            refused += 1
    assert 300 < refused < 500


def test_read_idx_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")


# load_mnist


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("sub", ["", "mnist"])
@pytest.mark.parametrize("by", ["path", "environment", "cache"])
def test_load_mnist_finds_the_files(tmp_path, monkeypatch, zipped, sub, by):
    place = tmp_path / "cache" / "nnfast" if by == "cache" else tmp_path / "data"
    arrays = make_mnist(place / sub, zipped=zipped)
    if by == "environment":
        monkeypatch.setenv("NNFAST_DATA", str(place))
    (x_train, t_train), (x_test, t_test) = load_mnist(place if by == "path" else None, normalize=False)
    np.testing.assert_array_equal(x_train, arrays[NAMES[0]].reshape(30, 784))
    np.testing.assert_array_equal(t_train, arrays[NAMES[1]])
    np.testing.assert_array_equal(x_test, arrays[NAMES[2]].reshape(20, 784))
    np.testing.assert_array_equal(t_test, arrays[NAMES[3]])
    assert {a.dtype for a in (x_train, t_train, x_test, t_test)} == {np.dtype(np.uint8)}


def test_load_mnist_path_before_environment_before_cache(tmp_path, monkeypatch):
    make_mnist(tmp_path / "cache" / "nnfast" / "mnist", n_train=1)
    assert len(load_mnist()[0][0]) == 1
    make_mnist(tmp_path / "environment", n_train=2)
    monkeypatch.setenv("NNFAST_DATA", str(tmp_path / "environment"))
    assert len(load_mnist()[0][0]) == 2
    make_mnist(tmp_path / "path", n_train=3)
    assert len(load_mnist(tmp_path / "path")[0][0]) == 3
    with pytest.raises(FileNotFoundError):
        load_mnist(tmp_path / "elsewhere")


def test_load_mnist_names_with_a_dot(tmp_path):
    arrays = make_mnist(tmp_path, zipped=False)
    for name in NAMES:
        (tmp_path / name).rename(tmp_path / name.replace("-idx", ".idx"))
    (_, t_train), _ = load_mnist(tmp_path)
    np.testing.assert_array_equal(t_train, arrays[NAMES[1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64, "single", "f8"])
def test_load_mnist_options(tmp_path, dtype):
    arrays = make_mnist(tmp_path)
    (x, t), (x_test, t_test) = load_mnist(tmp_path, flatten=False, one_hot_label=True, dtype=dtype)
    assert x.shape == (30, 1, 28, 28)
    assert x_test.shape == (20, 1, 28, 28)
    assert {a.dtype for a in (x, t, x_test, t_test)} == {np.dtype(dtype)}
    pixels = arrays[NAMES[0]].reshape(x.shape)
    np.testing.assert_array_equal(x, pixels.astype(dtype) / np.dtype(dtype).type(255))
    assert t.shape == (30, 10)
    np.testing.assert_array_equal(t.argmax(axis=1), arrays[NAMES[1]])
    np.testing.assert_array_equal(t.sum(axis=1), np.ones(30))


@pytest.mark.parametrize("dtype", [np.float16, np.uint8, np.int64, complex])
def test_load_mnist_refuses_other_dtypes(tmp_path, dtype):
    make_mnist(tmp_path)
    with pytest.raises(TypeError, match=r"load_mnist: dtype is .* expected float32 or float64"):
        load_mnist(tmp_path, dtype=dtype)


def test_load_mnist_says_where_it_looked(tmp_path, monkeypatch):
    with pytest.raises(
        FileNotFoundError, match=r"train-images-idx3-ubyte.*not in .*cache.*NNFAST_DATA.*download=True"
    ):
        load_mnist()
    monkeypatch.setenv("NNFAST_DATA", str(tmp_path / "there"))
    make_mnist(tmp_path / "there")
    (tmp_path / "there" / f"{NAMES[2]}.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"t10k-images-idx3-ubyte.*there"):
        load_mnist()


@pytest.mark.parametrize(
    ("name", "array", "problem"),
    [
        (
            NAMES[0],
            np.zeros((30, 784), np.uint8),
            r"expected images as \(N, rows, columns\) of uint8, got \(30, 784\)",
        ),
        (NAMES[0], np.zeros((30, 28, 28), np.int16), "expected images .* of int16"),
        (NAMES[1], np.zeros((30, 1), np.uint8), r"expected labels as \(N,\) of uint8, got \(30, 1\)"),
        (NAMES[1], np.zeros(29, np.uint8), "29 labels for the 30 images of train-images-idx3-ubyte"),
        (NAMES[3], np.arange(20, dtype=np.uint8), "label 10 at index 10, expected 0 to 9"),
        (NAMES[2], np.zeros((20, 27, 28), np.uint8), r"of shape \(784,\), images to test on of \(756,\)"),
    ],
)
def test_load_mnist_files_that_do_not_fit(tmp_path, name, array, problem):
    make_mnist(tmp_path, zipped=False)
    (tmp_path / name).write_bytes(idx(array))
    with pytest.raises(FormatError, match=problem):
        load_mnist(tmp_path)


# download


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder that serves a small MNIST under file://, and the checksums that go with it."""
    folder = tmp_path / "mirror"
    arrays = make_mnist(folder)
    contents = {name: idx(array) for name, array in arrays.items()}
    known = {name: (len(c), hashlib.sha256(c).hexdigest()) for name, c in contents.items()}
    monkeypatch.setattr(datasets, "_MNIST_FILES", known)
    return folder


def test_download_into_the_cache(tmp_path, mirror):
    with pytest.raises(FileNotFoundError):
        load_mnist(mirrors=[mirror.as_uri()])  # not asked to
    assert not (tmp_path / "cache").exists()
    (x, _), _ = load_mnist(download=True, mirrors=[mirror.as_uri()])
    assert x.shape == (30, 784)
    cache = tmp_path / "cache" / "nnfast" / "mnist"
    assert sorted(p.name for p in cache.iterdir()) == sorted(f"{name}.gz" for name in NAMES)
    umask = os.umask(0)
    os.umask(umask)
    assert {p.stat().st_mode & 0o777 for p in cache.iterdir()} == {0o666 & ~umask}
    for file in mirror.iterdir():
        file.unlink()
    (again, _), _ = load_mnist(download=True, mirrors=[mirror.as_uri()])  # needs the mirror no more
    np.testing.assert_array_equal(again, x)


def test_download_into_path_fetches_only_what_is_missing(tmp_path, mirror):
    target = tmp_path / "target"
    target.mkdir()
    kept = target / NAMES[1]
    kept.write_bytes(gzip.decompress((mirror / f"{NAMES[1]}.gz").read_bytes()))
    load_mnist(target, download=True, mirrors=[mirror.as_uri() + "/"])
    assert sorted(p.name for p in target.iterdir()) == sorted(
        [NAMES[1], *(f"{n}.gz" for n in NAMES if n != NAMES[1])]
    )


def test_download_goes_on_to_the_next_mirror(tmp_path, mirror):
    empty = tmp_path / "empty"
    empty.mkdir()
    wrong = tmp_path / "wrong"
    make_mnist(wrong, n_train=31)
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in NAMES:
        (broken / f"{name}.gz").write_bytes((mirror / f"{name}.gz").read_bytes()[:-9])
    mirrors = ["no address", *(m.as_uri() for m in (empty, wrong, broken, mirror))]
    (x, _), _ = load_mnist(download=True, mirrors=mirrors)
    assert x.shape == (30, 784)


@pytest.mark.parametrize(
    "damage", ["missing", "other content", "truncated", "not gzipped", "endless", "bomb"]
)
def test_download_that_fails_leaves_nothing(tmp_path, mirror, damage):
    victim = mirror / f"{NAMES[0]}.gz"
    if damage == "missing":
        victim.unlink()
    elif damage == "other content":
        victim.write_bytes(gzip.compress(idx(np.zeros((30, 28, 28), np.uint8))))
    elif damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:-10])
    elif damage == "not gzipped":
        victim.write_bytes(b"<html>404, but with status 200</html>")
    elif damage == "endless":
        victim.write_bytes(bytes(4 << 20))
    else:
        victim.write_bytes(gzip.compress(bytes(64 << 20)))
    with pytest.raises(OSError, match=rf"load_mnist: could not download {NAMES[0]}\.gz \(file://"):
        load_mnist(download=True, mirrors=[mirror.as_uri()])
    assert list((tmp_path / "cache" / "nnfast" / "mnist").iterdir()) == []


def test_download_needs_a_mirror(mirror):
    with pytest.raises(OSError, match="no mirrors were given"):
        load_mnist(download=True, mirrors=[])


# the sample


def test_sample_is_balanced_and_real():
    (x_train, t_train), (x_test, t_test) = load_mnist_sample()
    assert x_train.shape == (5000, 784)
    assert x_test.shape == (1000, 784)
    assert x_train.dtype == np.float32
    np.testing.assert_array_equal(np.bincount(t_train), np.full(10, 500))
    np.testing.assert_array_equal(np.bincount(t_test), np.full(10, 100))
    assert x_train.min() == 0.0
    assert x_train.max() == 1.0
    # Of all 60,000 images the mean is 0.1307, the standard deviation 0.3081.
    assert x_train.mean() == pytest.approx(0.1307, abs=2e-3)
    assert x_train.std() == pytest.approx(0.3081, abs=2e-3)
    assert len(np.unique(x_train, axis=0)) == 5000


def test_sample_options():
    (x, t), _ = load_mnist_sample(flatten=False, normalize=False, one_hot_label=True, dtype=np.float64)
    assert x.shape == (5000, 1, 28, 28)
    assert x.dtype == np.uint8
    assert t.shape == (5000, 10)
    assert t.dtype == np.float64


def test_known_checksums_are_those_of_mnist():
    assert sorted(datasets._MNIST_FILES) == sorted(NAMES)
    assert datasets._MNIST_FILES[NAMES[0]][0] == 16 + 60000 * 784
    assert all(len(sha256) == 64 for _, sha256 in datasets._MNIST_FILES.values())
    assert len(set(datasets.MNIST_MIRRORS)) == len(datasets.MNIST_MIRRORS) >= 2


# against the real files, where they are


def test_checksums_of_the_real_files(mnist_folder):
    for name, (size, sha256) in datasets._MNIST_FILES.items():
        (file,) = (f for f in (mnist_folder / name, mnist_folder / f"{name}.gz") if f.exists())
        content = file.read_bytes()
        content = gzip.decompress(content) if file.suffix == ".gz" else content
        assert len(content) == size, name
        assert hashlib.sha256(content).hexdigest() == sha256, name


def test_sample_comes_from_the_real_files(mnist_folder, tmp_path, monkeypatch):
    script = runpy.run_path(str(Path(__file__).parents[1] / "tools" / "make_mnist_sample.py"))
    monkeypatch.setattr("sys.argv", ["make_mnist_sample.py", str(mnist_folder)])
    monkeypatch.setitem(script["main"].__globals__, "TARGET", tmp_path / "sample")
    script["main"]()
    for made, sample in zip(load_mnist(tmp_path / "sample"), load_mnist_sample(), strict=True):
        np.testing.assert_array_equal(made[0], sample[0])
        np.testing.assert_array_equal(made[1], sample[1])
