"""Every operation on arrays that end, or begin, where the next page of memory must not be touched: one byte read or
written beyond them kills the process. test_bounds.py runs `everything` in a process of its own."""

import ctypes
import itertools
import mmap

import numpy as np
from nnfast import _core

PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)
_kept = []


def guarded(x, at_end=True):
    """A copy of x between two forbidden pages, close to the second one or to the first."""
    x = np.asarray(x)
    size = -(-max(x.nbytes, 1) // PAGE) * PAGE
    memory = mmap.mmap(-1, size + 2 * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (start, start + PAGE + size):
        if _libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = PAGE + (size - x.nbytes if at_end else 0)
    copy = np.frombuffer(memory, x.dtype, x.size, offset).reshape(x.shape)
    copy[...] = x
    _kept.append(memory)
    return copy


def transposed(x, at_end):
    return guarded(np.ascontiguousarray(x.T), at_end).T


def products(dtype, rng, at_end):
    for m, k, n in itertools.product([1, 2, 5, 14, 17], [0, 1, 3, 16, 33], [1, 3, 8, 15, 16, 17, 33, 49]):
        a, b, c = (rng.standard_normal(s).astype(dtype) for s in [(m, k), (k, n), (m, n)])
        for first, second in itertools.product([guarded, transposed], repeat=2):
            _core.gemm(first(a, at_end), second(b, at_end), guarded(c, at_end), 1.5, 0.5)
        bias, dy = guarded(c[0], at_end), guarded(c, at_end)
        x, W = guarded(a, at_end), guarded(b, at_end)
        _core.affine(x, W, bias, guarded(c, at_end))
        _core.affine_backward(dy, x, W)
        _kept.clear()
    for m, k, n in [(130, 300, 70), (1, 5000, 3), (300, 2, 130)]:
        a, b, c = (rng.standard_normal(s).astype(dtype) for s in [(m, k), (k, n), (m, n)])
        _core.gemm(transposed(a, at_end), transposed(b, at_end), guarded(c, at_end), 1.0, 1.0)
        _core.affine_backward(guarded(c, at_end), guarded(a, at_end), guarded(b, at_end))
        _kept.clear()


def elementwise(dtype, rng, at_end):
    for n in [*range(1, 36), 63, 64, 65, 127, 1025]:
        x, dy, out = (guarded(v, at_end) for v in rng.standard_normal((3, n)).astype(dtype))
        for f in _core.ACTIVATIONS.values():
            _core.activation(f, x, 0.7, 0.4, out)
            _core.activation_backward(f, dy, x, 0.7, 0.4, out)
            if _core.derivative_from_output(f, 0.7, 0.4):
                _core.activation_backward_from_output(f, dy, x, 0.7, 0.4, out)
        for name in ("exp", "expm1", "log", "log1p", "erf"):
            _core.vector_math(name, x)
        _core.dropout(x, 0.5, 1, 2, 3, out)
        _core.clip(x, 0.5, out)
        _core.scale(x, 0.5, out)
        _core.squared_norm([x, dy])
        for kind in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"):
            spec = _core.OptimizerSpec(kind, lr=0.1, weight_decay=0.1, l1=0.1, clip_value=0.5, clip_norm=1.0)
            states = [guarded(np.zeros(n, dtype), at_end) for _ in range(spec.states)]
            _core.optimizer_update(spec, 1, out, dy, states)
        _kept.clear()


def rows(dtype, rng, at_end):
    for batch, cols in itertools.product([1, 2, 7, 33], [1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 70]):
        x, dy, out = (guarded(v, at_end) for v in rng.standard_normal((3, batch, cols)).astype(dtype))
        gamma, beta = (guarded(v, at_end) for v in rng.uniform(0.5, 2, (2, cols)).astype(dtype))
        for alpha in (gamma, guarded(gamma[:1], at_end)):
            _core.prelu(x, alpha)
            _core.prelu_backward(dy, x, alpha)
        _core.softmax(x, -1, out)
        _core.softmax_backward(dy, out)
        _core.log_softmax(x, -1, out)
        _core.log_softmax_backward(dy, out)
        _, mean, var, inv_std = _core.batch_normalization_train(x, gamma, beta, 1e-5)
        mean, var, inv_std = (guarded(v, at_end) for v in (mean, var, inv_std))
        _core.batch_normalization_backward(dy, x, gamma, mean, inv_std)
        _core.batch_normalization_inference(x, gamma, beta, mean, var, 1e-5)
        _core.batch_normalization_inference_backward(dy, x, gamma, mean, var, 1e-5)
        _core.update_running_statistics(mean, var, gamma, gamma, 5, 0.9, True)
        _, mean, inv_std = _core.layer_normalization(x, gamma, beta, 1e-5)
        _core.layer_normalization_backward(dy, x, gamma, guarded(mean, at_end), guarded(inv_std, at_end))
        labels, weights = (
            guarded(rng.integers(0, cols, batch), at_end),
            guarded(np.ones(batch, dtype), at_end),
        )
        for kind in ("softmax_cross_entropy", "hinge"):
            _core.loss_backward(_core.LossSpec(kind), "f", x, labels, gamma, weights)
        for kind in (
            "softmax_cross_entropy",
            "sigmoid_cross_entropy",
            "squared_error",
            "absolute_error",
            "huber",
        ):
            _core.loss_backward(_core.LossSpec(kind), "f", x, dy, None, weights)
        _kept.clear()


def networks(dtype, rng, at_end):
    name = np.dtype(dtype).name
    for inputs, width, out, batch in [
        (1, 1, 1, 1),
        (7, 5, 3, 9),
        (33, 17, 10, 50),
        (70, 45, 11, 37),
        (16, 32, 8, 64),
    ]:
        affine, position = [], 0
        for n_in, n_out in [(inputs, width), (width, out)]:
            affine.append(
                {
                    "kind": "affine",
                    "in": n_in,
                    "out": n_out,
                    "weight": position,
                    "bias": position + n_in * n_out,
                }
            )
            position += (n_in + 1) * n_out
        middle = [
            {"kind": "batch_normalization", "weight": position, "bias": position + width, "state": 0, "eps": 1e-5,
             "momentum": 0.9, "unbiased": False},
            {"kind": "activation", "f": _core.ACTIVATIONS["gelu"]},
            {"kind": "dropout", "ratio": 0.4, "stream": 1},
            {"kind": "layer_normalization", "weight": position, "bias": position + width, "eps": 1e-5},
            {"kind": "prelu", "weight": position, "alpha_size": width},
            {"kind": "softmax"},
        ]  # fmt: skip
        plan = _core.Plan(name, inputs, [affine[0], *middle, affine[1]], l1=0.01, l2=0.01)
        flat = rng.standard_normal((4, position + 2 * width)).astype(dtype)
        params, grads, *states = (guarded(v, at_end) for v in flat)
        states = [np.abs(states[0], out=states[0]), np.abs(states[1], out=states[1])]
        state = guarded(np.ones(2 * width, dtype), at_end)
        x, t = (
            guarded(rng.standard_normal((batch, inputs)).astype(dtype), at_end),
            guarded(rng.integers(0, out, batch), at_end),
        )
        images = guarded(rng.integers(0, 256, (batch, inputs)).astype(np.uint8), at_end)
        loss, optimizer = _core.LossSpec("softmax_cross_entropy"), _core.OptimizerSpec("adam", lr=1e-3)
        plan.predict(params, state, x, out=guarded(np.zeros((batch, out), dtype), at_end))
        plan.predict(params, state, images, x_scale=1 / 255)
        plan.evaluate(params, state, x, t, loss)
        plan.gradient(params, grads, state, x, t, loss)
        plan.train_step(params, grads, state, x, t, loss, optimizer, states, 1)
        plan.forward(params, state, x)
        plan.backward(params, grads, state, guarded(np.ones((batch, out), dtype), at_end))
        indices = guarded(rng.permutation(batch), at_end)
        steps = -(-batch // 8)
        for data in (x, images):
            plan.train_epoch(
                params, grads, state, data, t, loss, optimizer, states, 1, indices, 8, np.full(steps, 1e-3)
            )
        _kept.clear()


def everything(isa, threads):
    _core.set_isa(isa)
    _core.set_num_threads(threads)
    _core.set_nanoseconds_per_thread(0)
    for dtype, at_end in itertools.product([np.float32, np.float64], [True, False]):
        rng = np.random.default_rng(0)
        for part in (products, elementwise, rows, networks):
            part(dtype, rng, at_end)
