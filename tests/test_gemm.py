"""C = alpha A B + beta C: exact on integers, within the bound on random numbers, in the promised order of summation."""

import fractions
import itertools

import numpy as np
import pytest
from conftest import assert_same_bits, use_threads
from nnfast import _core
from oracle import wide

LARGE = [
    (1, 784, 512),
    (512, 1, 784),
    (784, 512, 1),
    (256, 784, 512),
    (128, 512, 512),
    (100, 50, 10),
    (67, 3000, 5),
    (5, 67, 3000),
    (3000, 7, 67),
    (2, 2, 9000),
    (1030, 515, 259),
    (290, 1030, 2100),  # more columns than are packed at once
    (150, 200, 260),  # long columns of A^T, packed
    (40, 1030, 512),  # rows of B 2 or 4 KiB apart, in slices
    (257, 1, 1),
    (1, 4097, 1),
    (1, 1, 4097),
]  # (m, k, n)


def integers(rng, shape, dtype):
    return rng.integers(-4, 5, shape).astype(dtype)


def laid_out(x, transposed):
    """x with unit stride along its columns, or along its rows."""
    return np.ascontiguousarray(x.T).T if transposed else x


def all_residue_shapes(rng):
    """Every (m, n) of 0..67 and every k, paired at random: 4,624 shapes."""
    ks = np.concatenate([rng.permutation(68) for _ in range(68)])
    return [(m, int(k), n) for (m, n), k in zip(itertools.product(range(68), range(68)), ks, strict=True)]


def test_integers_are_exact_over_all_residues(dtype, isa, rng):
    """Every product and every sum is an integer below 2^24, so whatever the order, one right answer exists."""
    a_all, b_all, c_all = (integers(rng, (68, 68), dtype) for _ in range(3))
    wrong = []
    for count, (m, k, n) in enumerate(all_residue_shapes(rng)):
        a = laid_out(a_all[:m, :k].copy(), count & 1)
        b = laid_out(b_all[:k, :n].copy(), count & 2)
        alpha, beta = (1.0, 0.0) if count & 4 else (float(rng.integers(-3, 4)), float(rng.integers(-3, 4)))
        if beta == 0:
            c = np.full((m, n), np.nan, dtype)
            expected = alpha * (a @ b)
        else:
            c = c_all[:m, :n].copy()
            expected = alpha * (a @ b) + beta * c
        got = _core.gemm(a, b, c, alpha, beta)
        if not (got is c and np.array_equal(c, expected)):
            wrong.append((m, k, n, count & 3, alpha, beta))
    assert not wrong, f"{len(wrong)} shapes (m, k, n, transposed, alpha, beta): {wrong[:5]}"


@pytest.mark.parametrize("transposed", [0, 1, 2, 3], ids=["NN", "TN", "NT", "TT"])
@pytest.mark.parametrize("shape", LARGE, ids=lambda s: "x".join(map(str, s)))
def test_integers_are_exact_in_large_products(dtype, threads, shape, transposed, rng):
    m, k, n = shape
    a = laid_out(integers(rng, (m, k), dtype), transposed & 1)
    b = laid_out(integers(rng, (k, n), dtype), transposed & 2)
    assert np.array_equal(_core.gemm(a, b), a @ b)
    c = integers(rng, (m, n), dtype)
    expected = 3 * (a @ b) - 2 * c
    _core.gemm(a, b, c, 3.0, -2.0)
    assert np.array_equal(c, expected)


@pytest.mark.parametrize("shape", [(33, 29, 35), (128, 300, 70), (5, 200, 130)], ids=str)
def test_operands_of_any_strides(dtype, isa, shape, rng):
    m, k, n = shape
    for row_step, col_step in itertools.product([-3, -1, 1, 2], repeat=2):
        big_a = integers(rng, (m * abs(row_step), k * abs(col_step)), dtype)
        big_b = integers(rng, (k * abs(col_step), n * abs(row_step)), dtype)
        a, b = big_a[::row_step, ::col_step], big_b[::col_step, ::row_step]
        assert np.array_equal(_core.gemm(a, b), a @ b), (row_step, col_step)
    row, column = integers(rng, (1, k), dtype), integers(rng, (k, 1), dtype)
    a, b = np.broadcast_to(row, (m, k)), np.broadcast_to(column, (k, n))  # strides of zero
    assert np.array_equal(_core.gemm(a, b), a @ b)


