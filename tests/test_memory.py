"""Memory: leaks, references, its end; every form of array in a network; arrays of more than 2^31 elements."""

import gc
import os
import pathlib
import sys

import nnfast as nn
import numpy as np
import pytest
from children import LINUX, data, network, parameters, run
from conftest import LAYOUTS, assert_same_bits
from nnfast import _core


# -------------------------------------------------------------------------------------------------- memory
def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@LINUX
def test_memory_does_not_grow():
    """1,000 steps, predictions, losses and errors after a warm-up: less than a megabyte."""
    net, step = network(), nn.Adam()
    x, t = data()

    def work(times):
        for i in range(times):
            net.train_step(x[: 50 + i % 50], t[: 50 + i % 50], step)
            net.predict(x[:64])
            net.loss(x[:64], t[:64])
            net.gradient(x[:64], t[:64])
            _core.affine_backward(x[:64], x[:64], np.empty((300, 300), np.float32))
            with pytest.raises(IndexError):
                net.loss(x[:64], t[:64] + 100)

    work(300)
    gc.collect()
    before = resident()
    work(1000)
    gc.collect()
    assert resident() - before < 1 << 20, f"grew by {resident() - before} bytes"


@LINUX
def test_networks_and_fits_are_freed():
    x, t = data()

    def work(times):
        for _ in range(times):
            net = network()
            net.fit(x, t, epochs=1, batch_size=128, optimizer=nn.Adam())

    work(15)
    gc.collect()
    before = resident()
    work(60)  # 60 networks with gradients and two states each would be 75 MB
    gc.collect()
    assert resident() - before < 4 << 20, f"grew by {resident() - before} bytes"


def test_reference_counts_stay():
    """Arguments, results and errors leave no reference behind."""
    x, W, b = np.ones((5, 3)), np.ones((3, 4)), np.ones(4)
    spec, t = _core.LossSpec("softmax_cross_entropy"), np.array([0, 1, 2, 3, 0])
    watched = [x, W, b, t, spec]
    before = [sys.getrefcount(a) for a in watched]
    y = _core.affine(x, W, b)
    for _ in range(50):
        _core.affine_backward(y, x, W)
        _core.loss_backward(spec, "f", y, t)
        _core.softmax(x, 0)
        _core.activation(2, x)
        for wrong in (
            lambda: _core.affine(x, b),
            lambda: _core.loss(spec, "f", y, t + 7),
            lambda: _core.affine(x, W, W),
        ):
            with pytest.raises((ValueError, IndexError)):
                wrong()
    gc.collect()
    assert [sys.getrefcount(a) for a in watched] == before


@LINUX
def test_out_of_memory_is_an_exception():
    run("""
    import resource
    net = network()
    job()
    wide = np.ones((20_000, 300), np.float32)
    expected = net.predict(x)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    raised = 0
    for room in (1 << 20, 4 << 20, 8 << 20, 16 << 20, 30 << 20, 60 << 20):
        resource.setrlimit(resource.RLIMIT_AS, (used + room, hard))
        for call in (
            lambda: nn._core.affine(wide, np.ones((300, 2000), np.float32)),
            lambda: nn._core.affine_backward(np.ones((20_000, 1), np.float32), wide, np.ones((300, 1), np.float32)),
            lambda: nn._core.softmax(wide),
            lambda: net.predict(wide),
            lambda: net.fit(wide, np.zeros(20_000, int), epochs=1, batch_size=20_000, optimizer=nn.Adam()),
            lambda: nn.Network([nn.Affine(3000, 3000)]),
        ):
            try:
                call()
            except MemoryError:
                raised += 1
            finally:
                pass
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert raised > 5, raised
    assert np.isfinite(net.predict(x)).all()
    job()
    """)


# -------------------------------------------------------------------------------------------------- arrays
@pytest.mark.parametrize("form", list(LAYOUTS))
def test_every_form_of_array_gives_the_same_network(form, dtype):
    """predict, loss, gradient, fit: results as of the plain array, inputs unchanged."""
    x, t = data(dtype, 100)
    layout, net, plain = LAYOUTS[form], network(dtype), network(dtype)
    formed, formed_t = layout(x), layout(t)
    kept = np.array(formed, copy=True), np.array(formed_t, copy=True)
    assert_same_bits(net.predict(formed), plain.predict(x))
    assert net.loss(formed, formed_t) == plain.loss(x, t)
    for key, value in net.gradient(formed, formed_t).items():
        assert_same_bits(value, plain.gradient(x, t)[key])
    net.fit(formed, formed_t, epochs=1, batch_size=30, optimizer=nn.SGD(), seed=1)
    plain.fit(x, t, epochs=1, batch_size=30, optimizer=nn.SGD(), seed=1)
    assert_same_bits(parameters(net), parameters(plain))
    assert np.array_equal(kept[0], np.asarray(formed))
    assert np.array_equal(kept[1], np.asarray(formed_t))


def test_memory_mapped_files(tmp_path):
    x, t = data()
    for name, array in [("x", x), ("t", t)]:
        np.save(tmp_path / f"{name}.npy", array)
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xt"]
    net, plain = network(), network()
    net.fit(*mapped, epochs=1, batch_size=30, optimizer=nn.SGD(), seed=1)
    plain.fit(x, t, epochs=1, batch_size=30, optimizer=nn.SGD(), seed=1)
    assert_same_bits(parameters(net), parameters(plain))
    assert_same_bits(net.predict(mapped[0]), plain.predict(x))


