"""The specification: every operation from its formula, in NumPy.

Written for float64 or longdouble arrays (`wide` gives what is one step wider than a dtype under test), so that
their own rounding is far below what is measured. Stable forms are used where the formula would cancel or overflow.
Shapes and
conventions are those of the library: batch first, y = x W + b, the gradient of v is dv.
"""

import numpy as np


def wide(x, dtype=None):
    """x in the next wider type: float32 -> float64, float64 -> longdouble (80 bits on x86)."""
    x = np.asarray(x)
    return x.astype(np.float64 if np.dtype(dtype or x.dtype) == np.float32 else np.longdouble)


# --------------------------------------------------------------------------------------- special functions
def normal_tail(z):
    """Q(z) = integral of the normal density from z >= 0 to infinity, to a few units of the last place.

    Below 2: 1/2 - phi(z) (z + z^3/3 + z^5/15 + ...), all terms positive. Above: the continued fraction
    phi(z) / (z + 1/(z + 2/(z + 3/(z + ...)))) (Abramowitz and Stegun 26.2.10, 26.2.14).
    """
    small, large = np.minimum(z, 2), np.maximum(z, 2)
    term = total = small.copy()
    for n in range(1, 60):
        term = term * small * small / (2 * n + 1)
        total = total + term
    fraction = large.copy()
    for n in range(250, 0, -1):
        fraction = large + n / fraction
    tail = np.where(z < 2, 0.5 - normal_density(small) * total, normal_density(large) / fraction)
    return np.where(np.isinf(z), 0, np.where(np.isnan(z), z, tail))


def normal_density(z):
    """exp(-z^2/2) / sqrt(2 pi); z^2 is split so that its rounding does not reach the exponential."""
    z = np.clip(z, -10_000, 10_000)  # where it is 0 in any format
    high = z.astype(np.float32).astype(z.dtype)
    return np.exp(-high * high / 2) * np.exp(-(z - high) * (z + high) / 2) / np.sqrt(2 * pi(z.dtype))


def pi(dtype):
    return np.dtype(dtype).type("3.14159265358979323846264338327950288")


def erf(x):
    """2/sqrt(pi) (x - x^3/3 + ...) by its positive series where |x| < 1, else 1 - 2 Q(|x| sqrt 2)."""
    small = np.clip(x, -1, 1)
    term = total = small.copy()
    for n in range(1, 40):
        term = term * 2 * small * small / (2 * n + 1)
        total = total + term
    root2 = np.sqrt(np.asarray(2, x.dtype))
    series = 2 / np.sqrt(pi(x.dtype)) * np.exp(-small * small) * total
    return np.where(np.abs(x) < 1, series, np.copysign(1 - 2 * normal_tail(np.abs(x) * root2), x))


def log_add_exp0(x):
    """log(1 + exp(x))"""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


# --------------------------------------------------------------------------------------------- activations
def _limits(x, y, low, high):
    """y, with its limits where x is infinite."""
    return np.where(x == -np.inf, low, np.where(x == np.inf, high, y))


def _sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)) + 0 * np.where(np.isnan(x), x, 0)


def identity(x, alpha, beta):
    return x, np.ones_like(x)


def step(x, alpha, beta):
    return np.where(x > 0, 1, np.where(np.isnan(x), x, 0)), np.zeros_like(x)


def relu(x, alpha, beta):
    return np.where(x <= 0, 0, x), np.where(x > 0, 1, 0)


def leaky_relu(x, alpha, beta):
    return np.where(x >= 0, x, alpha * x), np.where(x >= 0, 1, alpha)


def elu(x, alpha, beta):
    low = np.where(x > 0, 0, x)
    return np.where(x > 0, x, alpha * np.expm1(low)), np.where(x > 0, 1, alpha * np.exp(low))


def selu(x, alpha, beta):  # beta is gamma
    y, dy = elu(x, alpha, None)
    return beta * y, beta * dy


def celu(x, alpha, beta):
    low = np.where(x > 0, 0, x) / alpha
    return np.where(x > 0, x, alpha * np.expm1(low)), np.where(x > 0, 1, np.exp(low))


def gelu(x, alpha, beta):
    tail = normal_tail(np.abs(x))
    y = _limits(x, x * np.where(x < 0, tail, 1 - tail), -0.0, np.inf)
    return y, _limits(x, np.where(x < 0, tail, 1 - tail) + x * normal_density(x), 0, 1)


