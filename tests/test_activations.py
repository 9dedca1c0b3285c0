"""Activations and the elementary functions under them: accuracy in ULP, special values, derivatives, and that the
result of an element depends on nothing but the element."""

import functools
import itertools
import pathlib
import re

import mpmath
import numpy as np
import oracle
import pytest
from conftest import assert_same_bits, thread_counts, use_threads
from nnfast import _core

NAMES = list(oracle.ACTIVATIONS)
ELEMENTARY = {"exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "erf": oracle.erf}
PIECEWISE = {
    "identity",
    "step",
    "relu",
    "leaky_relu",
    "hard_sigmoid",
    "hard_swish",
}  # no transcendental function inside

# The one place of the targets, shared with the C++ sources: X-macro lines (name, float32 ULP, float64 ULP).
ACCURACY = pathlib.Path(__file__).parents[1] / "cpp" / "src" / "kernels" / "accuracy.inc"
TARGETS = {
    name: {np.float32: float(f32), np.float64: float(f64)}
    for name, f32, f64 in re.findall(
        r"^\s*\w+\(\s*(\w+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)", ACCURACY.read_text(), re.MULTILINE
    )
}
NEEDS_80_BITS = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="longdouble is float64 here: no reference"
)


def core(name, x, alpha=None, beta=None):
    _, default_alpha, default_beta = oracle.ACTIVATIONS[name]
    alpha = default_alpha if alpha is None else alpha
    return _core.activation(_core.ACTIVATIONS[name], x, alpha, default_beta if beta is None else beta)


def core_backward(name, dy, x, alpha=None, beta=None):
    _, default_alpha, default_beta = oracle.ACTIVATIONS[name]
    alpha = default_alpha if alpha is None else alpha
    return _core.activation_backward(
        _core.ACTIVATIONS[name], dy, x, alpha, default_beta if beta is None else beta
    )


def evaluate(name, x):
    return _core.vector_math(name, x) if name in ELEMENTARY else core(name, x)


def rounded_parameters(name, dtype):
    """alpha and beta as the kernels see them."""
    return [float(dtype(value)) for value in oracle.ACTIVATIONS[name][1:]]


def reference(name, x, dtype):
    with np.errstate(all="ignore"):
        if name in ELEMENTARY:
            return ELEMENTARY[name](oracle.wide(x, dtype))
        return oracle.activation(name, oracle.wide(x, dtype), *rounded_parameters(name, dtype))[0]


def specials(dtype):
    info = np.finfo(dtype)
    positive = [
        0,
        info.smallest_subnormal,
        3 * info.smallest_subnormal,
        info.tiny / 2,
        info.tiny,
        info.eps,
        1e-4,
        0.25,
        0.5,
        1,
        2,
        3,
        6,
        9,
        13,
        17,
        20,
        40,
        88,
        89,
        104,
        708.5,
        745,
        746,
        1e4,
        info.max,
        np.inf,
    ]
    values = np.array(positive, dtype)
    with np.errstate(over="ignore"):
        values = np.concatenate(
            [values, np.nextafter(values[:-1], dtype(np.inf)), np.nextafter(values[1:], dtype(0))]
        )
    return np.concatenate([values, -values, [dtype(np.nan)]]).astype(dtype)


@functools.cache
def sample(dtype, stride=4093):
    """float32: every 4093rd bit pattern. float64: magnitudes of all sizes, and evenly over where things happen."""
    if dtype is np.float32:
        x = np.arange(0, 2**32, stride, np.uint64).astype(np.uint32).view(np.float32)
    else:
        rng = np.random.default_rng(3)
        x = 10.0 ** rng.uniform(-310, 4, 20_000) * rng.choice([-1, 1], 20_000)
        x = np.concatenate(
            [x, rng.uniform(-800, 800, 20_000), rng.uniform(-40, 40, 30_000), rng.uniform(-2, 2, 30_000)]
        )
    return np.concatenate([x, specials(dtype)])


@functools.cache
def sample_reference(name, dtype):
    return reference(name, sample(dtype), dtype)


