"""Fixtures of all tests. `--slow` adds the long tests, `--isa NAME` runs everything on one instruction set."""

import os
import pathlib
import sys

# Three and four threads are tested on machines with fewer processors too; OpenMP reads this when it is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "4")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
sys.path.insert(0, str(pathlib.Path(__file__).parent))  # oracle.py, finite_differences.py

import numpy as np
import pytest
from nnfast import _core

DATA = pathlib.Path(
    os.environ.get("NNFAST_DATA") or pathlib.Path(__file__).parents[1] / ".." / "shared" / "data"
)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the tests marked slow")
    parser.addoption(
        "--isa", help="run every test on this instruction set, except where a test chooses its own"
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes or gigabytes; runs with --slow")
    if config.getoption("--isa"):
        _core.set_isa(config.getoption("--isa"))


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: runs with --slow"))


@pytest.fixture(autouse=True)
def settings():
    """Every test starts from, and leaves, the instruction set and the number of threads as they were."""
    isa, threads, grain = _core.isa(), _core.num_threads(), _core.nanoseconds_per_thread()
    yield
    _core.set_isa(isa)
    _core.set_num_threads(threads)
    _core.set_nanoseconds_per_thread(grain)


@pytest.fixture(params=[np.float32, np.float64], ids=["f32", "f64"])
def dtype(request):
    return request.param


@pytest.fixture(params=_core.supported_isas())
def isa(request):
    _core.set_isa(request.param)
    return request.param


@pytest.fixture(params=[1, 2, 3], ids=["1 thread", "2 threads", "3 threads"])
def threads(request):
    if request.param > 1 and not _core.has_openmp():
        pytest.skip("built without OpenMP: one thread")
    use_threads(request.param)
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(20240501)


@pytest.fixture(scope="session")
def torch():
    module = pytest.importorskip("torch", reason="torch is not installed")
    module.set_num_threads(1)
    return module


@pytest.fixture(scope="session")
def mnist_folder():
    folder = DATA / "mnist"
    if not any(folder.glob("train-images*")):
        pytest.skip(f"the MNIST files are not in {folder}; NNFAST_DATA names their parent folder")
    return folder


def use_threads(n):
    """n threads for everything, however little there is to do."""
    _core.set_num_threads(n)
    _core.set_nanoseconds_per_thread(0)


def thread_counts(upto=4):
    return list(range(1, upto + 1)) if _core.has_openmp() else [1]


def _spread(x, fill=np.nan):
    """x as every second row and every third column of a larger array."""
    big = np.full(
        [2 * x.shape[0], *(3 * n for n in x.shape[1:])], fill if x.dtype.kind == "f" else 99, x.dtype
    )
    view = big[(slice(None, None, 2), *(slice(None, None, 3),) * (x.ndim - 1))]
    view[...] = x
    return view


def _misaligned(x):
    raw = np.empty(x.nbytes + 1, np.uint8)
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def _read_only(x):
    y = x.copy()
    y.flags.writeable = False
    return y


def _broadcast_free_transpose(x):
    return np.ascontiguousarray(x.T).T


class _Subclass(np.ndarray):
    pass


class _ArrayProtocol:
    def __init__(self, x):
        self._x = x

    def __array__(self, dtype=None, copy=None):
        return self._x if dtype is None else self._x.astype(dtype)


# The same values in other forms of array. The last group may not be written to in place.
LAYOUTS = {
    "contiguous": lambda x: x.copy(),
    "fortran": np.asfortranarray,
    "transposed": _broadcast_free_transpose,
    "strided": _spread,
    "reversed": lambda x: x[::-1].copy()[::-1],
    "reversed_all": lambda x: x[(slice(None, None, -1),) * x.ndim].copy()[(slice(None, None, -1),) * x.ndim],
    "offset": lambda x: np.concatenate([x[:1], x])[1:],
    "misaligned": _misaligned,
    "read_only": _read_only,
    "big_endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "subclass": lambda x: x.copy().view(_Subclass),
    "masked": lambda x: np.ma.masked_array(x.copy()),
    "array_protocol": _ArrayProtocol,
}


@pytest.fixture(params=list(LAYOUTS))
def layout(request):
    """A function that gives the same values in another form of array."""
    return LAYOUTS[request.param]


def bits(x):
    """The bits of a float array as integers, to compare with ==."""
    x = np.ascontiguousarray(x)
    return x.view({4: np.uint32, 8: np.uint64}[x.dtype.itemsize])


def assert_same_bits(got, expected, what=""):
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype, f"{what}: {got.dtype} is not {expected.dtype}"
    assert got.shape == expected.shape, f"{what}: {got.shape} is not {expected.shape}"
    different = np.flatnonzero(bits(got) != bits(expected))
    assert different.size == 0, (
        f"{what}: {different.size} of {got.size} differ in their bits, first at {different[0]}: "
        f"{got.ravel()[different[0]]!r} is not {expected.ravel()[different[0]]!r}"
    )
