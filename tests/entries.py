"""Every function of nnfast.functional with arguments that it takes, and more forms that an array may come in."""

import ctypes
import functools

import numpy as np
from conftest import LAYOUTS
from nnfast import functional as F

N, C = 6, 5
SHAPES = {
    "x": (N, C),
    "dy": (N, C),
    "y": (N, C),
    "logits": (N, C),
    "scores": (N, C),
    "alpha": (C,),
    "gamma": (C,),
    "beta": (C,),
    "running_mean": (C,),
    "running_var": (C,),
    "class_weight": (C,),
    "sample_weight": (N,),
}
UNARY = [
    "identity",
    "step",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "gelu",
    "silu",
    "swish",
    "mish",
    "sigmoid",
    "logistic",
]
UNARY += [
    "hard_sigmoid",
    "hard_swish",
    "log_sigmoid",
    "tanh",
    "softplus",
    "softsign",
    "softmax",
    "log_softmax",
    "clip",
]
FROM_OUTPUT = {"relu", "sigmoid", "logistic", "tanh", "softmax", "log_softmax"}
DENSE_LOSSES = [
    "sigmoid_cross_entropy",
    "mean_squared_error",
    "sum_squared_error",
    "mean_absolute_error",
    "huber",
]


def entries():
    """id -> (function, what its array arguments are: a shape, or "labels")"""
    table = {}

    def add(function, *names, label=None, fixed=None, **shapes):
        arguments = {n: shapes.get(n, SHAPES.get(n)) for n in [*names, *shapes]}
        f = functools.partial(getattr(F, function), **(fixed or {}))
        table[label or function] = (f, arguments)

    for name in UNARY:
        add(name, "x", fixed={"limit": 0.7} if name == "clip" else None)
        if name != "clip":
            add(f"{name}_backward", "dy", "y" if name in FROM_OUTPUT else "x")
    add("gelu", "x", label="gelu tanh", fixed={"approximate": "tanh"})
    add("elu_backward", "dy", "x", label="elu_backward from x", fixed={"alpha": -1.0})
    add("softmax", label="softmax axis 1 of 3", x=(3, 4, 2), fixed={"axis": 1})
    add("softmax_backward", label="softmax_backward axis 0", dy=(3, 4, 2), y=(3, 4, 2), fixed={"axis": 0})
    add("prelu", "x", "alpha")
    add("prelu_backward", "dy", "x", "alpha")
    add("maxout", x=(N, 6), fixed={"pieces": 3})
    add("maxout_backward", dy=(N, 2), x=(N, 6), fixed={"pieces": 3})
    add("affine", x=(2, 3, C), W=(C, 4), b=(4,))
    add("affine_backward", dy=(2, 3, 4), x=(2, 3, C), W=(C, 4))
    add("gemm", a=(4, C), b=(C, 3))
    for kind in DENSE_LOSSES:
        add(kind, "y" if kind != "sigmoid_cross_entropy" else "logits", "sample_weight", t=(N, C))
        add(
            f"{kind}_backward",
            "y" if kind != "sigmoid_cross_entropy" else "logits",
            "sample_weight",
            t=(N, C),
        )
    for suffix in ["", "_backward"]:
        add(f"softmax_cross_entropy{suffix}", "logits", "class_weight", "sample_weight", t="labels")
        add(
            f"softmax_cross_entropy{suffix}",
            "logits",
            "class_weight",
            t=(N, C),
            label=f"soft targets{suffix}",
        )
        add(f"hinge{suffix}", "scores", "class_weight", "sample_weight", t="labels")
    add("batch_normalization", "x", "gamma", "beta", "running_mean", "running_var")
    add(
        "batch_normalization",
        "x",
        "gamma",
        "beta",
        label="batch_normalization in training",
        fixed={"training": True},
    )
    add("batch_normalization_backward", "dy", "x", "gamma", "running_mean", "running_var")
    add(
        "batch_normalization_backward",
        "dy",
        "x",
        "gamma",
        label="its backward in training",
        fixed={"training": True},
    )
    add("layer_normalization", "x", "gamma", "beta")
    add("layer_normalization_backward", "dy", "x", "gamma")
    add("dropout", "x", fixed={"seed": 3})
    add("dropout_backward", "dy", fixed={"seed": 3})
    add("min_max_scale", "x")
    add("one_hot", labels="labels", fixed={"num_classes": C})
    table["clip_by_global_norm"] = (lambda a, b: F.clip_by_global_norm([a, b], 0.1), {"a": (N, C), "b": (C,)})
    return table


