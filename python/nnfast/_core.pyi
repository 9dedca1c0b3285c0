"""The compiled core as Python sees it. Every function checks its arguments, then works without the GIL."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

class _BoundType(type): ...  # pybind11's metaclass

__version__: str

# Runtime
def compiled_isas() -> list[str]: ...
def supported_isas() -> list[str]: ...
def isa() -> str: ...
def set_isa(name: str) -> None: ...
def compiler() -> str: ...
def has_openmp() -> bool: ...
def num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def default_num_threads() -> int: ...

# How much work makes one more thread worth its while; tests set 0.
def nanoseconds_per_thread() -> float: ...
def set_nanoseconds_per_thread(nanoseconds: float) -> None: ...

# A flat array that starts on a cache line, and on a huge page where it is large.
def aligned_zeros(size: int, is_double: bool) -> _Floats: ...

# Operations on arrays. float32 stays float32, float16 becomes float32, everything else that is real float64; operands
# are promoted together as NumPy does. Any strides, byte order and alignment. New arrays are C-contiguous.
# `out` has exactly the result's dtype and shape and is C-contiguous and writeable; elementwise it may be the input.
ACTIVATIONS: dict[str, int]

def activation(
    f: int, x: ArrayLike, alpha: float = 0.0, beta: float = 0.0, out: _Floats | None = None
) -> _Floats: ...
def activation_backward(
    f: int, dy: ArrayLike, x: ArrayLike, alpha: float = 0.0, beta: float = 0.0, out: _Floats | None = None
) -> _Floats: ...
def activation_backward_from_output(
    f: int, dy: ArrayLike, y: ArrayLike, alpha: float = 0.0, beta: float = 0.0, out: _Floats | None = None
) -> _Floats: ...
def derivative_from_output(f: int, alpha: float = 0.0, beta: float = 0.0) -> bool: ...
def vector_math(name: str, x: ArrayLike) -> _Floats: ...  # "exp", "expm1", "log", "log1p", "erf"
def maxout(x: ArrayLike, pieces: int) -> _Floats: ...
def maxout_backward(dy: ArrayLike, x: ArrayLike, pieces: int) -> _Floats: ...
def prelu(x: ArrayLike, alpha: ArrayLike) -> _Floats: ...
def prelu_backward(dy: ArrayLike, x: ArrayLike, alpha: ArrayLike) -> tuple[_Floats, _Floats]: ...
def softmax(x: ArrayLike, axis: int = -1, out: _Floats | None = None) -> _Floats: ...
def softmax_backward(dy: ArrayLike, y: ArrayLike, axis: int = -1) -> _Floats: ...
def log_softmax(x: ArrayLike, axis: int = -1, out: _Floats | None = None) -> _Floats: ...
def log_softmax_backward(dy: ArrayLike, y: ArrayLike, axis: int = -1) -> _Floats: ...

# C = alpha A B + beta C for 2-D A, B; `c` is updated in place where given, any strides.
def gemm(
    a: ArrayLike, b: ArrayLike, c: _Floats | None = None, alpha: float = 1.0, beta: float = 0.0
) -> _Floats: ...

# x (..., in), W (in, out), b (out,), (1, out), scalar or None
def affine(x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None, out: _Floats | None = None) -> _Floats: ...

# (dx, dW, db) for x (..., in), dy (..., out); db has shape (out,)
def affine_backward(dy: ArrayLike, x: ArrayLike, W: ArrayLike) -> tuple[_Floats, _Floats, _Floats]: ...

class LossSpec(metaclass=_BoundType):
    """kind: softmax_cross_entropy, sigmoid_cross_entropy, squared_error, absolute_error, huber, hinge.
    reduction: none, sum, mean, batch_mean."""
    def __init__(
        self,
        kind: str,
        *,
        reduction: str = "mean",
        factor: float = 1.0,
        delta: float = 1.0,
        margin: float = 1.0,
        label_smoothing: float = 0.0,
        ignore_index: int | None = None,
    ) -> None: ...
    @property
    def kind(self) -> str: ...
    reduction: str
    factor: float
    delta: float
    margin: float
    label_smoothing: float
    ignore_index: int | None

# y (..., C) (or (N,) for one output); t labels (...) of integers, or dense of y's shape. Dense floats take part in the
# promotion; integers, labels and weights follow y. `function` is named in errors.
# The reduced loss as float, or (...) for reduction "none".
def loss(
    spec: LossSpec,
    function: str,
    y: ArrayLike,
    t: ArrayLike,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> float | _Floats: ...

# (loss, dy): dy of y's shape is the derivative of the reduced loss (of the sum for "none").
def loss_backward(
    spec: LossSpec,
    function: str,
    y: ArrayLike,
    t: ArrayLike,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[float | _Floats, _Floats]: ...

# Per column of x (..., C): (y, mean, var, inv_std). ValueError without rows. `function` is named in errors.
def batch_normalization_train(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    eps: float,
    function: str = "batch_normalization",
) -> tuple[_Floats, _Floats, _Floats, _Floats]: ...
def batch_normalization_inference(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    eps: float,
) -> _Floats: ...

# (dx, dgamma, dbeta)
def batch_normalization_backward(
    dy: ArrayLike, x: ArrayLike, gamma: ArrayLike | None, mean: ArrayLike, inv_std: ArrayLike
) -> tuple[_Floats, _Floats, _Floats]: ...
def batch_normalization_inference_backward(
    dy: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike | None,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    eps: float,
) -> tuple[_Floats, _Floats, _Floats]: ...

# In place on writeable contiguous running_mean, running_var (cols,); rows is the batch that mean and var come from.
def update_running_statistics(
    running_mean: _Floats,
    running_var: _Floats,
    mean: ArrayLike,
    var: ArrayLike,
    rows: int,
    momentum: float,
    unbiased: bool,
) -> None: ...

# Over the last axis: (y, mean, inv_std)
def layer_normalization(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    eps: float,
    function: str = "layer_normalization",
) -> tuple[_Floats, _Floats, _Floats]: ...
def layer_normalization_backward(
    dy: ArrayLike, x: ArrayLike, gamma: ArrayLike | None, mean: ArrayLike, inv_std: ArrayLike
) -> tuple[_Floats, _Floats, _Floats]: ...
def dropout(
    x: ArrayLike, ratio: float, seed: int, stream: int, step: int, out: _Floats | None = None
) -> _Floats: ...
def dropout_backward(
    dy: ArrayLike, ratio: float, seed: int, stream: int, step: int, out: _Floats | None = None
) -> _Floats: ...

class OptimizerSpec(metaclass=_BoundType):
    """kind: sgd, momentum, nesterov, adagrad, rmsprop, adam; see cpp/include/nnfast/optimizer.hpp for the fields."""
    def __init__(
        self,
        kind: str,
        *,
        lr: float,
        momentum: float = 0.9,
        rho: float = 0.99,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        torch_form: bool = False,
        eps_outside_hat: bool = False,
        weight_decay: float = 0.0,
        decoupled: bool = False,
        l1: float = 0.0,
        clip_value: float = 0.0,
        clip_norm: float = 0.0,
    ) -> None: ...
    @property
    def kind(self) -> str: ...
    lr: float
    momentum: float
    rho: float
    beta1: float
    beta2: float
    eps: float
    torch_form: bool
    eps_outside_hat: bool
    weight_decay: float
    decoupled: bool
    l1: float
    clip_value: float
    clip_norm: float
    @property
    def states(self) -> int: ...  # how many state arrays of the parameters' size

# In place on `params` and the arrays in `states` (same dtype and shape, any strides where NumPy can update in place).
# t = 1, 2, ...; grad_scale multiplies the gradient first.
def check_update(function: str, params: _Floats, grads: ArrayLike) -> None: ...
def optimizer_update(
    spec: OptimizerSpec,
    t: int,
    params: _Floats,
    grads: ArrayLike,
    states: Sequence[_Floats],
    grad_scale: float = 1.0,
) -> None: ...
def clip(x: ArrayLike, limit: float, out: _Floats | None = None) -> _Floats: ...
def squared_norm(arrays: Sequence[ArrayLike]) -> float: ...
def scale(x: ArrayLike, factor: float, out: _Floats | None = None) -> _Floats: ...

# ---- Images, (batch, channels, height, width)

def im2col(x: ArrayLike, filter_h: int, filter_w: int, stride: int, pad: int) -> NDArray[np.float64]: ...
def col2im(
    col: ArrayLike, x_shape: Sequence[int], filter_h: int, filter_w: int, stride: int, pad: int
) -> NDArray[np.float64]: ...
def convolution(x: ArrayLike, W: ArrayLike, b: ArrayLike | None, stride: int, pad: int) -> _Floats: ...

# (dx, dW, db)
def convolution_backward(
    dy: ArrayLike, x: ArrayLike, W: ArrayLike, stride: int, pad: int
) -> tuple[_Floats, _Floats, _Floats]: ...

# (y, index of the first largest within each window, NaN being largest)
def max_pool(
    x: ArrayLike, pool_h: int, pool_w: int, stride: int, pad: int
) -> tuple[_Floats, NDArray[np.int64]]: ...
def max_pool_backward(
    dy: ArrayLike,
    arg_max: ArrayLike,
    x_shape: Sequence[int],
    pool_h: int,
    pool_w: int,
    stride: int,
    pad: int,
) -> _Floats: ...

# ---- nnfast.compat: None (or False) where the arguments are not ordinary arrays of float32 or float64 that fit

# Seconds spent computing, in this process.
def core_seconds() -> float: ...

# Whether NumPy's own arrays take their memory from the pool too, from now on.
def pool_arrays_of_numpy(on: bool) -> None: ...

class CourseChain(metaclass=_BoundType):
    """A course's network after a forward pass of course_chain()."""

    def __init__(self, *args: object, **kwargs: object) -> None: ...
    @property
    def y(self) -> _Floats: ...
    def hidden(
        self,
    ) -> list[tuple[_Floats, NDArray[np.bool_] | None]]: ...  # (y, mask), not of the last
    def statistics(self, i: int) -> tuple[_Floats, ...]: ...  # (mean, var), with keep also (xc, xn, std)
    # [(dW + decay W, db, dgamma, dbeta), ...] by layer
    def backward(
        self, dy: Any, decay: float = 0.0
    ) -> list[tuple[_Floats, _Floats, _Floats | None, _Floats | None]] | None: ...

