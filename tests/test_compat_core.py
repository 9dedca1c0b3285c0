"""The compiled calls behind nnfast.compat: the same bits for every team and layout, and products of mixed precision."""

import numpy as np
import pytest
from conftest import LAYOUTS, assert_same_bits, thread_counts, use_threads
from nnfast import _core

SHAPES = [(1, 1, 1), (3, 784, 50), (2, 9, 7), (5, 600, 3), (100, 784, 50), (17, 1030, 13), (300, 700, 40)]


def operands(rng, batch, inputs, outputs):
    x = rng.standard_normal((batch, inputs)).astype(np.float32)
    return x, rng.standard_normal((inputs, outputs)), rng.standard_normal(outputs)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", ["contiguous", "fortran", "strided", "reversed_all", "read_only"])
def test_float_data_are_widened_exactly(rng, isa, threads, shape, layout):
    x, W, b = operands(rng, *shape)
    given = LAYOUTS[layout](x)
    assert_same_bits(_core.course_affine(given, W, b), _core.affine(x.astype(np.float64), W, b))
    dout = rng.standard_normal((shape[0], shape[2]))
    dx, dW, db = _core.course_affine_gradients(dout, given, W, True)
    expected = _core.affine_backward(dout, x.astype(np.float64), W)
    for got, wanted in zip((dx, dW, db), expected, strict=True):
        assert_same_bits(got, wanted)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_product_has_its_own_precision(rng, shape):
    x, W, _ = operands(rng, *shape)
    dout = rng.standard_normal((shape[0], shape[2])).astype(np.float32)
    dx, dW, db = _core.course_affine_gradients(dout, x, W, True)
    assert (dx.dtype, dW.dtype, db.dtype) == (np.float64, np.float32, np.float32)
    assert_same_bits(dx, _core.gemm(dout.astype(np.float64), W.T))
    assert_same_bits(dW, _core.gemm(x.T, dout))
    dx, dW, db = _core.course_affine_gradients(dout, x.astype(np.float64), W.astype(np.float32), True)
    assert (dx.dtype, dW.dtype, db.dtype) == (np.float32, np.float64, np.float32)


@pytest.mark.parametrize("rows", [253, 600, 1500])
def test_rows_that_are_finished_block_by_block_have_the_bits_of_a_few(rng, isa, dtype, rows):
    A = rng.standard_normal((rows, 1100)).astype(dtype)
    B = rng.standard_normal((1100, 37)).astype(dtype)
    whole = _core.gemm(A, B)
    for first in range(0, rows, 100):
        assert_same_bits(whole[first : first + 100], _core.gemm(A[first : first + 100], B))


def convolutions(rng, dtype):
    """x, W, b, stride, pad; the last has more output rows than one block holds."""
    for n, c, h, w, f, fh, fw, stride, pad in [
        (3, 2, 7, 6, 4, 3, 2, 1, 0),
        (20, 1, 9, 9, 3, 5, 5, 2, 2),
        (1, 3, 5, 5, 1, 1, 1, 1, 0),
        (2, 16, 70, 64, 5, 3, 3, 1, 1),
    ]:
        x = rng.standard_normal((n, c, h, w)).astype(dtype)
        yield (
            x,
            rng.standard_normal((f, c, fh, fw)).astype(dtype),
            rng.standard_normal(f).astype(dtype),
            stride,
            pad,
        )


def test_convolution_has_the_same_bits_on_any_number_of_threads(rng, dtype):
    for x, W, b, stride, pad in convolutions(rng, dtype):
        results = []
        for threads in thread_counts():
            use_threads(threads)
            y = _core.convolution(x, W, b, stride, pad)
            dy = np.sin(np.arange(y.size)).reshape(y.shape).astype(dtype)
            results.append((y, *_core.convolution_backward(dy, x, W, stride, pad)))
        for other in results[1:]:
            for got, wanted in zip(other, results[0], strict=True):
                assert_same_bits(got, wanted)
        use_threads(1)
        assert_same_bits(_core.convolution(x[:1], W, b, stride, pad), results[0][0][:1])


def test_convolution_is_torchs(rng, torch):
    for x, W, b, stride, pad in convolutions(rng, np.float64):
        tensors = [torch.tensor(a, requires_grad=True) for a in (x, W, b)]
        expected = torch.nn.functional.conv2d(*tensors, stride=stride, padding=pad)
        y = _core.convolution(x, W, b, stride, pad)
        np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-11, atol=1e-11)
        dy = rng.standard_normal(y.shape)
        expected.backward(torch.tensor(dy))
        for got, tensor in zip(_core.convolution_backward(dy, x, W, stride, pad), tensors, strict=True):
            np.testing.assert_allclose(got, tensor.grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (3, 2)])
def test_max_pool_is_torchs(rng, torch, dtype, size, stride):
    x = rng.standard_normal((3, 2, 9, 8)).astype(dtype)
    tensor = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.max_pool2d(tensor, size, stride)
    y, where = _core.max_pool(x, size, size, stride, 0)
    assert_same_bits(y, expected.detach().numpy())
    dy = rng.standard_normal(y.shape).astype(dtype)
    expected.backward(torch.tensor(dy))
    dx = _core.max_pool_backward(dy, where, x.shape, size, size, stride, 0)
    np.testing.assert_allclose(dx, tensor.grad.numpy(), rtol=1e-6, atol=1e-6)


