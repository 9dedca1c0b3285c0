"""What goes wrong around a numerical library: fork, threads, signals, exit, flush-to-zero, limits, leaks, huge arrays."""

import gc
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time

import nnfast as nn
import numpy as np
import pytest
from conftest import LAYOUTS, assert_same_bits
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
        done = subprocess.run([sys.executable, "-c", full], capture_output=True, text=True, timeout=timeout, check=False,
                              env={**os.environ, **environment})
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"hangs: no end after {timeout} s; printed {error.stdout!r} {error.stderr!r}")
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def network(dtype=np.float32):
    rng = np.random.default_rng(1)
    return nn.Network([nn.Affine(300, 256, dtype=dtype, rng=rng), nn.Relu(), nn.Affine(256, 10, dtype=dtype, rng=rng)])


def data(dtype=np.float32, rows=512):
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows, 300)).astype(dtype), rng.integers(0, 10, rows)


def parameters(net):
    return np.concatenate([np.ravel(p) for p in net.params.values()])


# ------------------------------------------------------------------------------------------------------- fork
FORK = """
    def in_child(work):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)  # a child that hangs is killed
            status = 1
            try:
                os.write(write, work().encode())
                status = 0
            finally:
                os._exit(status)
        os.close(write)
        with os.fdopen(read) as pipe:
            text = pipe.read()
        status = os.waitpid(pid, 0)[1]
        assert status == 0, f"child ended with status {status}"
        return text
"""


@LINUX
def test_fork_after_use():
    run(FORK + """
    expected = job()
    for _ in range(20):
        assert in_child(job) == expected
        assert job() == expected
    """)


@LINUX
@pytest.mark.slow
def test_fork_after_use_100_times():
    run(FORK + """
    expected = job()
    for _ in range(100):
        assert in_child(job) == expected
        assert job() == expected
    """, timeout=600)


@LINUX
def test_fork_from_another_thread_and_in_a_callback():
    run(FORK + """
    expected = job()
    for _ in range(5):
        answers = []
        thread = threading.Thread(target=lambda: answers.append((job(), in_child(job), job())))
        thread.start()
        thread.join()
        assert answers == [(expected,) * 3]

    class Forks(nn.Callback):
        def on_epoch_end(self, *_, **__):
            assert in_child(job) == expected

    net = network()
    net.fit(x, t, epochs=3, batch_size=128, optimizer=nn.Adam(), callbacks=[Forks()])
    """)


@LINUX
def test_fork_while_another_thread_computes():
    """The child gets one thread and no locks held by nobody."""
    run(FORK + """
    expected = job()
    stop = threading.Event()

    def busy():
        net = network()
        while not stop.is_set():
            net.predict(x)

    def busy_fitting():
        net = network()
        while not stop.is_set():
            net.fit(x, t, epochs=1, batch_size=64, optimizer=nn.Adam())

    threads = [threading.Thread(target=busy), threading.Thread(target=busy_fitting)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            assert in_child(job) == expected
        assert job() == expected
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    """)


@LINUX
def test_fork_of_a_network_that_another_thread_is_fitting():
    """The lock of that network must not stay locked in the child."""
    run(FORK + """
    job()  # imports everything: Python's own import locks do not survive a fork
    net = network()
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            net.fit(x, t, epochs=5, batch_size=64, optimizer=nn.Adam())

    def child():
        net.predict(x)
        try:
            net.fit(x, t, epochs=1, batch_size=64, optimizer=nn.Adam())
        except RuntimeError:
            pass  # a clear error is an answer
        return "done"

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        for _ in range(10):
            assert in_child(child) == "done"
    finally:
        stop.set()
        thread.join()
    """)


@LINUX
@pytest.mark.slow
def test_fork_while_another_thread_predicts_with_the_same_network():
    """Whatever that thread holds for some nanoseconds, the child must not wait for it: 1,500 attempts."""
    run(FORK + """
    net, stop, small = network(), threading.Event(), x[:100]
    net.predict(small)

    def busy():
        while not stop.is_set():
            net.predict(small)

    def child():
        net.predict(small)
        return "done"

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(1500):
            assert in_child(child) == "done"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    """, timeout=600)


@LINUX
def test_multiprocessing_with_fork():
    run("""
    import multiprocessing
    expected = job()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for answer in pool.imap_unordered(job, [2] * 8):
            assert answer == expected
    assert job() == expected
    """)