def ulp_errors(got, ref, dtype):
    """|got - ref| in units of the last place of ref as `dtype`; 2^emax stands for infinity. NaN where either is NaN."""
    info = np.finfo(dtype)
    top = np.ldexp(np.ones((), ref.dtype), info.maxexp)
    ref = np.clip(ref, -top, top)
    got = np.clip(got.astype(ref.dtype), -top, top)
    exponent = np.maximum(np.frexp(ref)[1], info.minexp + 1) - (info.nmant + 1)
    return np.abs(got - ref) / np.ldexp(np.ones((), ref.dtype), exponent)


def check_accuracy(name, x, got, ref, dtype):
    """Within the target where the result is a normal number, and one quantum more where it is subnormal."""
    assert np.array_equal(np.isnan(got), np.isnan(ref)), f"NaN at {x[np.isnan(got) != np.isnan(ref)][:5]}"
    zero = (
        (got == 0) & (ref == 0) if name == "hard_swish" else got == 0
    )  # 0 or -0 below -3: x clip(...) has no true sign
    wrong_sign = zero & (np.signbit(got) != np.signbit(ref)) & (name != "hard_swish")
    assert not wrong_sign.any(), f"sign of zero at {x[wrong_sign][:5]}"
    errors = np.nan_to_num(ulp_errors(got, ref, dtype), nan=0.0)
    allowed = TARGETS[name][dtype] + (np.abs(ref) < np.finfo(dtype).tiny)
    bad = errors > allowed
    worst = int(np.argmax(errors - allowed))
    assert not bad.any(), (
        f"{name}: {bad.sum()} of {x.size} beyond {TARGETS[name][dtype]} ULP; worst {errors[worst]:.4g} at "
        f"{x[worst]!r}: {got[worst]!r}, not {ref[worst]!r}"
    )


# --------------------------------------------------------------------------------------- the oracle itself
@NEEDS_80_BITS
def test_oracle_agrees_with_mpmath(rng):
    mpmath.mp.dps = 60
    x = np.concatenate(
        [rng.uniform(-30, 30, 60), 10.0 ** rng.uniform(-12, 0, 20), [-37.5, -2.0, 2.0, -0.5, 5.9, 26.0]]
    )
    root2pi, root2 = mpmath.sqrt(2 * mpmath.pi), mpmath.sqrt(2)
    formulas = {
        "gelu": lambda v: v * mpmath.erfc(-v / root2) / 2,
        "gelu_tanh": lambda v: v / (1 + mpmath.exp(-4 / root2pi * (v + mpmath.mpf("0.044715") * v**3))),
        "silu": lambda v: v / (1 + mpmath.exp(-v)),
        "mish": lambda v: v * mpmath.tanh(mpmath.log1p(mpmath.exp(v))),
        "sigmoid": lambda v: 1 / (1 + mpmath.exp(-v)),
        "log_sigmoid": lambda v: -mpmath.log1p(mpmath.exp(-v)),
        "softplus": lambda v: mpmath.log1p(mpmath.exp(v)),
        "tanh": mpmath.tanh,
        "elu": lambda v: v if v > 0 else mpmath.expm1(v),
        "erf": mpmath.erf,
    }
    for name, formula in formulas.items():
        got = reference(name, x, np.float64)
        exact = [formula(mpmath.mpf(float(v))) for v in x]
        errors = [
            abs(mpmath.mpf(repr(g).split("'")[1]) - e) / abs(e) for g, e in zip(got, exact, strict=True)
        ]
        # x^3 reaches 745 in the exponent of gelu_tanh before the result leaves float64, and so does its rounding
        assert max(errors) < (2**-52 if name == "gelu_tanh" else 2**-56), (
            name,
            x[int(np.argmax(errors))],
            float(max(errors)),
        )
        if name in oracle.ACTIVATIONS:
            slope = oracle.activation(name, oracle.wide(x))[1]
            exact = [mpmath.diff(formula, mpmath.mpf(float(v))) if v else None for v in x]
            errors = [abs(mpmath.mpf(repr(g).split("'")[1]) - e) for g, e in zip(slope, exact, strict=True)]
            assert max(errors) < 2**-52, (name, x[int(np.argmax(errors))], float(max(errors)))


# ------------------------------------------------------------------------------------------------ accuracy
def test_every_function_has_a_target():
    assert set(TARGETS) >= set(ELEMENTARY) | set(NAMES) - PIECEWISE


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_float32_accuracy(name, isa):
    x = sample(np.float32)
    check_accuracy(name, x, evaluate(name, x), sample_reference(name, np.float32), np.float32)


