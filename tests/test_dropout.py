"""Dropout: the mask is a function of (seed, stream, step, element), its mean is right, backward repeats it."""

import itertools

import numpy as np
import oracle
import pytest
from conftest import assert_same_bits, thread_counts, use_threads
from nnfast import _core


def mask(seed, stream, step, n, ratio):
    """From the generator's definition: word e % 4 of block e // 4, kept where it is >= ratio 2^32."""
    element = np.arange(n)
    block = (element // 4).astype(np.uint64)
    low = np.uint64(0xFFFFFFFF)
    counter = np.stack(
        [
            block & low,
            np.full(n, stream, np.uint64),
            np.full(n, step & 0xFFFFFFFF, np.uint64),
            (block >> np.uint64(32)) + np.uint64(step >> 32),
        ],
        -1,
    )
    words = oracle.philox4x32(counter, (seed & 0xFFFFFFFF, seed >> 32))[element, element % 4]
    return words >= round(ratio * 2**32)


def test_philox_known_answers():
    """The vectors of the Random123 distribution (kat_vectors, philox4x32 10)."""
    for counter, key, expected in [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ]:
        assert np.array_equal(
            oracle.philox4x32(np.array([counter], np.uint32), key)[0], np.array(expected, np.uint32)
        )


@pytest.mark.parametrize(
    "key", [(0, 0, 0), (1, 2, 3), (2**64 - 1, 2**32 - 1, 2**40 + 5), (12345678901234567890, 7, 2**32)]
)
@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 0.9])
def test_mask_is_the_generators(key, ratio, dtype, isa, rng):
    for n in [0, 1, 2, 3, 4, 5, 15, 16, 17, 33, 70, 1000, 4099]:
        x = rng.standard_normal(n).astype(dtype)
        keep = mask(*key, n, ratio)
        got = _core.dropout(x, ratio, *key[:1], *key[1:])
        assert np.array_equal(got != 0, keep), n
        np.testing.assert_allclose(got, x * keep / (1 - ratio), rtol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("ratio", [0.05, 0.25, 0.5, 0.8, 0.99])
def test_share_and_mean(ratio, dtype):
    """Five standard deviations of a binomial: fails by chance once in two million, and the seeds are fixed."""
    n = 200_000
    for seed in range(5):
        y = _core.dropout(np.ones(n, dtype), ratio, seed, 0, 0)
        assert abs(np.count_nonzero(y) / n - (1 - ratio)) < 5 * np.sqrt(ratio * (1 - ratio) / n)
        assert abs(y.mean(dtype=float) - 1) < 5 * np.sqrt(ratio / (1 - ratio) / n)


def test_masks_of_different_keys_are_independent():
    n = 100_000
    masks = [
        _core.dropout(np.ones(n), 0.5, *key) != 0
        for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2**32, 0, 0), (0, 0, 2**32), (0, 2**31, 0)]
    ]
    for a, b in itertools.combinations(masks, 2):
        assert abs(np.mean(a == b) - 0.5) < 5 * 0.5 / np.sqrt(n)
    for lag in (1, 2, 3, 4, 16, 784):
        assert abs(np.mean(masks[0][lag:] == masks[0][:-lag]) - 0.5) < 5 * 0.5 / np.sqrt(n)


def test_backward_repeats_the_mask(dtype, rng):
    x, dy = rng.standard_normal((2, 130, 37)).astype(dtype)
    y, dx = _core.dropout(x, 0.3, 9, 1, 4), _core.dropout(dy, 0.3, 9, 1, 4)
    assert np.array_equal(y != 0, dx != 0)
    np.testing.assert_allclose(dx[dx != 0] / dy[dx != 0], y[y != 0] / x[y != 0], rtol=4 * np.finfo(dtype).eps)


def test_both_dtypes_have_the_same_mask(rng):
    x = rng.standard_normal(5000)
    assert np.array_equal(
        _core.dropout(x, 0.4, 1, 2, 3) != 0, _core.dropout(x.astype(np.float32), 0.4, 1, 2, 3) != 0
    )


def test_same_bits_on_any_threads_and_instruction_set(dtype, rng):
    for n in [1, 1023, 1024, 1025, 250_001]:
        x = rng.standard_normal(n).astype(dtype)
        expected = _core.dropout(x, 0.35, 77, 5, 6)
        for isa, threads in itertools.product(_core.supported_isas(), thread_counts()):
            _core.set_isa(isa)
            use_threads(threads)
            assert_same_bits(_core.dropout(x, 0.35, 77, 5, 6), expected, f"{isa}, {threads} threads")


def test_ratio_zero_is_the_identity(dtype, rng):
    x = rng.standard_normal((40, 7)).astype(dtype)
    assert_same_bits(_core.dropout(x, 0.0, 1, 2, 3), x)


def test_layouts_and_shapes(dtype, layout, rng):
    for shape in [(40,), (8, 5), (2, 4, 5)]:
        x = rng.standard_normal(shape).astype(dtype)
        assert_same_bits(_core.dropout(layout(x), 0.5, 1, 2, 3), _core.dropout(x, 0.5, 1, 2, 3))


def test_out(dtype, rng):
    x = rng.standard_normal((40, 7)).astype(dtype)
    expected, out = _core.dropout(x, 0.5, 1, 2, 3), np.empty_like(x)
    assert _core.dropout(x, 0.5, 1, 2, 3, out) is out
    assert_same_bits(out, expected)
    _core.dropout(x, 0.5, 1, 2, 3, x)
    assert_same_bits(x, expected)


@pytest.mark.parametrize("ratio", [1.0, -0.1, 1.5, np.nan])
def test_wrong_ratio(ratio):
    with pytest.raises(ValueError, match=r"dropout.*ratio"):
        _core.dropout(np.ones(4), ratio, 0, 0, 0)


@pytest.mark.parametrize(
    "key", [(-1, 0, 0), (2**64, 0, 0), (0, -1, 0), (0, 2**32, 0), (0, 0, -1), (0.5, 0, 0)]
)
def test_wrong_keys(key):
    with pytest.raises((ValueError, TypeError, OverflowError)):
        _core.dropout(np.ones(4), 0.5, *key)
