"""Losses against the formulas, finite differences and torch; labels, weights, ignored samples and their misuse."""

import itertools

import numpy as np
import oracle
import pytest
from conftest import LAYOUTS, assert_same_bits, thread_counts, use_threads
from finite_differences import assert_gradient
from nnfast import _core

KINDS = [
    "softmax_cross_entropy",
    "sigmoid_cross_entropy",
    "squared_error",
    "absolute_error",
    "huber",
    "hinge",
]
REDUCTIONS = ["none", "sum", "mean", "batch_mean"]
OVER_LABELS = {"softmax_cross_entropy", "hinge"}

# kind -> every option that it has, one at a time and together
OPTIONS = {
    "softmax_cross_entropy": [
        {},
        {"label_smoothing": 0.1},
        {"ignore_index": 2},
        {"label_smoothing": 1.0, "ignore_index": -100},
    ],
    "sigmoid_cross_entropy": [{}],
    "squared_error": [{}, {"factor": 0.5}, {"factor": -2.0}],
    "absolute_error": [{}],
    "huber": [{}, {"delta": 0.3}, {"delta": 5.0}],
    "hinge": [{}, {"margin": 0.2}, {"ignore_index": 0}, {"margin": -0.5}],
}
CASES = [
    (kind, options, reduction) for kind in KINDS for options in OPTIONS[kind] for reduction in REDUCTIONS
]
every_case = pytest.mark.parametrize(
    ("kind", "options", "reduction"),
    CASES,
    ids=[f"{k}-{'-'.join(f'{a}={b}' for a, b in o.items())}-{r}" for k, o, r in CASES],
)
WEIGHTS = ["no weights", "class_weight", "sample_weight", "both weights"]


def make(kind, rng, dtype, n=23, c=5, dense=None, weights="no weights", spread=2.0):
    """Scores, targets and weights away from every kink (|d| = 0, delta; margins of 0)."""
    y = (spread * rng.standard_normal((n, c))).astype(dtype)
    if kind in OVER_LABELS and not dense:
        t = rng.integers(0, c, n)
    elif kind == "softmax_cross_entropy":
        t = rng.dirichlet(np.ones(c), n).astype(dtype)
    elif kind == "sigmoid_cross_entropy":
        t = rng.random((n, c)).astype(dtype)
    else:
        d = rng.uniform(0.35, 0.9, (n, c)) + rng.choice([0, 0.7, 5], (n, c))
        t = (y + rng.choice([-1, 1], (n, c)) * d).astype(dtype)
    keywords = {}
    if weights in ("class_weight", "both weights") and kind in OVER_LABELS:
        keywords["class_weight"] = rng.uniform(0.2, 3, c).astype(dtype)
    if weights in ("sample_weight", "both weights"):
        keywords["sample_weight"] = rng.uniform(0, 2, n).astype(dtype) * (rng.random(n) < 0.8)
        keywords["sample_weight"] = keywords["sample_weight"].astype(dtype)
    return y, t, keywords


def check(kind, options, reduction, y, t, weights, tolerance):
    spec = _core.LossSpec(kind, reduction=reduction, **options)
    value, dy = _core.loss_backward(spec, "test", y, t, **weights)
    again = _core.loss(spec, "test", y, t, **weights)
    expected, expected_dy = oracle.loss(kind, y, t, reduction=reduction, **options, **weights)
    assert isinstance(value, np.ndarray if reduction == "none" else float)
    assert_same_bits(np.asarray(again), np.asarray(value), "forward alone")
    assert dy.dtype == y.dtype
    np.testing.assert_allclose(
        value, expected.astype(float), rtol=tolerance, atol=tolerance * np.abs(expected).max()
    )
    np.testing.assert_allclose(
        dy, expected_dy.astype(float), rtol=tolerance, atol=tolerance * np.abs(expected_dy).max()
    )