def _misaligned(n):
    raw = np.zeros(8 * n + 1, np.uint8)
    return raw[1:].view(np.float64)


@pytest.mark.parametrize(
    ("bad_param", "bad_grad"),
    [
        (_misaligned(3), np.ones(3)),
        (np.lib.stride_tricks.as_strided(np.zeros(3), (3,), (0,)), np.ones(3)),
        (np.zeros(3), np.ma.masked_array(np.ones(3), [0, 1, 0])),
        (np.zeros(3), np.ones(3, complex)),
        (np.zeros(3), None),
    ],
    ids=["misaligned", "elements at one place", "masked gradient", "complex gradient", "no gradient"],
)
@pytest.mark.parametrize("optimizer", [nn.SGD, nn.Adam])
def test_an_update_is_made_for_all_parameters_or_for_none(optimizer, bad_param, bad_grad):
    good = np.ones(4)
    step = optimizer()
    with pytest.raises((ValueError, TypeError, KeyError)):
        step.update({"good": good, "bad": bad_param}, {"good": np.ones(4), "bad": bad_grad})
    assert np.array_equal(good, np.ones(4))
    assert step.iterations == 0


def test_accuracy_and_evaluate_agree_where_scores_are_nan():
    rng = np.random.default_rng(0)
    net = nn.Network([nn.Affine(3, 3, rng=0)])
    x, t = rng.standard_normal((40, 3)).astype(np.float32), rng.integers(0, 3, 40)
    x[::2] = np.nan
    assert net.evaluate(x, t)["accuracy"] == net.accuracy(x, t)


def available_bytes():
    text = pathlib.Path("/proc/meminfo").read_text() if sys.platform == "linux" else ""
    line = next((line for line in text.splitlines() if line.startswith("MemAvailable")), "MemAvailable: 0")
    return int(line.split()[1]) * 1024


def big(shape, dtype=np.float32):
    """Zeros that take memory only where they are written."""
    needed = 2.2 * np.prod(shape, dtype=float) * np.dtype(dtype).itemsize
    if available_bytes() < needed:
        pytest.skip(f"needs {needed / 2**30:.0f} GiB of free memory")
    return np.zeros(shape, dtype)


@pytest.mark.slow
def test_more_than_2_31_elements():
    rows = 2**28 + 1
    x = big((rows, 8))
    special = np.array([0.5, -1.0, 2.0, 0.0, 3.0, 1.0, -2.0, 0.25], np.float32)
    for row in (0, 2**28 - 1, 2**28):
        x[row] = special
    W, b = np.arange(8, dtype=np.float32)[:, None] / 8, np.ones(1, np.float32)
    y = _core.affine(x, W, b)
    expected = _core.affine(special[None], W, b)[0, 0]
    for row in (0, 2**28 - 1, 2**28):
        assert y[row, 0] == expected
    assert y[1, 0] == y[2**28 - 2, 0] == 1
    dy = np.zeros_like(y)
    dy[-1] = 1
    dx, dW, db = _core.affine_backward(dy, x, W)
    assert np.array_equal(dW[:, 0], special)
    assert db[0] == 1
    assert np.array_equal(dx[-1], W[:, 0])
    assert not dx[-2].any()
    del dx, y, dy
    y = _core.softmax(x)
    assert_same_bits(y[-1:], _core.softmax(special[None]))
    assert (y[-3] == 0.125).all()
    del y
    _core.activation(_core.ACTIVATIONS["sigmoid"], x, 0.0, 0.0, x)
    assert_same_bits(x[-1], _core.activation(_core.ACTIVATIONS["sigmoid"], special))
    assert (x[2**27] == 0.5).all()


@pytest.mark.slow
def test_network_over_2_31_pixels():
    """uint8 images: (2^31 + 784) / 784 rows, gathered by index."""
    rows = 2**31 // 784 + 2
    x = big((rows, 784), np.uint8)
    x[-1] = np.arange(784) % 251
    net = nn.Network([nn.Affine(784, 4, rng=0)])
    small = np.stack([x[-1], x[0]])
    assert_same_bits(net.predict(x[-2:])[1], net.predict(small)[0])
    steps = []
    for images, indices in [(x, [rows - 1, 0]), (small, [0, 1])]:
        plan = _core.Plan(
            "float32", 784, [{"kind": "affine", "in": 784, "out": 4, "weight": 0, "bias": 3136}]
        )
        params, grads = np.full(3140, 0.01, np.float32), np.zeros(3140, np.float32)
        plan.train_epoch(
            params, grads, np.zeros(0, np.float32), images, np.zeros(len(images), np.uint8),
            _core.LossSpec("softmax_cross_entropy"), _core.OptimizerSpec("sgd", lr=0.1), [], 1,
            np.array(indices), 2, np.array([0.1]), x_scale=1 / 255,
        )  # fmt: skip
        steps.append(params)
    assert_same_bits(steps[0], steps[1])
    dropped = _core.dropout(np.broadcast_to(np.float32(1), (100,)), 0.5, 1, 1, 2**40)
    assert set(np.unique(dropped)) <= {0, 2}