def gelu_tanh(x, alpha, beta):
    """(1 + tanh u) / 2 is sigmoid(2 u)."""
    root = np.sqrt(2 / pi(x.dtype))
    c = np.asarray("0.044715").astype(x.dtype)
    u2 = 2 * root * (x + c * x**3)
    y, s = x * _sigmoid(u2), _sigmoid(u2)
    return _limits(x, y, -0.0, np.inf), _limits(
        x, s + x * s * _sigmoid(-u2) * 2 * root * (1 + 3 * c * x * x), 0, 1
    )


def silu(x, alpha, beta):
    s = _sigmoid(alpha * x)
    return _limits(x, x * s, -0.0, np.inf), _limits(x, s + alpha * x * s * _sigmoid(-alpha * x), 0, 1)


def mish(x, alpha, beta):
    """tanh(softplus(x)) = (e^2 + 2 e) / (e^2 + 2 e + 2), e = exp(x); for x > 0 in terms of q = exp(-x)."""
    e, q = np.exp(np.minimum(x, 0)), np.exp(-np.maximum(x, 0))
    t = np.where(x > 0, (1 + 2 * q) / (1 + 2 * q + 2 * q * q), e * (e + 2) / (e * (e + 2) + 2))
    one_minus_t = np.where(x > 0, 2 * q * q / (1 + 2 * q + 2 * q * q), 2 / (e * (e + 2) + 2))
    return _limits(x, x * t, -0.0, np.inf), _limits(x, t + x * _sigmoid(x) * one_minus_t * (1 + t), 0, 1)


def sigmoid(x, alpha, beta):
    return _sigmoid(x), _sigmoid(x) * _sigmoid(-x)


def hard_sigmoid(x, alpha, beta):
    y = alpha * x + beta
    return np.clip(y, 0, 1), np.where((y > 0) & (y < 1), alpha, 0)


def hard_swish(x, alpha, beta):
    y = x * np.clip((x + 3) / 6, 0, 1)
    return _limits(x, y, -0.0, np.inf), np.where(x >= 3, 1, np.where(x <= -3, 0, x / 3 + 0.5))


def log_sigmoid(x, alpha, beta):
    return -log_add_exp0(-x), _sigmoid(-x)


def tanh(x, alpha, beta):
    e = np.exp(-2 * np.abs(x))
    return np.tanh(x), 4 * e / (1 + e) ** 2


def softplus(x, alpha, beta):
    return log_add_exp0(x), _sigmoid(x)


def softsign(x, alpha, beta):
    d = 1 + np.abs(x)
    return _limits(x, x / d, -1, 1), 1 / d / d


# name -> (function of (x, alpha, beta) that gives (y, dy/dx), default alpha, default beta); ONNX's defaults.
ACTIVATIONS = {
    "identity": (identity, 0.0, 0.0),
    "step": (step, 0.0, 0.0),
    "relu": (relu, 0.0, 0.0),
    "leaky_relu": (leaky_relu, 0.01, 0.0),
    "elu": (elu, 1.0, 0.0),
    "selu": (selu, 1.67326319217681884765625, 1.05070102214813232421875),
    "celu": (celu, 1.0, 0.0),
    "gelu": (gelu, 0.0, 0.0),
    "gelu_tanh": (gelu_tanh, 0.0, 0.0),
    "silu": (silu, 1.0, 0.0),
    "mish": (mish, 0.0, 0.0),
    "sigmoid": (sigmoid, 0.0, 0.0),
    "hard_sigmoid": (hard_sigmoid, 0.2, 0.5),
    "hard_swish": (hard_swish, 0.0, 0.0),
    "log_sigmoid": (log_sigmoid, 0.0, 0.0),
    "tanh": (tanh, 0.0, 0.0),
    "softplus": (softplus, 0.0, 0.0),
    "softsign": (softsign, 0.0, 0.0),
}


def activation(name, x, alpha=None, beta=None):
    """(y, dy/dx); alpha and beta are rounded to float32 first where x came from there, by the caller."""
    f, default_alpha, default_beta = ACTIVATIONS[name]
    with np.errstate(all="ignore"):
        a = np.asarray(default_alpha if alpha is None else alpha, x.dtype)
        b = np.asarray(default_beta if beta is None else beta, x.dtype)
        y, dydx = f(x, a, b)
    return np.asarray(y, x.dtype), np.asarray(dydx, x.dtype)