@NEEDS_80_BITS
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_float64_accuracy(name, isa):
    x = sample(np.float64)
    check_accuracy(name, x, evaluate(name, x), sample_reference(name, np.float64), np.float64)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_float32_accuracy_on_16_million_inputs(name, isa):
    for start in range(0, 2**32, 2**28):
        x = np.arange(start + 77, start + 2**28, 257, np.uint64).astype(np.uint32).view(np.float32)
        check_accuracy(name, x, evaluate(name, x), reference(name, x, np.float32), np.float32)


@pytest.mark.parametrize("name", sorted(PIECEWISE - {"hard_sigmoid", "hard_swish"}))
def test_piecewise_linear_functions_are_exact(name, dtype, isa):
    x = sample(dtype)
    alpha, beta = rounded_parameters(name, dtype)
    with np.errstate(all="ignore"):
        expected = oracle.activation(name, x, alpha, beta)[0].astype(dtype)
    got = core(name, x)
    assert np.array_equal(got, expected, equal_nan=True)


@pytest.mark.parametrize("name", ["hard_sigmoid", "hard_swish"])
def test_hard_functions(name, dtype, isa, rng):
    x = np.concatenate([rng.uniform(-5, 5, 5000).astype(dtype), specials(dtype)])
    got = core(name, x)
    ref = reference(name, x, dtype)
    finite = np.isfinite(ref)
    assert np.array_equal(np.isnan(got), np.isnan(ref))
    error = np.abs(oracle.wide(got)[finite] - ref[finite])
    scale = np.maximum(np.abs(ref[finite]), 0.5 if name == "hard_sigmoid" else 0)  # alpha x + beta may cancel
    assert (error <= 2 * np.finfo(dtype).eps * scale + np.finfo(dtype).smallest_subnormal).all()


@pytest.mark.parametrize(
    ("name", "alpha", "beta"),
    [("leaky_relu", 0.3, 0), ("leaky_relu", -0.5, 0), ("leaky_relu", 0, 0), ("elu", 0.3, 0), ("elu", 2.5, 0),
     ("elu", -1.0, 0), ("elu", 0, 0), ("selu", 0.7, 1.9), ("selu", -0.7, 1.9), ("selu", 0.7, -1.9), ("celu", 0.2, 0),
     ("celu", 3.0, 0), ("celu", -2.0, 0), ("silu", 0.5, 0), ("silu", 1.702, 0), ("silu", -1.0, 0), ("silu", 0, 0),
     ("hard_sigmoid", 1 / 6, 0.5), ("hard_sigmoid", -0.3, 0.25), ("hard_sigmoid", 0, 0.4)],
)  # fmt: skip
def test_parameters(name, alpha, beta, dtype, isa, rng):
    """Any real parameter, also those for which the output does not determine the derivative."""
    x = np.concatenate([rng.uniform(-6, 6, 1000), rng.uniform(-0.01, 0.01, 100)]).astype(dtype)
    x = x[np.abs(x) > 1e-6]
    y, slope = oracle.activation(name, oracle.wide(x), float(dtype(alpha)), float(dtype(beta)))
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(core(name, x, alpha, beta), y, rtol=tolerance, atol=tolerance)
    dy = rng.standard_normal(x.size).astype(dtype)
    expected = slope * oracle.wide(dy)
    away = np.abs(alpha * x + beta - 0.5) < 0.4999 if name == "hard_sigmoid" else np.full(x.size, True)
    got = core_backward(name, dy, x, alpha, beta)
    np.testing.assert_allclose(got[away], expected[away], rtol=tolerance, atol=2 * tolerance)
    f = _core.ACTIVATIONS[name]
    if _core.derivative_from_output(f, alpha, beta):
        again = _core.activation_backward_from_output(f, dy, core(name, x, alpha, beta), alpha, beta)
        np.testing.assert_allclose(again[away], expected[away], rtol=tolerance, atol=2 * tolerance)


# -------------------------------------------------------------------------------------- shape of the curve
RUNS = np.array(
    [1e-38, 1e-8, 1e-4, 0.01, 0.1, 0.25, 0.34, 0.5, 0.69, 0.9, 1, 1.4, 2, 3, 4, 5.5, 8, 9, 17, 40, 87]
)


