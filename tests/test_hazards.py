"""What goes wrong around a numerical library: fork, threads, other libraries, exit, flush-to-zero."""

import platform
import threading
import time

import nnfast as nn
import numpy as np
import pytest
from children import LINUX, NEEDS_THREADS, data, network, parameters, run
from conftest import assert_same_bits
from nnfast import _core

# ---------------------------------------------------------------------------------------------------- fork
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
    run(
        FORK
        + """
    expected = job()
    for _ in range(20):
        assert in_child(job) == expected
        assert job() == expected
    """
    )


@LINUX
@pytest.mark.slow
def test_fork_after_use_100_times():
    run(
        FORK
        + """
    expected = job()
    for _ in range(100):
        assert in_child(job) == expected
        assert job() == expected
    """,
        timeout=600,
    )


@LINUX
def test_fork_from_another_thread_and_in_a_callback():
    run(
        FORK
        + """
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
    """
    )


@LINUX
def test_fork_while_another_thread_computes():
    """The child gets one thread and no locks held by nobody."""
    run(
        FORK
        + """
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
    """
    )


@LINUX
def test_fork_of_a_network_that_another_thread_is_fitting():
    """The lock of that network must not stay locked in the child."""
    run(
        FORK
        + """
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
    """
    )


@LINUX
@pytest.mark.slow
def test_fork_while_another_thread_predicts_with_the_same_network():
    """Whatever that thread holds for some nanoseconds, the child must not wait for it: 1,500 attempts."""
    run(
        FORK
        + """
    net, stop, small = network(), threading.Event(), x[:30]
    net.predict(small)

    def busy():
        while not stop.is_set():
            net.predict(small)

    def child():
        net.predict(small)
        return "done"

    threads = [threading.Thread(target=busy) for _ in range(12)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(1500):
            assert in_child(child) == "done"
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    """,
        timeout=600,
    )


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


# ------------------------------------------------------------------------------------------------- threads
def in_threads(count, work):
    """Runs work(i) in `count` Python threads at once; raises what any of them raised."""
    errors, start = [], threading.Barrier(count)

    def body(i):
        try:
            start.wait()
            work(i)
        except BaseException as error:
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
    run(
        """
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
    """,
        OMP_NUM_THREADS="4",
    )


@LINUX
@NEEDS_THREADS
@pytest.mark.parametrize(("name", "value"), [("OMP_NUM_THREADS", "1"), ("NNFAST_NUM_THREADS", "1")])
def test_environment_limits_threads(name, value):
    run(
        """
    before = len(os.listdir("/proc/self/task"))
    job()
    assert len(os.listdir("/proc/self/task")) == before
    """,
        **{name: value},
    )


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
    answers = {
        run(f"""
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
    """),
        run("print(job())"),
    }
    assert len(answers) == 1


# ---------------------------------------------------------------------------------------------------- exit
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


# ----------------------------------------------------------------------------------------------------- FTZ
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
        assert (nn._core.gemm(tiny[:90_000].reshape(300, 300), np.eye(300, dtype=np.float32)) == 0).all()
        assert not flushed()
    """)


@LINUX
@pytest.mark.skipif(platform.machine() != "x86_64", reason="knows where fenv_t has MXCSR")
def test_results_do_not_depend_on_the_state_of_the_caller():
    """A library built with -ffast-math flushes in the thread that loads it, and in no other."""
    run("""
    import ctypes
    libm = ctypes.CDLL("libm.so.6")
    environment = (ctypes.c_uint32 * 8)()
    tiny = np.full(400_000, 1e-40, np.float32)
    tanh = lambda: nn._core.activation(nn._core.ACTIVATIONS["tanh"], tiny)
    expected = tanh()
    assert (expected > 0).all()
    libm.fegetenv(environment)
    environment[7] |= 0x8040
    libm.fesetenv(environment)
    for n in (1, 2, 4):
        nn.set_num_threads(n)
        assert tanh().tobytes() == expected.tobytes()
        assert np.float32(1e-45) * np.float32(1) == 0  # the caller's own state is as it was
    """)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("m", "n", "k"), [(1, 9, 40), (3, 70, 33), (40, 1, 65), (64, 50, 20), (90, 33, 300), (300, 300, 3)]
)
@pytest.mark.parametrize("transposed", [False, True])
def test_products_take_subnormal_numbers_for_zero(dtype, m, n, k, transposed, rng, isa):
    """Multiply-adds of Intel's processors take a hundred cycles for one; in every kernel, the same bits everywhere."""
    tiny = np.finfo(dtype).tiny

    def sprinkled(rows, cols):
        values = rng.standard_normal((rows, cols)).astype(dtype)
        places = rng.random((rows, cols)) < 0.2
        zeros = np.where(places, dtype(0), values)
        values[places] = tiny * dtype(0.3)
        return values, zeros

    a, a_zeros = sprinkled(m, k)
    b, b_zeros = sprinkled(n, k) if transposed else sprinkled(k, n)
    if transposed:
        b, b_zeros = b.T, b_zeros.T
    assert_same_bits(_core.gemm(a, b), _core.gemm(a_zeros, b_zeros))
    assert (_core.gemm(np.full((m, k), tiny), np.full((k, n), dtype(0.3) / k)) == 0).all()


@pytest.mark.parametrize("name", ["SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam", "AdamW"])
def test_updates_take_subnormal_numbers_for_zero(name, isa):
    """Adam's m of a unit that has died would stick at a few quanta for ever."""
    optimizer = getattr(nn, name)(lr=0.1)
    params = {"W": np.full(37, 0.5, np.float32)}
    optimizer.update(params, {"W": np.full(37, 1e-3, np.float32)})
    for _ in range(1200):
        optimizer.update(params, {"W": np.full(37, 1e-42, np.float32)})
    assert np.isfinite(params["W"]).all()
    for array in optimizer._plain.named["W"]:
        assert ((array == 0) | (np.abs(array) >= np.finfo(np.float32).tiny)).all()