def prelu(x, alpha, dy):
    """y, dx, dalpha; alpha has size 1 or one entry per column."""
    terms = np.where(x < 0, dy * x, 0)
    dalpha = (
        terms.sum().reshape(np.shape(alpha)) if np.size(alpha) == 1 else terms.reshape(-1, x.shape[-1]).sum(0)
    )
    return np.where(x >= 0, x, alpha * x), np.where(x >= 0, dy, alpha * dy), dalpha


# ----------------------------------------------------------------------------------------- affine, softmax
def affine(x, W, b, dy):
    """y, dx, dW, db for x (..., in), W (in, out), b (out,)."""
    rows, drows = x.reshape(-1, W.shape[0]), dy.reshape(-1, W.shape[1])
    return x @ W + b, dy @ W.T, rows.T @ drows, drows.sum(0)


def softmax(x, axis=-1):
    with np.errstate(all="ignore"):
        e = np.exp(x - x.max(axis, keepdims=True))
        return e / e.sum(axis, keepdims=True)


def log_softmax(x, axis=-1):
    with np.errstate(all="ignore"):
        z = x - x.max(axis, keepdims=True)
        return z - np.log(np.exp(z).sum(axis, keepdims=True))


def softmax_backward(dy, y, axis=-1):
    return y * (dy - (dy * y).sum(axis, keepdims=True))


def log_softmax_backward(dy, y, axis=-1):
    return dy - np.exp(y) * dy.sum(axis, keepdims=True)


def one_hot(labels, classes, dtype=np.float64):
    return (np.asarray(labels)[..., None] == np.arange(classes)).astype(dtype)


# -------------------------------------------------------------------------------------------------- losses
def loss(
    kind,
    y,
    t,
    *,
    reduction="mean",
    factor=1.0,
    delta=1.0,
    margin=1.0,
    label_smoothing=0.0,
    ignore_index=None,
    class_weight=None,
    sample_weight=None,
):
    """(loss, dy). y (N, C); t labels (N,) or dense (N, C). For reduction "none" dy belongs to the sum."""
    n, c = y.shape
    y, labels = wide(y), np.asarray(t) if np.ndim(t) == 1 and np.asarray(t).dtype.kind in "iu" else None
    s = np.ones(n, y.dtype) if sample_weight is None else np.asarray(sample_weight, y.dtype)
    cw = np.ones(c, y.dtype) if class_weight is None else np.asarray(class_weight, y.dtype)
    if labels is not None:
        kept = np.ones(n, bool) if ignore_index is None else labels != ignore_index
        labels = np.where(kept, labels, 0)
        s = s * kept
    d = None if labels is not None else y - np.asarray(t, y.dtype)
    if kind == "softmax_cross_entropy":
        q = one_hot(labels, c, y.dtype) if labels is not None else np.asarray(t, y.dtype)
        w = s * (cw[labels] if labels is not None else 1)
        q = ((1 - label_smoothing) * q + label_smoothing / c) * cw
        rows = -s * (q * log_softmax(y)).sum(1)
        dy = s[:, None] * (softmax(y) * q.sum(1, keepdims=True) - q)
        normalizer = w.sum()
    elif kind == "hinge":
        w = s * cw[labels]
        true = one_hot(labels, c, bool)
        margins = np.where(true, 0, np.maximum(0, y - y[np.arange(n), labels][:, None] + margin))
        rows = w * margins.sum(1)
        dy = w[:, None] * ((margins > 0) - true * (margins > 0).sum(1, keepdims=True))
        normalizer = w.sum()
    else:
        t = np.asarray(t, y.dtype)
        if kind == "sigmoid_cross_entropy":
            terms, dy = np.maximum(y, 0) - y * t + np.log1p(np.exp(-np.abs(y))), _sigmoid(y) - t
        elif kind == "squared_error":
            terms, dy = factor * d * d, 2 * factor * d
        elif kind == "absolute_error":
            terms, dy = np.abs(d), np.sign(d)
        elif kind == "huber":
            small = np.abs(d) <= delta
            terms, dy = np.where(small, d * d / 2, delta * (np.abs(d) - delta / 2)), np.clip(d, -delta, delta)
        rows, dy = s * terms.sum(1), s[:, None] * dy
        normalizer = c * s.sum()
    normalizer = {"mean": normalizer, "batch_mean": s.sum(), "sum": 1, "none": 1}[reduction]
    with np.errstate(all="ignore"):
        return (rows if reduction == "none" else rows.sum() / normalizer), dy / normalizer


