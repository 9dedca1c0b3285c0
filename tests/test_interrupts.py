"""A fit that ends early: Ctrl-C, exceptions in callbacks, a loss that is not finite."""

import os
import signal
import threading
import time

import nnfast as nn
import numpy as np
import pytest
from children import data, network, parameters, run
from conftest import assert_same_bits
from nnfast import _core


# -------------------------------------------------------------------------------------------------- Ctrl-C
def plan_job(steps):
    """A plan, its arrays and the arguments of train_epoch, enough work for seconds."""
    rng = np.random.default_rng(0)
    layers = [
        {"kind": "affine", "in": 300, "out": 256, "weight": 0, "bias": 300 * 256},
        {"kind": "activation", "f": _core.ACTIVATIONS["relu"], "alpha": 0.0, "beta": 0.0},
        {"kind": "affine", "in": 256, "out": 10, "weight": 301 * 256, "bias": 301 * 256 + 2560},
    ]
    size = 301 * 256 + 257 * 10
    params = (0.05 * rng.standard_normal(size)).astype(np.float32)
    grads, state, states = (
        np.zeros(size, np.float32),
        np.zeros(0, np.float32),
        [np.zeros(size, np.float32) for _ in range(2)],
    )
    x, t = data()
    indices = np.resize(rng.permutation(512), steps * 128).astype(np.int64)

    def epoch(plan, n=steps, **keywords):
        return plan.train_epoch(
            params,
            grads,
            state,
            x,
            t,
            _core.LossSpec("softmax_cross_entropy"),
            _core.OptimizerSpec("adam", lr=1e-4),
            states,
            1,
            indices[: n * 128],
            128,
            np.full(n, 1e-4),
            **keywords,
        )

    return _core.Plan("float32", 300, layers), params, epoch


def interrupt_after(seconds):
    """Sends SIGINT to this process from another thread; returns a list that gets the time of sending."""
    sent = []

    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, send)
    timer.start()
    return timer, sent


def test_interrupt_leaves_the_last_complete_step():
    """KeyboardInterrupt within 100 ms (the best of several: machines are busy), and bits as after that many steps."""
    delays = []
    for attempt in range(8):
        plan, params, epoch = plan_job(100_000)
        timer, sent = interrupt_after(0.1 + 0.037 * attempt)
        with pytest.raises(KeyboardInterrupt):
            epoch(plan)
        delays.append(time.perf_counter() - sent[0])
        timer.join()
        steps = plan.completed_steps
        assert steps > 0
        again, expected, epoch = plan_job(100_000)
        losses, _ = epoch(again, steps)
        assert again.completed_steps == steps == len(losses)
        assert_same_bits(params, expected, f"after {steps} steps")
    assert min(delays) < 0.1
    assert max(delays) < 1.0


def test_interrupted_fit_leaves_a_usable_network():
    x, t = data()
    net = network()
    timer, _ = interrupt_after(0.3)
    with pytest.raises(KeyboardInterrupt):
        net.fit(x, t, epochs=1_000_000, batch_size=64, optimizer=nn.Adam())
    timer.join()
    assert np.isfinite(parameters(net)).all()
    assert not np.array_equal(parameters(net), parameters(network()))
    before = net.loss(x, t)
    net.fit(x, t, epochs=2, batch_size=64, optimizer=nn.Adam())
    assert np.isfinite(net.predict(x)).all()
    assert net.loss(x, t) != before


def test_exception_in_a_callback_leaves_a_usable_network():
    x, t = data()

    class Stop(Exception):
        pass

    class Raises(nn.Callback):
        def on_epoch_end(self, *_, **__):
            raise Stop

    net, other = network(), network()
    with pytest.raises(Stop):
        net.fit(x, t, epochs=5, batch_size=64, optimizer=nn.Adam(), seed=1, callbacks=[Raises()])
    other.fit(x, t, epochs=1, batch_size=64, optimizer=nn.Adam(), seed=1)
    assert_same_bits(parameters(net), parameters(other))
    net.fit(x, t, epochs=1, batch_size=64, optimizer=nn.Adam())


def test_progress_that_raises_stops_after_a_whole_step():
    plan, params, epoch = plan_job(100_000)

    class Stop(Exception):
        pass

    def progress(steps):
        raise Stop

    with pytest.raises(Stop):
        epoch(plan, progress=progress)
    again, expected, epoch = plan_job(100_000)
    epoch(again, plan.completed_steps)
    assert_same_bits(params, expected)


def test_other_threads_do_not_swallow_the_interrupt():
    """SIGINT belongs to the main thread, also while a fit runs in another one."""
    run("""
    net = network()
    thread = threading.Thread(target=lambda: net.fit(x, t, epochs=300, batch_size=64, optimizer=nn.Adam()), daemon=True)
    thread.start()
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        time.sleep(20)
        raise SystemExit("no KeyboardInterrupt came")
    except KeyboardInterrupt:
        print("interrupted")
    """)


# ---------------------------------------------------------------------------------------------- divergence
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_fit_stops_at_a_loss_that_is_not_finite(value, dtype):
    x, t = data(dtype)
    x[300, 5] = value
    net = network(dtype)
    optimizer = nn.SGD(0.01)
    with pytest.raises(nn.DivergedError, match=r"epoch 1.*step 5|step 5.*epoch 1") as caught:
        net.fit(x, t, epochs=2, batch_size=64, optimizer=optimizer, shuffle=False)
    assert (caught.value.epoch, caught.value.step) == (1, 5)
    assert not np.isfinite(caught.value.loss)
    expected = network(dtype)
    expected.fit(x[:256], t[:256], epochs=1, batch_size=64, optimizer=nn.SGD(0.01), shuffle=False)
    assert_same_bits(parameters(net), parameters(expected), "the parameters of the last complete step")


def test_diverging_learning_rate_is_named():
    x, t = data()
    net = network()
    with pytest.raises(nn.DivergedError, match="epoch"):
        net.fit(1e4 * x, t, epochs=50, batch_size=64, optimizer=nn.SGD(1e20))
