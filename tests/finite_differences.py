"""Derivatives by Richardson-extrapolated central differences in float64: error O(h^4), about 1e-11 in practice."""

import numpy as np

STEP = 2e-3


def gradient(f, x, step=STEP):
    """df/dx of a scalar function, one element of x at a time; f sees x changed in place."""
    result = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        kept = x[index]

        def central(h, index=index, kept=kept):
            x[index] = kept + h
            above = f()
            x[index] = kept - h
            below = f()
            x[index] = kept
            return (above - below) / (2 * h)

        result[index] = (4 * central(step / 2) - central(step)) / 3
    return result


def assert_gradient(got, f, x, what="", tolerance=1e-7):
    """The relative error of each element, small ones measured against a hundredth of the largest."""
    expected = gradient(f, x)
    got = np.asarray(got, np.float64).reshape(expected.shape)
    scale = np.maximum(np.abs(expected), 0.01 * np.max(np.abs(expected), initial=1e-6))
    error = np.abs(got - expected) / scale
    assert np.max(error, initial=0.0) <= tolerance, (
        f"{what}: relative error {error.max():.2e} at {np.unravel_index(error.argmax(), error.shape)}: "
        f"{got.ravel()[error.argmax()]!r}, finite differences say {expected.ravel()[error.argmax()]!r}"
    )