@pytest.mark.parametrize(
    "name", ["exp", "expm1", "log", "log1p", "erf", "sigmoid", "tanh", "softplus", "log_sigmoid", "elu"]
)
def test_monotone(name, dtype, isa):
    """Over the sample, and over runs of neighbouring numbers, where a polynomial or table step shows.

    softplus of doubles adds parts that round on their own: between neighbours it may step back by one unit in the
    last place, no more (softplus of floats is computed in double and does not).
    """
    may_step_back = dtype is np.float64 and name in ("softplus", "log_sigmoid")
    runs = [sample(dtype)]
    for start in RUNS:
        integer = np.asarray(start, dtype).view(np.int32 if dtype is np.float32 else np.int64)
        run = (integer + np.arange(-3000, 3000)).astype(integer.dtype).view(dtype)
        runs += [run, -run]
    for x in runs:
        x = np.sort(x[~np.isnan(x)])
        x = x[x >= {"log": 0, "log1p": -1}.get(name, -np.inf)]
        y = evaluate(name, x)
        with np.errstate(over="ignore"):  # the neighbour of -max is -inf
            least = np.nextafter(y[:-1], -np.inf) if may_step_back else y[:-1]
        falls = np.flatnonzero(y[1:] < least)
        assert falls.size == 0, f"{name}({x[falls[0]]!r}) = {y[falls[0]]!r} > {name}({x[falls[0] + 1]!r})"


@pytest.mark.parametrize("name", ["tanh", "erf", "softsign"])
def test_odd(name, dtype, isa):
    x = sample(dtype)
    x = x[~np.isnan(x)]
    assert_same_bits(evaluate(name, -x), -evaluate(name, x))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("sigmoid", 0, 1), ("hard_sigmoid", 0, 1), ("tanh", -1, 1), ("erf", -1, 1), ("softsign", -1, 1),
     ("exp", 0, np.inf), ("relu", 0, np.inf), ("softplus", 0, np.inf), ("log_sigmoid", -np.inf, 0),
     ("elu", -1, np.inf), ("expm1", -1, np.inf)],
)  # fmt: skip
def test_range(name, low, high, dtype, isa):
    y = evaluate(name, sample(dtype))
    assert (np.isnan(y) | ((y >= low) & (y <= high))).all()


# ------------------------------------------------------------------------------------------ special values
INF, NAN = np.inf, np.nan
EDGES = {
    # at: -inf, -0, 0, inf, nan
    "identity": (-INF, -0.0, 0.0, INF, NAN),
    "step": (0, 0, 0, 1, NAN),
    "relu": (0, 0, 0, INF, NAN),
    "leaky_relu": (-INF, -0.0, 0.0, INF, NAN),
    "elu": (-1, -0.0, 0.0, INF, NAN),
    "selu": (-1.7580993463430303, -0.0, 0.0, INF, NAN),
    "celu": (-1, -0.0, 0.0, INF, NAN),
    "gelu": (-0.0, -0.0, 0.0, INF, NAN),
    "gelu_tanh": (-0.0, -0.0, 0.0, INF, NAN),
    "silu": (-0.0, -0.0, 0.0, INF, NAN),
    "mish": (-0.0, -0.0, 0.0, INF, NAN),
    "sigmoid": (0, 0.5, 0.5, 1, NAN),
    "hard_sigmoid": (0, 0.5, 0.5, 1, NAN),
    "hard_swish": (0, -0.0, 0.0, INF, NAN),
    "log_sigmoid": (-INF, -np.log(2), -np.log(2), -0.0, NAN),
    "tanh": (-1, -0.0, 0.0, 1, NAN),
    "softplus": (0, np.log(2), np.log(2), INF, NAN),
    "softsign": (-1, -0.0, 0.0, 1, NAN),
    "exp": (0, 1, 1, INF, NAN),
    "expm1": (-1, -0.0, 0.0, INF, NAN),
    "log": (NAN, -INF, -INF, INF, NAN),
    "log1p": (NAN, -0.0, 0.0, INF, NAN),
    "erf": (-1, -0.0, 0.0, 1, NAN),
}


@pytest.mark.parametrize("name", sorted(EDGES))
def test_special_values(name, dtype, isa):
    x = np.array([-np.inf, -0.0, 0.0, np.inf, np.nan], dtype)
    got, expected = evaluate(name, x), np.array(EDGES[name], dtype)
    np.testing.assert_allclose(got, expected, rtol=2 * np.finfo(dtype).eps, atol=0)
    signed = (expected == 0) & (name not in {"step", "relu", "hard_swish"})
    assert np.array_equal(np.signbit(got[signed]), np.signbit(expected[signed])), got