ENTRIES = entries()


def name_of(entry):
    function = ENTRIES[entry][0]
    return function.func.__name__ if isinstance(function, functools.partial) else entry


def make(entry, dtype, rng):
    """Arguments that any entry takes: weights and variances are positive, labels are classes."""
    return {
        name: rng.integers(0, C, N)
        if shape == "labels"
        else (
            rng.uniform(0.5, 2, shape) if "var" in name or "weight" in name else rng.standard_normal(shape)
        ).astype(dtype)
        for name, shape in ENTRIES[entry][1].items()
    }


def arrays_of(result):
    """The arrays in whatever a function returns."""
    if isinstance(result, (tuple, list)):
        return [a for part in result for a in arrays_of(part)]
    return [np.asarray(result)]


def call(entry, arguments):
    return arrays_of(ENTRIES[entry][0](**arguments))


# ---------------------------------------------------------------------------------------------- forms of array
def _in_record(x):
    """A field of packed records: neither aligned nor at strides of whole elements."""
    records = np.zeros(x.shape, np.dtype([("before", "i1"), ("value", x.dtype), ("after", "i2")]))
    records["value"] = x
    return records["value"]


def _odd_unit_strides(x):
    """Dimensions of one element may have any stride, also one that no element could have."""
    return np.lib.stride_tricks.as_strided(
        x, x.shape, [3 if n == 1 else s for n, s in zip(x.shape, x.strides, strict=True)]
    )


def _middle(x):
    big = np.full([n + 4 for n in x.shape], 77, x.dtype)
    view = big[tuple(slice(2, -2) for _ in x.shape)]
    view[...] = x
    return view


def _permuted(x):
    """Axes in memory in another order than both C and Fortran, where there are three."""
    order = np.roll(np.arange(x.ndim), 1)
    return np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))


def _memory_mapped(x):
    buffer = (ctypes.c_char * x.nbytes)()
    view = np.frombuffer(buffer, x.dtype).reshape(x.shape)
    view[...] = x
    return view


def _big_endian_strided(x):
    return LAYOUTS["strided"](x.astype(x.dtype.newbyteorder(">")))


MORE_LAYOUTS = {
    "in_record": _in_record,
    "odd_unit_strides": lambda x: _odd_unit_strides(x.copy()),
    "middle": _middle,
    "permuted": _permuted,
    "negative_last": lambda x: x[..., ::-1].copy()[..., ::-1],
    "every_second_last": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "foreign_buffer": _memory_mapped,
    "bytes": lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape),
    "memoryview": lambda x: memoryview(x.copy()),
    "little_endian": lambda x: x.astype(x.dtype.newbyteorder("<")),
    "big_endian_strided": _big_endian_strided,
    "read_only_fortran": lambda x: LAYOUTS["read_only"](np.asfortranarray(x)),
    "read_only_misaligned": lambda x: _frozen(LAYOUTS["misaligned"](x)),
    "wider": lambda x: (
        x.astype(np.longdouble) if x.dtype == np.float64 else x.copy()
    ),  # longdouble becomes float64
    "list": lambda x: x.tolist() if x.dtype != np.float32 else x.copy(),  # Python floats are float64
    "tuples": lambda x: _tuples(x.tolist()) if x.dtype != np.float32 else x.copy(),
    "object_with_interface": lambda x: _Interface(x.copy()),
}


def _frozen(x):
    x.flags.writeable = False
    return x


def _tuples(x):
    return tuple(map(_tuples, x)) if isinstance(x, list) else x


class _Interface:
    def __init__(self, x):
        self._x = x
        self.__array_interface__ = x.__array_interface__
