"""A job, the same in this process and in child processes, for the tests of what surrounds the library."""

import os
import subprocess
import sys
import textwrap

import nnfast as nn
import numpy as np
import pytest
from nnfast import _core

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
NEEDS_THREADS = pytest.mark.skipif(not _core.has_openmp(), reason="built without OpenMP: one thread")

# What the child processes below start with: a job large enough to open parallel regions, and its result as one number.
PRELUDE = """
    import hashlib, os, signal, sys, threading, time, warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of fork() where threads run
    import numpy as np
    import nnfast as nn
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((512, 300)).astype(np.float32), rng.integers(0, 10, 512)

    def network():
        rng = np.random.default_rng(1)
        return nn.Network([nn.Affine(300, 256, rng=rng), nn.Relu(), nn.Affine(256, 10, rng=rng)])

    def job(epochs=2):
        net = network()
        net.fit(x, t, epochs=epochs, batch_size=128, optimizer=nn.Adam(), seed=3)
        return hashlib.sha256(b"".join(np.ascontiguousarray(p).tobytes() for p in net.params.values())).hexdigest()
"""


def run(code, timeout=120, **environment):
    """Runs code in a new interpreter; fails when it hangs, crashes or exits with an error. Returns what it printed."""
    full = textwrap.dedent(PRELUDE) + textwrap.dedent(code)
    try:
        done = subprocess.run(
            [sys.executable, "-c", full],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **environment},
        )
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"hangs: no end after {timeout} s; printed {error.stdout!r} {error.stderr!r}")
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def network(dtype=np.float32):
    rng = np.random.default_rng(1)
    return nn.Network(
        [nn.Affine(300, 256, dtype=dtype, rng=rng), nn.Relu(), nn.Affine(256, 10, dtype=dtype, rng=rng)]
    )


def data(dtype=np.float32, rows=512):
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows, 300)).astype(dtype), rng.integers(0, 10, rows)


def parameters(net):
    return np.concatenate([np.ravel(p) for p in net.params.values()])