def test_logarithms_outside_their_domain(dtype, isa):
    assert np.isnan(_core.vector_math("log", np.array([-1, -1e-30, -1e30], dtype))).all()
    assert np.isnan(_core.vector_math("log1p", np.array([-1.5, -1e30], dtype))).all()
    assert _core.vector_math("log1p", np.array([-1], dtype))[0] == -np.inf


@pytest.mark.parametrize("name", sorted(set(NAMES) - PIECEWISE))
def test_derivatives_at_special_values(name, dtype, isa):
    """Limits at infinity (never 0 x inf = NaN), and NaN for NaN."""
    x = np.array([-np.inf, np.inf, -np.finfo(dtype).max, np.finfo(dtype).max, -1e5, 1e5], dtype)
    expected = oracle.activation(name, oracle.wide(x), *rounded_parameters(name, dtype))[1]
    got = core_backward(name, np.ones_like(x), x)
    np.testing.assert_allclose(got, expected.astype(float), rtol=1e-6, atol=2 * np.finfo(dtype).eps)
    assert np.isnan(core_backward(name, np.ones(1, dtype), np.array([np.nan], dtype))).all()


@pytest.mark.parametrize(
    "name", ["exp", "expm1", "sigmoid", "softplus", "tanh", "gelu", "gelu_tanh", "silu", "mish", "elu"]
)
def test_subnormal_results_are_not_flushed(name, dtype, isa):
    tiny = np.finfo(dtype).tiny
    start = {np.float32: 87.4, np.float64: 708.5}[dtype]
    if name in {"tanh", "elu", "expm1", "gelu", "gelu_tanh", "silu", "mish"}:
        x = np.linspace(tiny / 1000, tiny / 2, 100).astype(dtype)
    else:
        x = -np.linspace(start, start + 10, 100).astype(dtype)
    got, ref = evaluate(name, x), reference(name, x, dtype)
    assert (np.abs(ref) < tiny).any()
    assert (ulp_errors(got, ref, dtype) <= TARGETS[name][dtype] + 1).all()
    assert np.count_nonzero(got) > 50


# --------------------------------------------------------------------------------------------- derivatives
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["from input", "from output"])
def test_derivative_accuracy(name, form, dtype, isa, rng):
    """4 ULP, or 2 ulp(1) where the derivative is ill-conditioned in what was stored."""
    f, (alpha, beta) = _core.ACTIVATIONS[name], rounded_parameters(name, dtype)
    x = np.concatenate(
        [rng.uniform(-20, 20, 20_000), rng.uniform(-1, 1, 10_000), rng.uniform(-120, 120, 2000)]
    ).astype(dtype)
    if name in {"hard_sigmoid", "hard_swish"}:
        x = x[np.abs(np.abs(x) - (2.5 if name == "hard_sigmoid" else 3)) > 1e-3]
    slope = oracle.activation(name, oracle.wide(x), alpha, beta)[1]
    dy = np.ones_like(x)
    if form == "from input":
        got = _core.activation_backward(f, dy, x, alpha, beta)
    elif _core.derivative_from_output(f, alpha, beta):
        got = _core.activation_backward_from_output(f, dy, core(name, x), alpha, beta)
    else:
        with pytest.raises(ValueError, match="activation_backward_from_output"):
            _core.activation_backward_from_output(f, dy, x, alpha, beta)
        return
    bad = (ulp_errors(got, slope, dtype) > 4) & (np.abs(got - slope) > 2 * np.finfo(dtype).eps)
    assert not bad.any(), f"{bad.sum()} beyond, e.g. at {x[bad][0]!r}: {got[bad][0]!r}, not {slope[bad][0]!r}"


@pytest.mark.parametrize("name", NAMES)
def test_derivative_is_linear_in_dy(name, dtype, isa, rng):
    x = rng.uniform(-4, 4, 301).astype(dtype)
    slope = core_backward(name, np.ones_like(x), x)
    dy = 2.0 ** rng.integers(-20, 20, 301) * rng.choice([-1, 1], 301)
    got = core_backward(name, dy.astype(dtype), x)
    np.testing.assert_allclose(got, slope * dy, rtol=4 * np.finfo(dtype).eps)