# ------------------------------------------------------------------------------------------- normalization
def normalize(x, gamma, beta, eps, axis, dy):
    """y, dx, dgamma, dbeta, mean, biased var. axis 0: batch normalization; axis -1: layer normalization."""
    mean, var = x.mean(axis, keepdims=True), x.var(axis, keepdims=True)
    inv_std = 1 / np.sqrt(var + eps)
    xn = (x - mean) * inv_std
    dxn = dy * gamma
    dx = inv_std * (dxn - dxn.mean(axis, keepdims=True) - xn * (dxn * xn).mean(axis, keepdims=True))
    lead = tuple(range(x.ndim - 1))
    return xn * gamma + beta, dx, (dy * xn).sum(lead), dy.sum(lead), mean.squeeze(axis), var.squeeze(axis)


def normalize_with(x, gamma, beta, mean, var, eps, dy):
    """Batch normalization with given statistics: y, dx, dgamma, dbeta."""
    inv_std = 1 / np.sqrt(var + eps)
    xn = (x - mean) * inv_std
    return xn * gamma + beta, dy * gamma * inv_std, (dy * xn).sum(0), dy.sum(0)


# ------------------------------------------------------------------------------------------------- dropout
def philox4x32(counter, key):
    """Ten rounds of Philox (Salmon et al. 2011, section 4.3) on counter (..., 4), key (2,), all uint32."""
    c = [np.asarray(counter)[..., i].astype(np.uint64) for i in range(4)]
    k = [int(key[0]), int(key[1])]
    low32 = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [
            (p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]),
            p1 & low32,
            (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]),
            p0 & low32,
        ]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(c, -1).astype(np.uint32)


# ---------------------------------------------------------------------------------------------- optimizers
def clip_norm_scale(grads, limit):
    return min(1.0, limit / (float(np.sqrt(sum((wide(g) ** 2).sum() for g in grads))) + 1e-6))


def optimizer_update(
    kind,
    t,
    p,
    g,
    states,
    *,
    lr,
    momentum=0.9,
    rho=0.99,
    beta1=0.9,
    beta2=0.999,
    eps=1e-8,
    torch_form=False,
    eps_outside_hat=False,
    weight_decay=0.0,
    decoupled=False,
    l1=0.0,
    clip_value=0.0,
):
    """The new (p, states) of step t = 1, 2, ...; nothing is changed in place."""
    if clip_value > 0:
        g = np.clip(g, -clip_value, clip_value)
    g = g + l1 * np.sign(p) + (0 if decoupled else weight_decay * p)
    if decoupled:
        p = p - lr * weight_decay * p
    if kind == "sgd":
        return p - lr * g, []
    if kind in ("momentum", "nesterov"):
        v = momentum * states[0] + (g if torch_form else -lr * g)
        if kind == "momentum":
            return (p - lr * v if torch_form else p + v), [v]
        return (p - lr * (g + momentum * v) if torch_form else p + momentum * v - lr * g), [v]
    if kind in ("adagrad", "rmsprop"):
        v = states[0] + g * g if kind == "adagrad" else rho * states[0] + (1 - rho) * g * g
        return p - lr * g / (np.sqrt(v) + eps), [v]
    m, v = beta1 * states[0] + (1 - beta1) * g, beta2 * states[1] + (1 - beta2) * g * g
    root1, root2 = 1 - beta1**t, np.sqrt(1 - beta2**t)
    if eps_outside_hat:
        return p - lr * root2 / root1 * m / (np.sqrt(v) + eps), [m, v]
    return p - lr * (m / root1) / (np.sqrt(v) / root2 + eps), [m, v]


# ----------------------------------------------------------------------------------------- a whole network
def mlp(x, weights, biases, activations, dy=None):
    """Scores of an MLP: affine, activation, affine, ...; with dy also the gradients (dx, dWs, dbs)."""
    a, saved = x, []
    for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
        z = a @ W + b
        y, dydz = activation(activations[i], z) if i < len(activations) else (z, np.ones_like(z))
        saved.append((a, dydz))
        a = y
    if dy is None:
        return a
    dWs, dbs = [], []
    for (a_in, dydz), W in zip(reversed(saved), reversed(weights), strict=True):
        dz = dy * dydz
        dWs, dbs, dy = [a_in.T @ dz, *dWs], [dz.sum(0), *dbs], dz @ W.T
    return a, dy, dWs, dbs