@pytest.mark.parametrize("alpha", [1.0, -1.0, 3.0])
def test_result_of_any_strides(alpha, dtype, rng):
    a, b = integers(rng, (19, 31), dtype), integers(rng, (31, 23), dtype)
    start = integers(rng, (19, 23), dtype)
    around = np.full((60, 80), 77, dtype)
    for c in [
        start.copy(order="F"),
        around[:38:2, :69:3],
        around[40:59, 79:33:-2],
        around[18::-1, 24:1:-1],
        around[:23, :19].T,
    ]:
        c[...] = start
        before = around.copy()
        expected = alpha * (a @ b) + 2 * start
        assert _core.gemm(a, b, c, alpha, 2.0) is c
        assert np.array_equal(c, expected)
        c[...] = start
        assert np.array_equal(around, before)  # nothing between the elements was touched


def test_beta_zero_overwrites_nan_and_infinity(dtype, isa, rng):
    for m, k, n in [(1, 1, 1), (7, 0, 9), (14, 5, 33), (70, 300, 40)]:
        a, b = integers(rng, (m, k), dtype), integers(rng, (k, n), dtype)
        c = np.where(rng.random((m, n)) < 0.5, np.nan, np.inf).astype(dtype)
        _core.gemm(a, b, c, 1.0, 0.0)
        assert np.array_equal(c, a @ b)


def test_nan_and_infinity_in_the_operands_reach_the_elements_they_belong_to(dtype, isa, rng):
    a, b = integers(rng, (21, 40), dtype), integers(rng, (40, 37), dtype)
    b[b == 0] = 1
    clean = a @ b
    for value, (i, p) in [(np.nan, (0, 0)), (np.inf, (20, 39)), (np.nan, (13, 7))]:
        dirty = a.copy()
        dirty[i, p] = value
        got = _core.gemm(dirty, b)
        assert not np.isfinite(got[i]).any()
        rest = np.arange(21) != i
        assert np.array_equal(got[rest], clean[rest])


@pytest.mark.parametrize("shape", [(64, 64, 64), (31, 1000, 33), (200, 784, 100), (3, 20000, 3)], ids=str)
def test_random_numbers_stay_within_the_bound(dtype, isa, threads, shape, rng):
    """|error| <= k u |A| |B| for any order of summation (Higham 2002, section 3.5); typically 2 sqrt(k) u."""
    m, k, n = shape
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    u = np.finfo(dtype).eps / 2
    error = np.abs(wide(_core.gemm(a, b), dtype) - wide(a) @ wide(b))
    magnitude = wide(np.abs(a)) @ wide(np.abs(b))
    assert (error <= k * u * magnitude).all()
    assert np.median(error / magnitude) <= 2 * np.sqrt(k) * u


# ---------------------------------------------------------------------------------- the order of summation
def machine_has_fma():
    a = np.float32(1 + 2**-12)
    return _core.gemm(np.array([[1, a]], np.float32), np.array([[-(a * a)], [a]], np.float32))[0, 0] != 0


def fma32(a, b, c):
    """float32 fma in float64: the product is exact; the sum is rounded to odd, so that rounding it again is right."""
    product, c = a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)
    total = product + c
    back = total - product
    error = (product - (total - back)) + (c - back)  # two-sum: total + error is exact
    even = (total.view(np.int64) & 1) == 0
    odd = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
    return np.where((error != 0) & even, odd, total).astype(np.float32)


def fma64(a, b, c):
    def exact(x, y, z):
        value = fractions.Fraction(x) * fractions.Fraction(y) + fractions.Fraction(z)
        return float(value)  # integer division rounds correctly

    return np.frompyfunc(exact, 3, 1)(a, b, c).astype(np.float64)


def in_order(a, b, c, alpha, beta, fma):
    """The contract: start at beta C (0 when beta is 0), then fma(alpha A(i, p), B(p, j), .) for p = 0, 1, ..."""
    dtype = a.dtype.type
    total = np.zeros((a.shape[0], b.shape[1]), dtype) if beta == 0 else dtype(beta) * c
    scaled = dtype(alpha) * a
    for p in range(a.shape[1]):
        total = fma(*np.broadcast_arrays(scaled[:, p, None], b[p]), total)
    return total


def test_float32_emulation_is_right(rng):
    values = (rng.standard_normal((3, 2000)) * 2.0 ** rng.integers(-30, 30, (3, 2000))).astype(np.float32)
    exact = [_nearest32(a * b + c) for a, b, c in np.vectorize(fractions.Fraction)(values.astype(float)).T]
    assert_same_bits(fma32(*values), np.array(exact, np.float32))


def _nearest32(value):
    """The float32 nearest to a fraction, ties to even, by comparing with both neighbours."""
    guess = np.float32(float(value))
    near = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    return min(
        near, key=lambda x: (abs(fractions.Fraction(float(x)) - value), int(np.float32(x).view(np.int32)) & 1)
    )