# weights [W1, b1, W2, ...]; norms [gamma1, beta1, eps, ...] for norm "batch" or "layer", for "running" [gamma1, beta1,
# eps, mean1, var1, ...], [] for "none"; activation "relu" or "sigmoid" after all but the last.
def course_chain(
    x: Any, weights: list[Any], norms: list[Any], norm: str, activation: str, keep: bool
) -> CourseChain | None: ...

# Columns (width, 1) as rows of their dtype.
def course_rows(columns: list[Any], width: int) -> _Floats | None: ...

# weights (in, out) and biases are updated in place, once for every `batch` of the rows `order`.
def course_descent(
    x: Any,
    y: Any,
    order: Any,
    batch: int,
    weights: list[Any],
    biases: list[Any],
    quadratic: bool,
    eta: float,
    decay: float,
) -> bool: ...
def course_affine(x: Any, W: Any, b: Any) -> _Floats | None: ...

# (dx or None, dW, db)
def course_affine_gradients(
    dout: Any, x: Any, W: Any, want_dx: bool
) -> tuple[_Floats | None, _Floats, _Floats] | None: ...

# (y, x <= 0)
def course_relu(x: Any) -> tuple[_Floats, NDArray[np.bool_]] | None: ...

# dout[mask] = 0
def course_zero_masked(dout: Any, mask: Any) -> bool: ...
def course_softmax(x: Any) -> _Floats | None: ...

