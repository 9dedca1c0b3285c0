"""nnfast: the multilayer perceptron that people write by hand in NumPy, at the speed of the machine.

::

    import nnfast as nn

    (x, t), (x_test, t_test) = nn.datasets.load_mnist_sample()
    network = nn.mlp([784, 512, 10], seed=0)
    network.fit(x, t, epochs=5, batch_size=128, optimizer=nn.Adam(), validation=(x_test, t_test))
    network.save("mnist.safetensors")

Layers, losses, optimizers, initializers, schedules and callbacks are modules of these names, and their classes are
here; :mod:`nnfast.functional` has every operation as a function on arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._core import __version__
from ._notation import Sensitivity
from .callbacks import Callback, Checkpoint, EarlyStopping
from .errors import DivergedError, FormatError, NNFastWarning
from .history import History
from .layers import (
    Affine,
    BatchNormalization,
    Celu,
    Dense,
    Dropout,
    Elu,
    Flatten,
    Gelu,
    HardSigmoid,
    HardSwish,
    Identity,
    Layer,
    LayerNormalization,
    LeakyRelu,
    Linear,
    LogSigmoid,
    LogSoftmax,
    Maxout,
    Mish,
    PRelu,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Softsign,
    Step,
    Swish,
    Tanh,
)
from .losses import (
    Hinge,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    SumSquaredError,
)
from .models import mlp
from .network import Network
from .optimizers import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop
from .runtime import get_num_threads, num_threads, set_num_threads, show_config

if TYPE_CHECKING:
    from . import (
        compat,
        datasets,
        functional,
        gradients,
        graph,
        initializers,
        layers,
        losses,
        optimizers,
        plot,
        schedules,
    )
    from .gradients import (
        GradientCheck,
        check_gradients,
        directional_derivative,
        gradient_descent,
        jacobian,
        numerical_diff,
        numerical_gradient,
    )

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Affine",
    "BatchNormalization",
    "Callback",
    "Celu",
    "Checkpoint",
    "Dense",
    "DivergedError",
    "Dropout",
    "EarlyStopping",
    "Elu",
    "Flatten",
    "FormatError",
    "Gelu",
    "GradientCheck",
    "HardSigmoid",
    "HardSwish",
    "Hinge",
    "History",
    "Huber",
    "Identity",
    "Layer",
    "LayerNormalization",
    "LeakyRelu",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "Loss",
    "Maxout",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Mish",
    "Momentum",
    "NNFastWarning",
    "Nesterov",
    "Network",
    "Optimizer",
    "PRelu",
    "RMSprop",
    "Relu",
    "Selu",
    "Sensitivity",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "Silu",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Softsign",
    "Step",
    "SumSquaredError",
    "Swish",
    "Tanh",
    "__version__",
    "check_gradients",
    "compat",
    "datasets",
    "directional_derivative",
    "functional",
    "get_num_threads",
    "gradient_descent",
    "gradients",
    "graph",
    "initializers",
    "jacobian",
    "layers",
    "losses",
    "mlp",
    "num_threads",
    "numerical_diff",
    "numerical_gradient",
    "optimizers",
    "plot",
    "schedules",
    "set_num_threads",
    "show_config",
]

_LAZY = (
    "compat",
    "datasets",
    "functional",
    "gradients",
    "graph",
    "plot",
    "schedules",
    "serialization",
    "training",
)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    if name in __all__:  # all that is not loaded is of this module, which learners alone need
        from . import gradients

        return getattr(gradients, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(ipython: Any) -> None:
    """``%load_ext nnfast``: course modules that a notebook imports become nnfast's, see :mod:`nnfast.compat`."""
    from . import compat

    compat.load_ipython_extension(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """``%unload_ext nnfast``."""
    from . import compat

    compat.unload_ipython_extension(ipython)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