@pytest.mark.parametrize(
    ("m", "k", "n"), [(1, 1, 1), (1, 40, 1), (3, 17, 5), (14, 70, 33), (29, 500, 50), (7, 3000, 19)]
)
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.7, 0.0), (1.0, 1.0), (-1.3, 0.3)])
def test_float32_order_of_summation(isa, m, k, n, alpha, beta, rng):
    a, b, c = (rng.standard_normal(s).astype(np.float32) for s in [(m, k), (k, n), (m, n)])
    fma = fma32 if machine_has_fma() else lambda x, y, z: x * y + z
    expected = in_order(a, b, c, alpha, beta, fma)
    for a_form, b_form in itertools.product([False, True], repeat=2):
        got = _core.gemm(laid_out(a, a_form), laid_out(b, b_form), c.copy(), alpha, beta)
        assert_same_bits(
            got, expected, f"A {'column' if a_form else 'row'}-major, B {'column' if b_form else 'row'}-major"
        )


@pytest.mark.parametrize(("m", "k", "n"), [(1, 30, 1), (3, 17, 5), (9, 20, 11)])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (-1.3, 0.3)])
def test_float64_order_of_summation(isa, m, k, n, alpha, beta, rng):
    a, b, c = (rng.standard_normal(s) for s in [(m, k), (k, n), (m, n)])
    fma = fma64 if machine_has_fma() else lambda x, y, z: x * y + z
    assert_same_bits(_core.gemm(a, b, c.copy(), alpha, beta), in_order(a, b, c, alpha, beta, fma))


@pytest.mark.parametrize("shape", LARGE, ids=lambda s: "x".join(map(str, s)))
def test_bits_do_not_depend_on_threads_layout_or_fma_instruction_set(dtype, shape, rng):
    m, k, n = shape
    a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    expected = {}
    for isa in _core.supported_isas():
        _core.set_isa(isa)
        for threads, form in itertools.product([1, 2, 3, 4], range(4)):
            use_threads(threads)
            got = _core.gemm(laid_out(a, form & 1), laid_out(b, form & 2))
            assert_same_bits(
                got, expected.setdefault(machine_has_fma(), got), f"{isa}, {threads} threads, form {form}"
            )


# -------------------------------------------------------------------------------------------------- misuse
@pytest.mark.parametrize(
    ("a", "b", "c"),
    [
        (np.ones((2, 3)), np.ones((4, 5)), None),
        (np.ones(3), np.ones((3, 5)), None),
        (np.ones((2, 3)), np.ones(3), None),
        (np.ones((2, 3, 1)), np.ones((1, 5)), None),
        (np.ones((2, 3)), np.ones((3, 5)), np.ones((2, 4))),
        (np.ones((2, 3)), np.ones((3, 5)), np.ones((5, 2))),
    ],
)
def test_wrong_shapes_are_named(a, b, c):
    with pytest.raises(ValueError, match=r"gemm.*\("):
        _core.gemm(a, b, c)


def test_result_that_cannot_be_written_is_refused_and_unchanged():
    a, b = np.ones((4, 3)), np.ones((3, 6))
    frozen = np.zeros((4, 6))
    frozen.flags.writeable = False
    for c in [
        frozen,
        np.zeros((4, 6), np.float32),
        np.zeros((4, 6), np.int64),
        np.zeros((4, 6), ">f8"),
        [[0.0] * 6] * 4,
    ]:
        before = np.array(c, copy=True)
        with pytest.raises((ValueError, TypeError), match="gemm"):
            _core.gemm(a, b, c)
        assert np.array_equal(c, before)


@pytest.mark.parametrize(
    "wrong", [np.ones((3, 3), complex), np.array([["a"] * 3] * 3), np.full((3, 3), None)]
)
def test_wrong_dtypes_are_named(wrong):
    with pytest.raises(TypeError, match="gemm"):
        _core.gemm(wrong, np.ones((3, 3)))
    with pytest.raises(TypeError, match="gemm"):
        _core.gemm(np.ones((3, 3)), wrong)


def test_result_that_overlaps_an_operand_is_right_or_refused(dtype, rng):
    base = integers(rng, (90, 40), dtype)
    for a_rows, c_rows in [
        (slice(0, 40), slice(0, 40)),
        (slice(0, 40), slice(1, 41)),
        (slice(20, 60), slice(0, 40)),
    ]:
        work = base.copy()
        b = integers(rng, (40, 40), dtype)
        expected = base[a_rows] @ b
        try:
            _core.gemm(work[a_rows], b, work[c_rows])
        except ValueError:
            assert np.array_equal(work, base)
        else:
            assert np.array_equal(work[c_rows], expected)