# (loss, softmax(x))
def course_softmax_with_loss(x: Any, t: Any) -> tuple[float, _Floats] | None: ...
def course_softmax_with_loss_gradient(y: Any, t: Any) -> _Floats | None: ...

# (out, xc, xn, mean, var, std)
def course_batch_normalization(
    x: Any, gamma: Any, beta: Any, eps: float
) -> tuple[_Floats, _Floats, _Floats, _Floats, _Floats, _Floats] | None: ...

# (dx, dgamma, dbeta)
def course_batch_normalization_gradients(
    dout: Any, xc: Any, gamma: Any, std: Any
) -> tuple[_Floats, _Floats, _Floats] | None: ...

# kind: 0..5 in the order of OptimizerSpec's kinds; first: momentum, rho or beta1; second: beta2.
def course_optimize(
    kind: int, p: Any, g: Any, m: Any, v: Any, t: int, lr: Any, first: Any, second: Any, eps: float
) -> bool: ...

# v = momentum v - lr g as a new array; p += v.
def course_optimize_with_new_velocity(p: Any, g: Any, v: Any, lr: Any, momentum: Any) -> _Floats | None: ...

# v = momentum v - lr g, then p += momentum^2 v - (1 + momentum) lr g.
def course_nesterov_with_new_velocity(p: Any, g: Any, v: Any, lr: Any, momentum: Any) -> bool: ...
def course_numerical_gradient(f: Callable[[Any], Any], x: Any, grad: Any, h: float) -> bool: ...