def test_derivatives_at_the_kinks(dtype, isa):
    """relu'(0) = 0 as in every course and library; leaky_relu and prelu take the branch x >= 0, the elus x <= 0."""
    zero, one = np.zeros(1, dtype), np.ones(1, dtype)
    expected = {"relu": 0, "leaky_relu": 1, "elu": 1, "celu": 1, "step": 0, "softsign": 1}
    for name, slope in expected.items():
        assert core_backward(name, one, zero)[0] == slope, name


def test_relu_passes_nan(dtype, isa):
    x = np.full(37, np.nan, dtype)
    assert np.isnan(core("relu", x)).all()
    assert np.isnan(core_backward("relu", x, np.ones(37, dtype))).all()


# ---------------------------------------------------------------------------------------- an element alone
@pytest.mark.parametrize("name", [*NAMES, *ELEMENTARY])
def test_tail_equals_body_and_specials_stay_in_their_lane(name, dtype, isa, rng):
    """Vectors of 0..70 elements with a special value at every position: each element as when it is computed in bulk."""
    base = np.resize(rng.uniform(-5, 5, 997), 70).astype(dtype)
    info = np.finfo(dtype)
    odd_ones = np.array(
        [np.nan, np.inf, -np.inf, -0.0, info.smallest_subnormal, -info.tiny / 2, info.max], dtype
    )
    if name.startswith("log") and name in ELEMENTARY:
        base, odd_ones = np.abs(base), np.abs(odd_ones)
    in_bulk, odd_in_bulk = evaluate(name, np.tile(base, 20))[:70], evaluate(name, np.tile(odd_ones, 40))[:7]
    backward = name in oracle.ACTIVATIONS
    if backward:
        ones = np.ones(1400, dtype)
        slope_in_bulk = core_backward(name, ones, np.tile(base, 20))[:70]
        odd_slope_in_bulk = core_backward(name, ones[:280], np.tile(odd_ones, 40))[:7]
    for n in range(71):
        assert_same_bits(evaluate(name, base[:n]), in_bulk[:n], f"{name}, {n} elements")
        for position in range(n):
            which = (n + position) % 7
            x, expected = base[:n].copy(), in_bulk[:n].copy()
            x[position], expected[position] = odd_ones[which], odd_in_bulk[which]
            assert np.array_equal(evaluate(name, x), expected, equal_nan=True), (n, position, odd_ones[which])
            if backward and position % 5 == n % 5:
                expected = slope_in_bulk[:n].copy()
                expected[position] = odd_slope_in_bulk[which]
                assert np.array_equal(core_backward(name, ones[:n], x), expected, equal_nan=True), (
                    n,
                    position,
                )


@pytest.mark.parametrize("name", [*NAMES, *ELEMENTARY])
def test_same_bits_on_any_threads_and_fma_instruction_set(name, dtype, rng):
    x = rng.uniform(-10, 10, 100_003).astype(dtype)
    if name.startswith("log") and name in ELEMENTARY:
        x = np.abs(x)
    dy = rng.standard_normal(x.size).astype(dtype)
    expected = {}
    for isa, n in itertools.product(_core.supported_isas(), thread_counts()):
        _core.set_isa(isa)
        use_threads(n)
        family = "fma" if isa.startswith("avx") else isa
        y = evaluate(name, x)
        assert_same_bits(y, expected.setdefault((family, "y"), y), f"{isa}, {n} threads")
        if name in oracle.ACTIVATIONS:
            dx = core_backward(name, dy, x)
            assert_same_bits(dx, expected.setdefault((family, "dx"), dx), f"{isa}, {n} threads, backward")


# ----------------------------------------------------------------------------------------- forms of arrays
@pytest.mark.parametrize("name", ["gelu", "relu", "celu"])
def test_any_layout_and_rank(name, dtype, layout, rng):
    for shape in [(5,), (4, 7), (3, 4, 5), (2, 3, 1, 6)]:
        x = rng.uniform(-3, 3, shape).astype(dtype)
        expected = core(name, x)
        assert expected.shape == shape
        assert_same_bits(core(name, layout(x)), expected)
        dy = rng.standard_normal(shape).astype(dtype)
        assert_same_bits(core_backward(name, layout(dy), layout(x)), core_backward(name, dy, x))