@every_case
@pytest.mark.parametrize("weights", WEIGHTS)
def test_labels_or_dense_targets(kind, options, reduction, weights, dtype, isa, rng):
    for n, c in [(23, 5), (1, 1), (7, 1), (1, 33), (130, 10), (3, 70)]:
        y, t, keywords = make(kind, rng, dtype, n, c, weights=weights)
        if reduction in ("mean", "batch_mean") and not (_total_weight(t, keywords, options) > 0):
            continue
        check(kind, options, reduction, y, t, keywords, 40 * np.finfo(dtype).eps)


def _total_weight(t, keywords, options):
    kept = (
        np.ones(len(t)) if np.ndim(t) == 2 or "ignore_index" not in options else t != options["ignore_index"]
    )
    return float((kept * keywords.get("sample_weight", 1)).sum())


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_soft_targets(smoothing, reduction, weights, dtype, isa, rng):
    options = {"label_smoothing": smoothing}
    y, t, keywords = make("softmax_cross_entropy", rng, dtype, dense=True, weights=weights)
    check("softmax_cross_entropy", options, reduction, y, t, keywords, 40 * np.finfo(dtype).eps)


@pytest.mark.parametrize("t_dtype", [np.uint8, np.int64, np.float32, np.float64, bool])
def test_one_hot_rows_equal_labels(t_dtype, dtype, rng):
    y, labels, _ = make("softmax_cross_entropy", rng, dtype)
    spec = _core.LossSpec("softmax_cross_entropy")
    value, dy = _core.loss_backward(spec, "f", y, labels)
    rows = np.eye(5, dtype=t_dtype)[labels]
    value2, dy2 = _core.loss_backward(spec, "f", y, rows)
    assert value == pytest.approx(value2, rel=4 * float(np.finfo(dtype).eps))
    np.testing.assert_allclose(dy, dy2, rtol=1e-5 if dtype is np.float32 else 1e-13, atol=np.finfo(dtype).eps)