# optimizer_update without touching its arguments: (next params, [next states]).
def optimizer_step(
    spec: OptimizerSpec, t: int, params: ArrayLike, grads: ArrayLike, states: Sequence[ArrayLike]
) -> tuple[_Floats, list[_Floats]]: ...

class Plan(metaclass=_BoundType):
    """A whole network as one object: what Network hands its layers to.

    `layers` are dicts: {"kind": "affine", "in": i, "out": o, "weight": offset, "bias": offset or -1} |
    {"kind": "activation", "f": ACTIVATIONS[...], "alpha": a, "beta": b} | {"kind": "prelu", "weight": offset,
    "alpha_size": 1 or width} | {"kind": "softmax"} | {"kind": "log_softmax"} | {"kind": "dropout", "ratio": r,
    "stream": k} | {"kind": "batch_normalization", "weight": gamma offset or -1, "bias": beta offset or -1,
    "state": offset of running_mean, followed by running_var, "eps": e, "momentum": m, "unbiased": bool} |
    {"kind": "layer_normalization", "weight": gamma or -1, "bias": beta or -1, "eps": e}.
    Offsets count elements of the flat arrays `params` and `state`; grads has the layout of params. The flat arrays are
    1-D, contiguous, of the plan's dtype, param_size and state_size long.
    A training step adds l1 |W| + l2/2 W^2 over the affine weights to the loss, and their gradients.
    """
    def __init__(
        self,
        dtype: str,
        in_features: int,
        layers: Sequence[dict[str, Any]],
        *,
        l1: float = 0.0,
        l2: float = 0.0,
    ) -> None: ...
    @property
    def dtype(self) -> str: ...
    @property
    def in_features(self) -> int: ...
    @property
    def out_features(self) -> int: ...
    l1: float
    l2: float
    @property
    def completed_steps(self) -> int: ...  # by the last train_epoch, also when it was interrupted

    # Inference; may run on several Python threads at once. x (N, in) or (in,); also uint8 with x_scale.
    def predict(
        self,
        params: _Floats,
        state: _Floats,
        x: ArrayLike,
        *,
        x_scale: float = 1.0,
        out: _Floats | None = None,
    ) -> _Floats: ...
    # predict(params, state, x) on flat arrays that are named once, for float x that needs no look: None where it does,
    # or where an attribute of `watched`, tuples (object, name, value, whether inference reads it), has another value.
    def bind(self, params: _Floats, state: _Floats, watched: Sequence[tuple[Any, ...]]) -> None: ...
    def predict_plain(self, x: object, /) -> _Floats | None: ...
    def unchanged(self) -> bool: ...  # whether those attributes have their values
    # Training-mode forward that records, and its backward: for networks with layers or losses written in Python.
    def forward(
        self, params: _Floats, state: _Floats, x: ArrayLike, *, seed: int = 0, step: int = 0
    ) -> _Floats: ...
    def backward(
        self, params: _Floats, grads: _Floats, state: _Floats, dy: ArrayLike, *, input_gradient: bool = True
    ) -> _Floats | None: ...
    # (loss, correct): loss with penalty; correct counts rows whose argmax is the label. Overwrites grads.
    def gradient(
        self,
        params: _Floats,
        grads: _Floats,
        state: _Floats,
        x: ArrayLike,
        t: ArrayLike,
        loss: LossSpec,
        *,
        class_weight: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        seed: int = 0,
        step: int = 0,
    ) -> tuple[float, int]: ...
    # gradient, then optimizer_update over everything with t = iteration. No update when the loss is not finite.
    def train_step(
        self,
        params: _Floats,
        grads: _Floats,
        state: _Floats,
        x: ArrayLike,
        t: ArrayLike,
        loss: LossSpec,
        optimizer: OptimizerSpec,
        optimizer_states: Sequence[_Floats],
        iteration: int,
        class_weight: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        seed: int = 0,
        step: int = 0,
    ) -> tuple[float, int]: ...
    # One pass over indices (int64, rows of x, t, sample_weight) in batches of batch_size, the last one shorter.
    # lrs (steps,) float64: the learning rate of each step. x may be uint8: x * x_scale is computed while gathering.
    # Step s uses iteration + s and dropout step `step + s`. progress(steps_done) is called about every 100 ms, signals
    # are looked at every 50 ms or less; what they raise leaves the last complete step. Stops before the update of the
    # first step whose loss is not finite: then the returned arrays end with that step.
    # Returns (losses (steps,) float64, correct (steps,) int64).
    def train_epoch(
        self,
        params: _Floats,
        grads: _Floats,
        state: _Floats,
        x: ArrayLike,
        t: ArrayLike,
        loss: LossSpec,
        optimizer: OptimizerSpec,
        optimizer_states: Sequence[_Floats],
        iteration: int,
        indices: NDArray[np.int64],
        batch_size: int,
        lrs: NDArray[np.float64],
        *,
        class_weight: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        seed: int = 0,
        step: int = 0,
        x_scale: float = 1.0,
        progress: Callable[[int], None] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...
    # Inference over all rows in blocks: (loss with penalty, correct).
    def evaluate(
        self,
        params: _Floats,
        state: _Floats,
        x: ArrayLike,
        t: ArrayLike,
        loss: LossSpec,
        *,
        class_weight: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        x_scale: float = 1.0,
    ) -> tuple[float, int]: ...

# Central differences of a loss by parameters, in double: `layers` as Plan takes them, `elements` (n,) offsets into
# params. (derivative (n,), kink (n,) int64: -1, or the first layer whose kink lies between the two points).
def loss_differences(
    in_features: int,
    layers: Sequence[dict[str, Any]],
    params: _Floats,
    state: _Floats,
    x: ArrayLike,
    t: ArrayLike,
    loss: LossSpec,
    elements: NDArray[np.int64],
    h: float,
    *,
    training: bool = True,
    seed: int = 0,
    step: int = 0,
    class_weight: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...