# ------------------------------------------------------------------------------------------------------- threads
def in_threads(count, work):
    """Runs work(i) in `count` Python threads at once; raises what any of them raised."""
    errors, start = [], threading.Barrier(count)

    def body(i):
        try:
            start.wait()
            work(i)
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            errors.append(error)

    threads = [threading.Thread(target=body, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if errors:
        raise errors[0]


@pytest.mark.parametrize("batch", [1, 37, 512])
def test_concurrent_predictions(batch, dtype):
    net = network(dtype)
    x, t = data(dtype)
    x, t = x[:batch], t[:batch]
    expected, loss = net.predict(x), net.loss(x, t)

    def work(i):
        for _ in range(1250 if batch < 512 else 60):
            assert_same_bits(net.predict(x), expected)
        assert net.loss(x, t) == loss

    in_threads(8, work)


def test_concurrent_operations():
    rng = np.random.default_rng(0)
    x, W = rng.standard_normal((200, 300)), rng.standard_normal((300, 200))
    expected = _core.affine(x, W), _core.activation(_core.ACTIVATIONS["gelu"], x), _core.softmax(x)

    def work(i):
        for _ in range(50):
            assert_same_bits(_core.affine(x, W), expected[0])
            assert_same_bits(_core.activation(_core.ACTIVATIONS["gelu"], x), expected[1])
            assert_same_bits(_core.softmax(x), expected[2])

    in_threads(8, work)


def test_fits_of_different_networks_at_once():
    x, t = data()

    def train():
        net = network()
        net.fit(x, t, epochs=2, batch_size=100, optimizer=nn.Adam(), seed=1)
        return parameters(net)

    expected = train()
    in_threads(4, lambda i: assert_same_bits(train(), expected))


def test_fits_of_one_network_at_once_wait_or_are_refused():
    """Never two updates at once: what comes out is a sequence of whole fits."""
    x, t = data()
    net = network()
    done = []

    def work(i):
        try:
            net.fit(x, t, epochs=3, batch_size=64, optimizer=nn.SGD(0.01), shuffle=False)
            done.append(i)
        except RuntimeError as error:
            assert "fit" in str(error) or "network" in str(error).lower()  # noqa: PT017

    in_threads(4, work)
    serial = network()
    for _ in done:
        serial.fit(x, t, epochs=3, batch_size=64, optimizer=nn.SGD(0.01), shuffle=False)
    assert done
    assert_same_bits(parameters(net), parameters(serial))


def test_prediction_during_a_fit_is_safe():
    x, t = data()
    net = network()
    stop = threading.Event()

    def work(i):
        if i == 0:
            try:
                net.fit(x, t, epochs=30, batch_size=64, optimizer=nn.SGD(0.01), seed=1)
            finally:
                stop.set()
            return
        while not stop.is_set():
            try:
                assert net.predict(x[:50]).shape == (50, 10)
            except RuntimeError:
                time.sleep(0.001)

    in_threads(3, work)
    alone = network()
    alone.fit(x, t, epochs=30, batch_size=64, optimizer=nn.SGD(0.01), seed=1)
    assert_same_bits(parameters(net), parameters(alone))


@LINUX
def test_threads_do_not_leak():
    run("""
    def tasks():
        return len(os.listdir("/proc/self/task"))

    job()
    for _ in range(5):
        thread = threading.Thread(target=job)
        thread.start()
        thread.join()
    time.sleep(0.3)
    before = tasks()
    for _ in range(40):
        thread = threading.Thread(target=job, args=(1,))
        thread.start()
        thread.join()
    time.sleep(0.3)
    assert tasks() <= before, (before, tasks())
    """)


@LINUX
@NEEDS_THREADS
def test_limits_of_others_are_honoured_and_left_alone():
    """threadpoolctl's limit holds; nnfast's own setting does not leak into OpenMP's."""
    pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")
    run("""
    import threadpoolctl

    def tasks():
        return len(os.listdir("/proc/self/task"))

    def omp():
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "openmp"]

    assert omp(), "no OpenMP runtime is visible"
    nn.set_num_threads(4)
    a = np.ones((600, 600), np.float32)
    before, settings = tasks(), omp()
    with threadpoolctl.threadpool_limits(1):
        for _ in range(3):
            nn._core.gemm(a, a)
        job()
        assert tasks() == before, (tasks(), before)
    nn._core.gemm(a, a)
    assert tasks() > before, "without the limit there are more threads"
    assert omp() == settings
    nn.set_num_threads(1)
    assert omp() == settings
    """, OMP_NUM_THREADS="4")


@LINUX
@NEEDS_THREADS
@pytest.mark.parametrize(("name", "value"), [("OMP_NUM_THREADS", "1"), ("NNFAST_NUM_THREADS", "1")])
def test_environment_limits_threads(name, value):
    run("""
    before = len(os.listdir("/proc/self/task"))
    job()
    assert len(os.listdir("/proc/self/task")) == before
    """, **{name: value})


@LINUX
def test_small_work_opens_no_region():
    run("""
    before = len(os.listdir("/proc/self/task"))
    net = nn.Network([nn.Affine(10, 10), nn.Relu(), nn.Affine(10, 3)])
    small = np.ones((8, 10), np.float32)
    for _ in range(100):
        net.predict(small)
        net.train_step(small, np.zeros(8, int), nn.SGD())
    assert len(os.listdir("/proc/self/task")) == before
    """)


@pytest.mark.parametrize("order", ["nnfast, torch", "torch, nnfast"])
def test_beside_torch(order, torch):
    """Two users of OpenMP in one process, in either order of import; neither changes the other's setting."""
    answers = {run(f"""
    import {order}
    import torch
    torch.set_num_threads(2)
    a = torch.ones(400, 400)
    for n in (1, 3, 2):
        nn.set_num_threads(n)
        (a @ a).sum()
        digest = job()
        assert torch.get_num_threads() == 2
        assert nn.get_num_threads() == n
    torch.set_num_threads(1)
    assert nn.get_num_threads() == 2
    assert job() == digest
    print(digest)
    """), run("print(job())")}
    assert len(answers) == 1


# ------------------------------------------------------------------------------------------------------- Ctrl-C
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
    grads, state, states = np.zeros(size, np.float32), np.zeros(0, np.float32), [np.zeros(size, np.float32) for _ in range(2)]
    x, t = data()
    indices = np.resize(rng.permutation(512), steps * 128).astype(np.int64)

    def epoch(plan, n=steps, **keywords):
        return plan.train_epoch(params, grads, state, x, t, _core.LossSpec("softmax_cross_entropy"),
                                _core.OptimizerSpec("adam", lr=1e-4), states, 1, indices[: n * 128], 128,
                                np.full(n, 1e-4), **keywords)

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
    """KeyboardInterrupt within 100 ms (the best of several, as machines are busy), and bits as after that many steps."""
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


# ------------------------------------------------------------------------------------------------------- divergence
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


# ------------------------------------------------------------------------------------------------------- exit
@pytest.mark.parametrize("attempt", range(3))
def test_exit_during_a_fit_in_a_daemon_thread(attempt):
    run(f"""
    threads = [threading.Thread(target=job, args=(100_000,), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep({0.1 + 0.13 * attempt})
    print("end")
    """)


def test_exit_with_atexit_and_os_exit():
    run("""
    import atexit
    atexit.register(job)
    job()
    """)
    run("job(); os._exit(0)")


# ------------------------------------------------------------------------------------------------------- FTZ
def test_subnormal_numbers_survive_the_import():
    """A library built with -ffast-math switches its caller to flush-to-zero; in every thread, before and after use."""
    run("""
    def flushed():
        return not (np.nextafter(0.0, 1.0) * 1.0 > 0 and np.float32(1e-45) * np.float32(1) > 0)

    assert not flushed()
    job()
    assert not flushed()
    answers = []
    thread = threading.Thread(target=lambda: answers.append((flushed(), job(), flushed())))
    thread.start()
    thread.join()
    assert not answers[0][0] and not answers[0][2]
    tiny = np.full(400_000, 1e-40, np.float32)  # in every member of a parallel region
    for n in (1, 2, 4):
        nn.set_num_threads(n)
        assert (nn._core.scale(tiny, 0.5) > 0).all()
        assert (nn._core.activation(nn._core.ACTIVATIONS["tanh"], tiny) > 0).all()
        assert (nn._core.gemm(tiny[:90_000].reshape(300, 300), np.eye(300, dtype=np.float32)) > 0).all()
    """)


# ------------------------------------------------------------------------------------------------------- memory
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


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
    for _ in range(50):
        y = _core.affine(x, W, b)
        _core.affine_backward(y, x, W)
        _core.loss_backward(spec, "f", y, t)
        _core.softmax(x, 0)
        _core.activation(2, x)
        for wrong in (lambda: _core.affine(x, b), lambda: _core.loss(spec, "f", y, t + 7), lambda: _core.affine(x, W, W)):
            with pytest.raises((ValueError, IndexError)):
                wrong()
    del y
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


# ------------------------------------------------------------------------------------------------------- arrays
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
    dropped = _core.dropout(np.broadcast_to(np.float32(1), (100,)), 0.5, 1, 1, 2**40)
    assert set(np.unique(dropped)) <= {0, 2}
