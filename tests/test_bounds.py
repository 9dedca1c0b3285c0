"""No operation reads or writes a byte beyond its arrays: see guarded.py."""

import pathlib
import sys

import pytest
from children import run
from nnfast import _core

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
HERE = str(pathlib.Path(__file__).parent)


@POSIX
@pytest.mark.parametrize("isa", _core.supported_isas())
@pytest.mark.parametrize("threads", [1, 3])
def test_nothing_beyond_the_arrays_is_touched(isa, threads):
    run(f"""
    import faulthandler
    faulthandler.enable()
    sys.path.insert(0, {HERE!r})
    import guarded
    guarded.everything({isa!r}, {threads})
    """)


@POSIX
def test_the_guard_kills():
    """The test above would notice: one element too many ends the process."""
    with pytest.raises(AssertionError, match="exit code -"):
        run(f"""
        sys.path.insert(0, {HERE!r})
        import guarded
        x = guarded.guarded(np.ones(7, np.float32))
        np.lib.stride_tricks.as_strided(x, (8,), (4,)).sum()
        """)