# --------------------------------------------------------------------------------------------- derivatives
@every_case
@pytest.mark.parametrize("weights", WEIGHTS)
def test_gradient_by_finite_differences(kind, options, reduction, weights, rng):
    y, t, keywords = make(kind, rng, np.float64, 6, 4, weights=weights)
    if kind == "hinge":  # no margin within 0.05 of its kink
        t_scores = y[np.arange(6), t][:, None]
        gap = y - t_scores + options.get("margin", 1.0)
        y += np.where((np.abs(gap) < 0.05) & (np.arange(4) != t[:, None]), 0.1, 0)
    spec = _core.LossSpec(kind, reduction=reduction, **options)
    _, dy = _core.loss_backward(spec, "f", y, t, **keywords)
    assert_gradient(
        dy, lambda: np.sum(_core.loss(spec, "f", y, t, **keywords)), y, f"{kind} {options} {reduction}"
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_gradient_with_soft_targets_by_finite_differences(smoothing, weights, rng):
    y, t, keywords = make("softmax_cross_entropy", rng, np.float64, 6, 4, dense=True, weights=weights)
    t *= rng.uniform(0.5, 2, (6, 1))  # rows that do not sum to 1 have a derivative as well
    spec = _core.LossSpec("softmax_cross_entropy", label_smoothing=smoothing)
    _, dy = _core.loss_backward(spec, "f", y, t, **keywords)
    assert_gradient(dy, lambda: _core.loss(spec, "f", y, t, **keywords), y)


def test_kinks():
    """Absolute error: 0 at y = t. Huber: continuous at delta. Hinge: 0 where the margin is exactly met."""
    y = np.array([[1.0, 2.0]])
    _, dy = _core.loss_backward(_core.LossSpec("absolute_error", reduction="sum"), "f", y, y.copy())
    assert np.array_equal(dy, [[0, 0]])
    _, dy = _core.loss_backward(_core.LossSpec("huber", reduction="sum"), "f", y, y - [[1.0, -1.0]])
    assert np.array_equal(dy, [[1, -1]])
    value, dy = _core.loss_backward(_core.LossSpec("hinge", reduction="sum"), "f", y, np.array([1]))
    assert value == 0
    assert np.array_equal(dy, [[0, 0]])


# --------------------------------------------------------------------------------------------------- torch
@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("class_weight", [False, True])
@pytest.mark.parametrize("form", ["labels", "ignored labels", "soft targets"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_torchs(torch, reduction, class_weight, form, smoothing, rng):
    y, t, _ = make("softmax_cross_entropy", rng, np.float64, 40, 7, dense=form == "soft targets")
    keywords, options = {}, {"label_smoothing": smoothing}
    theirs = {"reduction": reduction, "label_smoothing": smoothing}
    if class_weight:
        keywords["class_weight"] = rng.uniform(0.2, 3, 7)
        theirs["weight"] = torch.tensor(keywords["class_weight"])
    if form == "ignored labels":
        t[::3] = -100
        options["ignore_index"] = -100
    logits = torch.tensor(y, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(t), **theirs)
    expected.sum().backward()
    spec = _core.LossSpec("softmax_cross_entropy", reduction=reduction, **options)
    value, dy = _core.loss_backward(spec, "f", y, t, **keywords)
    np.testing.assert_allclose(value, expected.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(dy, logits.grad.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_the_other_losses_are_torchs(torch, reduction, rng):
    f = torch.nn.functional
    pairs = {
        "sigmoid_cross_entropy": (f.binary_cross_entropy_with_logits, {}, {}),
        "squared_error": (f.mse_loss, {}, {}),
        "absolute_error": (f.l1_loss, {}, {}),
        "huber": (f.huber_loss, {"delta": 0.6}, {"delta": 0.6}),
    }
    for kind, (function, options, theirs) in pairs.items():
        y, t, _ = make(kind, rng, np.float64, 40, 7)
        scores = torch.tensor(y, requires_grad=True)
        expected = function(scores, torch.tensor(t), reduction=reduction, **theirs)
        expected.sum().backward()
        value, dy = _core.loss_backward(_core.LossSpec(kind, reduction=reduction, **options), "f", y, t)
        expected = expected.detach().numpy()
        np.testing.assert_allclose(value, expected.sum(1) if reduction == "none" else expected, rtol=1e-12)
        np.testing.assert_allclose(dy, scores.grad.numpy(), rtol=1e-12, atol=1e-15)


# ------------------------------------------------------------------------------------------ extreme scores
def test_cross_entropy_of_extreme_scores(dtype, isa):
    big = dtype(np.finfo(dtype).max / 4)
    y = np.array([[1000, 0, -1000], [-1000, 0, 1000], [big, 0, -big], [0, 0, 0], [-1e-30, 0, 1e-30]], dtype)
    t = np.array([0, 0, 0, 1, 2])
    value, dy = _core.loss_backward(_core.LossSpec("softmax_cross_entropy", reduction="none"), "f", y, t)
    np.testing.assert_allclose(value, [0, 2000, 0, np.log(3), np.log(3)], rtol=1e-6)
    assert np.isfinite(dy).all()
    np.testing.assert_allclose(dy.sum(1), 0, atol=1e-6)


def test_tiny_losses_keep_their_digits(dtype, isa):
    """-log softmax of a sure and right answer is about exp(-gap), not 0: log1p where the sum is next to 1."""
    gaps = np.array([2.0, 5.0, 10.0, 15.0])
    y = np.stack([np.zeros(4), -gaps], 1).astype(dtype)
    value = _core.loss(_core.LossSpec("softmax_cross_entropy", reduction="none"), "f", y, np.zeros(4, int))
    np.testing.assert_allclose(value, np.log1p(np.exp(-gaps)), rtol=0, atol=2 * np.finfo(dtype).eps)
    y = np.array([[30.0], [-30.0]], dtype)
    value = _core.loss(
        _core.LossSpec("sigmoid_cross_entropy", reduction="none"), "f", y, np.array([[1.0], [0.0]], dtype)
    )
    np.testing.assert_allclose(value, np.exp(-30.0), rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_stay_in_their_row(kind, value, dtype, isa, rng):
    y, t, _ = make(kind, rng, dtype, 9, 35)
    spec = _core.LossSpec(kind, reduction="none")
    clean, clean_dy = _core.loss_backward(spec, "f", y, t)
    for row, column in [(0, 0), (4, 34), (8, 17)]:
        dirty = y.copy()
        dirty[row, column] = value
        got, dy = _core.loss_backward(spec, "f", dirty, t)
        rest = np.arange(9) != row
        assert_same_bits(got[rest], clean[rest])
        assert_same_bits(dy[rest], clean_dy[rest])
        if np.isnan(value):
            assert np.isnan(got[row])
            assert np.isnan(dy[row]).any()
        else:
            assert (
                got[row] != clean[row] or kind == "hinge" or (kind == "softmax_cross_entropy" and value < 0)
            )
        if kind == "softmax_cross_entropy" and value == np.inf:
            assert np.isnan(got[row])


def test_minus_infinity_excludes_a_class(dtype, isa):
    y = np.array([[0.0, -np.inf, 1.0]], dtype)
    value, dy = _core.loss_backward(_core.LossSpec("softmax_cross_entropy"), "f", y, np.array([0]))
    assert value == pytest.approx(np.log1p(np.e), rel=1e-6)
    assert dy[0, 1] == 0


# ----------------------------------------------------------------------------------------- ignored samples
@pytest.mark.parametrize("kind", sorted(OVER_LABELS))
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ignored_samples_weigh_nothing(kind, reduction, dtype, rng):
    y, t, weights = make(kind, rng, dtype, 30, 6, weights="class_weight")
    ignored = rng.random(30) < 0.4
    t[ignored] = -100
    y[ignored] = np.nan
    spec = _core.LossSpec(kind, reduction=reduction, ignore_index=-100)
    value, dy = _core.loss_backward(spec, "f", y, t, **weights)
    expected, expected_dy = _core.loss_backward(
        _core.LossSpec(kind, reduction=reduction), "f", y[~ignored], t[~ignored], **weights
    )
    if reduction == "none":
        assert (value[ignored] == 0).all()
        value = value[~ignored]
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    assert (dy[ignored] == 0).all()
    np.testing.assert_allclose(dy[~ignored], expected_dy, rtol=1e-6)


@pytest.mark.parametrize("kind", sorted(OVER_LABELS))
def test_all_ignored(kind, dtype):
    """The mean over nothing is NaN, as in torch; the sum is 0."""
    y, t = np.zeros((3, 4), dtype), np.full(3, 7)
    value, dy = _core.loss_backward(_core.LossSpec(kind, reduction="sum", ignore_index=7), "f", y, t)
    assert value == 0
    assert (dy == 0).all()
    value, dy = _core.loss_backward(_core.LossSpec(kind, reduction="mean", ignore_index=7), "f", y, t)
    assert np.isnan(value)
    assert (dy == 0).all()


# ---------------------------------------------------------------------------------------------------- bits
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("c", [1, 10, 37, 300])
def test_same_bits_on_any_threads_instruction_set_and_split(kind, c, dtype, rng):
    y, t, weights = make(kind, rng, dtype, 3001, c, weights="both weights")
    expected = {}
    for isa, n in itertools.product(_core.supported_isas(), thread_counts()):
        _core.set_isa(isa)
        use_threads(n)
        family = "fma" if isa.startswith("avx") else isa
        for reduction in ["mean", "none"]:
            value, dy = _core.loss_backward(_core.LossSpec(kind, reduction=reduction), "f", y, t, **weights)
            first = expected.setdefault((family, reduction), (value, dy))
            assert_same_bits(np.asarray(value), np.asarray(first[0]), f"{isa}, {n} threads")
            assert_same_bits(dy, first[1], f"{isa}, {n} threads")
        for rows in [slice(0, 1), slice(3000, 3001), slice(14, 21)]:
            part = dict(weights, sample_weight=weights["sample_weight"][rows])
            value, dy = _core.loss_backward(
                _core.LossSpec(kind, reduction="none"), "f", y[rows], t[rows], **part
            )
            assert_same_bits(value, expected[family, "none"][0][rows])
            assert_same_bits(dy, expected[family, "none"][1][rows])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", list(LAYOUTS))
def test_layouts(kind, form, dtype, rng):
    y, t, weights = make(kind, rng, dtype, 12, 5, weights="both weights")
    spec, layout = _core.LossSpec(kind), LAYOUTS[form]
    value, dy = _core.loss_backward(spec, "f", y, t, **weights)
    got, got_dy = _core.loss_backward(
        spec, "f", layout(y), layout(t), **{k: layout(v) for k, v in weights.items()}
    )
    assert got == value
    assert_same_bits(got_dy, dy)


@pytest.mark.parametrize(
    "t_dtype",
    [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, ">i4", ">u8"],
)
def test_labels_of_every_integer_dtype(t_dtype, rng):
    y, t, _ = make("softmax_cross_entropy", rng, np.float64)
    spec = _core.LossSpec("softmax_cross_entropy")
    assert _core.loss(spec, "f", y, t.astype(t_dtype)) == _core.loss(spec, "f", y, t)
    assert _core.loss(spec, "f", y, t.tolist()) == _core.loss(spec, "f", y, t)


def test_more_leading_dimensions(dtype, rng):
    y, t, _ = make("softmax_cross_entropy", rng, dtype, 24, 5)
    spec = _core.LossSpec("softmax_cross_entropy", reduction="none")
    value, dy = _core.loss_backward(spec, "f", y, t)
    got, got_dy = _core.loss_backward(spec, "f", y.reshape(2, 3, 4, 5), t.reshape(2, 3, 4))
    assert_same_bits(got, value.reshape(2, 3, 4))
    assert_same_bits(got_dy, dy.reshape(2, 3, 4, 5))


# -------------------------------------------------------------------------------------------------- misuse
Y = np.zeros((4, 3))


@pytest.mark.parametrize("kind", sorted(OVER_LABELS))
@pytest.mark.parametrize(
    ("t", "error", "names"),
    [
        ([0, 1, 3, 2], IndexError, r"t\[2\] is 3"),
        ([0, 1, -1, 2], IndexError, r"t\[2\] is -1"),
        ([-100, 1, 1, 2], IndexError, r"t\[0\] is -100"),
        (np.array([0, 1, 2, 2**64 - 1], np.uint64), IndexError, r"t\[3\] is 18446744073709551615"),
        (np.array([2**63 - 1, 0, 0, 0]), IndexError, r"t\[0\] is 9223372036854775807"),
        (np.array([0, 1, 2, 2**32], np.int64), IndexError, r"t\[3\] is 4294967296"),
        ([0.0, 1.0, 2.0, 1.0], TypeError, "float64"),
        ([0.0, np.nan, 2.0, 1.0], TypeError, "float64"),
        ([True, False, True, True], TypeError, "bool"),
        (["a", "b", "c", "d"], TypeError, "t"),
        ([0, 1, 2], ValueError, r"\(3,\).*\(4, 3\)"),
        ([[0], [1], [2], [1]], ValueError, r"\(4, 1\)"),
        (np.zeros((3, 4)), ValueError, r"\(3, 4\)"),
        (1, ValueError, r"\(\)"),
        (None, TypeError, "None"),
    ],
)
def test_wrong_labels(kind, t, error, names):
    before = Y.copy()
    for threads in thread_counts(2):
        use_threads(threads)
        with pytest.raises(error, match=names) as caught:
            _core.loss_backward(_core.LossSpec(kind), "name_of_function", Y, t)
        assert "name_of_function" in str(caught.value)
    assert_same_bits(Y, before)


def test_label_beyond_the_ignored_one_is_still_refused():
    spec = _core.LossSpec("softmax_cross_entropy", ignore_index=-1)
    with pytest.raises(IndexError, match=r"t\[1\] is -2.*ignore_index -1"):
        _core.loss(spec, "f", Y, [-1, -2, 0, 0])
    # a label of uint64 that would wrap around to the ignored index
    with pytest.raises(IndexError, match=r"t\[0\] is 18446744073709551615"):
        _core.loss(spec, "f", Y, np.array([2**64 - 1, 0, 0, 0], np.uint64))


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_scores(kind):
    spec, t = _core.LossSpec(kind), np.zeros(3, int) if kind in OVER_LABELS else np.zeros((3, 2))
    for y in [np.zeros((3, 2), complex), np.full((3, 2), None), np.full((3, 2), "a")]:
        with pytest.raises(TypeError, match="y"):
            _core.loss(spec, "f", y, t)
    for y in [np.zeros(()), np.zeros((4, 2)), np.zeros((3, 2, 2))]:
        with pytest.raises(ValueError, match=r"\("):
            _core.loss(spec, "f", y, t)
    with pytest.raises(ValueError, match="sample"):
        _core.loss(spec, "f", np.zeros((0, 2)), t[:0])


@pytest.mark.parametrize(
    ("keywords", "names"),
    [
        ({"class_weight": [1.0, 1.0]}, r"class_weight.*\(2,\).*\(3,\)"),
        ({"class_weight": [1.0, -1.0, 1.0]}, "class_weight"),
        ({"class_weight": [1.0, np.nan, 1.0]}, "class_weight"),
        ({"sample_weight": [1.0] * 3}, r"sample_weight.*\(3,\).*\(4,\)"),
        ({"sample_weight": [1.0, 1.0, np.inf, 1.0]}, "sample_weight"),
        ({"sample_weight": np.ones((4, 1))}, "sample_weight"),
    ],
)
def test_wrong_weights(keywords, names):
    with pytest.raises(ValueError, match=names):
        _core.loss(_core.LossSpec("softmax_cross_entropy"), "f", Y, [0, 1, 2, 0], **keywords)


def test_class_weights_need_classes():
    with pytest.raises(ValueError, match="class_weight"):
        _core.loss(_core.LossSpec("squared_error"), "f", Y, Y, class_weight=[1.0] * 3)


@pytest.mark.parametrize(
    "keywords",
    [{"reduction": "average"}, {"label_smoothing": 1.5}, {"label_smoothing": -0.1}, {"label_smoothing": np.nan},
     {"delta": 0.0}, {"delta": -1.0}, {"delta": np.inf}, {"factor": np.nan}, {"margin": np.inf}],
)  # fmt: skip
def test_wrong_options(keywords):
    with pytest.raises(ValueError, match=next(iter(keywords))):
        _core.LossSpec("softmax_cross_entropy", **keywords)
    with pytest.raises(ValueError, match="kind"):
        _core.LossSpec("cross_entropy")


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_are_unchanged(kind, dtype, rng):
    y, t, weights = make(kind, rng, dtype, weights="both weights")
    copies = [np.copy(a) for a in (y, t, *weights.values())]
    _core.loss_backward(_core.LossSpec(kind), "f", y, t, **weights)
    for a, before in zip((y, t, *weights.values()), copies, strict=True):
        assert np.array_equal(a, before)


def test_large_batch_mean_keeps_its_digits(dtype):
    """A float32 sum of 2,000,000 ones stops at 16,777,216 if it is taken one by one; the mean here may not drift."""
    y, t = np.zeros((2_000_000, 1), dtype), np.full((2_000_000, 1), 0.1, dtype)
    value = _core.loss(_core.LossSpec("absolute_error"), "f", y, t)
    assert value == pytest.approx(float(dtype(0.1)), rel=1e-12 if dtype is np.float64 else 1e-7)