def test_scalars_lists_and_other_dtypes():
    for x in [
        3,
        0.5,
        [1, -2],
        [[1.5], [-2.0]],
        np.int8([-3, 4]),
        np.uint64([1, 2**63]),
        np.bool_([True, False]),
    ]:
        got = core("leaky_relu", x, 0.5)
        assert got.dtype == np.float64
        assert np.array_equal(got, np.where(np.asarray(x, float) >= 0, x, 0.5 * np.asarray(x, float)))
        assert got.shape == np.shape(x)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5), ()])
def test_empty_and_zero_dimensional(shape, dtype):
    x = np.ones(shape, dtype)
    for name in NAMES:
        assert core(name, x).shape == shape
        assert core_backward(name, x, x).shape == shape


@pytest.mark.parametrize(
    "bad", [np.ones(3, complex), np.array(["a"]), np.array([None]), np.zeros(2, "M8[s]")]
)
def test_wrong_dtypes_are_refused(bad):
    with pytest.raises(TypeError, match="relu: x has dtype"):
        core("relu", bad)


def test_out(dtype, rng):
    x = rng.standard_normal((6, 5)).astype(dtype)
    for name in NAMES:
        f, (_, alpha, beta) = _core.ACTIVATIONS[name], oracle.ACTIVATIONS[name]
        out = np.empty_like(x)
        assert _core.activation(f, x, alpha, beta, out) is out
        assert_same_bits(out, core(name, x))
        work = x.copy()
        _core.activation(f, work, alpha, beta, work)  # in place
        assert_same_bits(work, out)
    for bad in [np.empty((5, 6), dtype), np.empty((6, 5), np.int32), np.empty((12, 5), dtype)[::2]]:
        before = bad.copy()
        with pytest.raises((ValueError, TypeError), match="out"):
            _core.activation(_core.ACTIVATIONS["relu"], x, 0.0, 0.0, bad)
        assert np.array_equal(bad, before, equal_nan=True)


def test_partly_overlapping_out_is_right_or_refused(dtype, rng):
    base = rng.standard_normal(3000).astype(dtype)
    expected = core("tanh", base[:2900])
    for shift in (1, 7, 64, 99):
        for backwards in (False, True):
            work = base.copy()
            x, out = (work[:2900], work[shift : shift + 2900])
            if backwards:
                work[shift : shift + 2900] = base[:2900]
                x, out = out, x
            try:
                _core.activation(_core.ACTIVATIONS["tanh"], x, 0.0, 0.0, out)
            except ValueError:
                continue
            assert_same_bits(out, expected, f"shifted by {shift}")


def test_inputs_are_unchanged(dtype, rng):
    x, dy = rng.standard_normal((2, 50)).astype(dtype)
    before = x.copy(), dy.copy()
    for name in NAMES:
        core(name, x)
        core_backward(name, dy, x)
    assert_same_bits(x, before[0])
    assert_same_bits(dy, before[1])


# From 8 MiB of output per thread on, stores go past the caches; from then on the output's alignment matters too.
@pytest.mark.parametrize("name", ["relu", "tanh", "elu", "softplus"])
@pytest.mark.parametrize("shift", [0, 1])
def test_large_arrays_have_the_bits_of_their_pieces(name, shift, dtype, isa, rng):
    n = (17 << 20) // np.dtype(dtype).itemsize + 5
    x, dy, memory = (rng.standard_normal(n + 1).astype(dtype) for _ in range(3))
    x, dy, out = x[shift:], dy[shift:], memory[shift:]
    f = _core.ACTIVATIONS[name]
    parameters = oracle.ACTIVATIONS[name][1:]
    for threads in (1, 2):
        use_threads(threads)
        out[...] = np.nan
        assert _core.activation(f, x, *parameters, out=out) is out
        dx = _core.activation_backward(f, dy, x, *parameters)
        for piece in (slice(0, 1000), slice(n // 2 - 500, n // 2 + 500), slice(n - 1000, None)):
            assert_same_bits(out[piece], _core.activation(f, x[piece], *parameters), f"{threads} threads")
            assert_same_bits(dx[piece], _core.activation_backward(f, dy[piece], x[piece], *parameters), "dx")
        assert not np.isnan(out).any()
        in_place = x.copy()
        _core.activation(f, in_place, *parameters, out=in_place)
        assert_same_bits(in_place, out, "in place")