def test_max_pool_takes_the_first_of_several_and_nan_before_all():
    x = np.array([[[[1.0, 3.0, np.nan, 9.0], [3.0, 3.0, 4.0, np.nan]]]])
    y, where = _core.max_pool(x, 2, 2, 2, 0)
    np.testing.assert_array_equal(y[0, 0, 0], [3.0, np.nan])
    np.testing.assert_array_equal(where[0, 0, 0], [1, 0])
    y, where = _core.max_pool(-np.ones((1, 1, 2, 2)), 2, 2, 2, 1)  # zeros around the image are larger
    np.testing.assert_array_equal(y, np.zeros((1, 1, 2, 2)))
    np.testing.assert_array_equal(where[0, 0], [[0, 0], [0, 1]])


def test_col2im_is_the_transpose_of_im2col(rng):
    x, col_shape = rng.standard_normal((2, 3, 6, 5)), (2, 3, 6, 5)
    col = _core.im2col(x, 3, 2, 2, 1)
    other = rng.standard_normal(col.shape)
    assert np.vdot(col, other) == pytest.approx(
        np.vdot(x, _core.col2im(other, col_shape, 3, 2, 2, 1)), rel=1e-12
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: _core.im2col(x, 5, 2, 1, 0), ValueError, "fits"),
        (lambda x: _core.im2col(x, 2, 2, 0, 0), ValueError, "stride is 0"),
        (lambda x: _core.im2col(x, 2, 2, 1, -1), ValueError, "pad is -1"),
        (lambda x: _core.im2col(x[0], 2, 2, 1, 0), ValueError, "batch, channels, height, width"),
        (lambda x: _core.col2im(np.zeros((3, 4)), x.shape, 2, 2, 1, 0), ValueError, "col has shape"),
        (lambda x: _core.convolution(x, np.zeros((2, 3, 2, 2)), None, 1, 0), ValueError, "W has shape"),
        (
            lambda x: _core.convolution(x, np.zeros((2, 1, 2, 2)), np.zeros(3), 1, 0),
            ValueError,
            "b has shape",
        ),
        (
            lambda x: _core.convolution_backward(np.zeros((1, 1, 9, 9)), x, np.zeros((1, 1, 2, 2)), 1, 0),
            ValueError,
            "dy has shape",
        ),
        (
            lambda x: _core.max_pool_backward(
                np.zeros((1, 1, 2, 2)), np.full((1, 1, 2, 2), 4), x.shape, 2, 2, 2, 0
            ),
            IndexError,
            "arg_max holds 4",
        ),
        (
            lambda x: _core.optimizer_step(_core.OptimizerSpec("sgd", lr=1.0), 1, x, x[0], []),
            ValueError,
            "grads has shape",
        ),
        (
            lambda x: _core.optimizer_step(_core.OptimizerSpec("adam", lr=1.0), 1, x, x, []),
            ValueError,
            "states holds 0 arrays",
        ),
    ],
)
def test_errors_say_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call(np.zeros((1, 1, 4, 4)))


@pytest.mark.parametrize("kind", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam"])
def test_optimizer_step_is_an_update_of_copies(rng, dtype, threads, kind):
    spec = _core.OptimizerSpec(kind, lr=0.1)
    p, g = (rng.standard_normal((70, 50)).astype(dtype) for _ in range(2))
    states = [np.abs(rng.standard_normal(p.shape)).astype(dtype) for _ in range(spec.states)]
    before = [a.copy() for a in (p, g, *states)]
    after, new_states = _core.optimizer_step(spec, 3, p, g, states)
    for a, b in zip((p, g, *states), before, strict=True):
        assert_same_bits(a, b)
    _core.optimizer_update(spec, 3, p, g, states)
    for a, b in zip((after, *new_states), (p, *states), strict=True):
        assert_same_bits(a, b)


def test_arrays_from_the_pool_are_numpys_own(rng):
    """They own their memory, can be resized and outlive others of their size."""
    kept = [_core.affine(rng.standard_normal((100, 200)), rng.standard_normal((200, 300))) for _ in range(3)]
    copies = [a.copy() for a in kept]
    for _ in range(20):
        _core.affine(rng.standard_normal((100, 200)), rng.standard_normal((200, 300)))
    for a, copy in zip(kept, copies, strict=True):
        assert a.flags.owndata
        assert_same_bits(a, copy)
    (first, *_), (copy, *_) = kept, copies
    del kept, a
    first.resize((200, 300), refcheck=False)
    assert_same_bits(first[:100], copy)
    assert not first[100:].any()


def test_numpys_own_arrays_may_come_from_the_pool():
    from children import run

    printed = run(
        """
        from nnfast import _core
        _core.pool_arrays_of_numpy(True)
        total = 0.0
        for size in (0, 1, 10, 5000, 100_000, 5_000_000):
            a = np.arange(float(size))
            b = np.zeros(size)
            assert not b.any()
            c = np.append(a, 1.0)
            c.resize(2 * size + 1, refcheck=False)
            total += a.sum() + b.sum() + c.sum()
        assert os.fork() or os._exit(int(np.ones(300_000).sum()) != 300_000)
        assert os.wait()[1] == 0
        handler = np._core.multiarray.get_handler_name
        assert handler(np.ones(10)) == "nnfast_pool"
        _core.pool_arrays_of_numpy(False)
        assert handler(np.ones(10)) == "default_allocator"
        print(total)
        """
    )
    assert float(printed) == sum(2 * (n * (n - 1) / 2) + 1 for n in (0, 1, 10, 5000, 100_000, 5_000_000))
