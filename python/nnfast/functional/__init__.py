"""Every operation of nnfast as a function on arrays, forward and backward, without state.

What holds for all of them:

* Arrays are batch first: x (batch, in), W (in, out), b (out,), y (batch, out). The gradient of ``v`` is ``dv``, and
  ``f_backward(dy, ...)`` is the derivative of ``sum(dy * f(...))``.
* float32 stays float32, float16 becomes float32, every other real type float64; several operands are promoted
  together as NumPy does. Complex numbers, strings, dates and objects are a TypeError.
* Any strides, byte order and alignment, read-only arrays and nested lists will do; the result does not depend on the
  form. Results are new C-contiguous arrays. Inputs are not changed.
* `out` must have exactly the result's shape and dtype and be C-contiguous and writeable: nothing is ever written to a
  copy. Elementwise functions take the input itself as `out`; memory that overlaps in another way is a ValueError.
* Bits do not depend on the number of threads, on how a batch is split, or on a row's place in it.
* Names and defaults are those of the ONNX operator where there is one.

Errors name the function, the argument, what came and what was expected; then nothing has changed.
"""

from ._activation import (
    celu,
    elu,
    gelu,
    hard_sigmoid,
    hard_swish,
    identity,
    leaky_relu,
    log_sigmoid,
    logistic,
    mish,
    prelu,
    relu,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    step,
    swish,
    tanh,
)
from ._activation_backward import (
    celu_backward,
    elu_backward,
    gelu_backward,
    hard_sigmoid_backward,
    hard_swish_backward,
    identity_backward,
    leaky_relu_backward,
    log_sigmoid_backward,
    logistic_backward,
    mish_backward,
    prelu_backward,
    relu_backward,
    selu_backward,
    sigmoid_backward,
    silu_backward,
    softplus_backward,
    softsign_backward,
    step_backward,
    swish_backward,
    tanh_backward,
)
from ._affine import (
    affine,
    affine_backward,
    gemm,
)
from ._arrays import (
    clip,
    clip_by_global_norm,
    dropout,
    dropout_backward,
    min_max_scale,
    one_hot,
)
from ._loss import (
    hinge,
    huber,
    mean_absolute_error,
    mean_squared_error,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    sum_squared_error,
)
from ._loss_backward import (
    hinge_backward,
    huber_backward,
    mean_absolute_error_backward,
    mean_squared_error_backward,
    sigmoid_cross_entropy_backward,
    softmax_cross_entropy_backward,
    sum_squared_error_backward,
)
from ._maxout import maxout, maxout_backward
from ._normalization import (
    batch_normalization,
    batch_normalization_backward,
    layer_normalization,
    layer_normalization_backward,
)
from ._softmax import (
    log_softmax,
    log_softmax_backward,
    softmax,
    softmax_backward,
)

__all__ = [
    "affine",
    "affine_backward",
    "batch_normalization",
    "batch_normalization_backward",
    "celu",
    "celu_backward",
    "clip",
    "clip_by_global_norm",
    "dropout",
    "dropout_backward",
    "elu",
    "elu_backward",
    "gelu",
    "gelu_backward",
    "gemm",
    "hard_sigmoid",
    "hard_sigmoid_backward",
    "hard_swish",
    "hard_swish_backward",
    "hinge",
    "hinge_backward",
    "huber",
    "huber_backward",
    "identity",
    "identity_backward",
    "layer_normalization",
    "layer_normalization_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "log_sigmoid",
    "log_sigmoid_backward",
    "log_softmax",
    "log_softmax_backward",
    "logistic",
    "logistic_backward",
    "maxout",
    "maxout_backward",
    "mean_absolute_error",
    "mean_absolute_error_backward",
    "mean_squared_error",
    "mean_squared_error_backward",
    "min_max_scale",
    "mish",
    "mish_backward",
    "one_hot",
    "prelu",
    "prelu_backward",
    "relu",
    "relu_backward",
    "selu",
    "selu_backward",
    "sigmoid",
    "sigmoid_backward",
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy_backward",
    "silu",
    "silu_backward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "softplus",
    "softplus_backward",
    "softsign",
    "softsign_backward",
    "step",
    "step_backward",
    "sum_squared_error",
    "sum_squared_error_backward",
    "swish",
    "swish_backward",
    "tanh",
    "tanh_backward",
]
