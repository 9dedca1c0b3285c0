"""Networks in safetensors files.

The tensors have the names of ``network.params``, besides "running_mean1", "running_var1", ... of batch normalization
and "optimizer.m.W1", ... of an optimizer. The metadata has the key "nnfast", a JSON text with everything else. Any
reader of safetensors can read the weights; nothing in a file is ever executed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _safetensors
from . import layers as layer_classes
from . import losses as loss_classes
from . import optimizers as optimizer_classes
from ._computation import Computation
from ._layer import Layer
from ._safetensors import parse_json
from ._stages import Numbering, is_native
from .errors import FormatError
from .losses import Loss, is_native_loss
from .network import Network
from .optimizers import Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from ._typing import Array

    N = TypeVar("N", bound=Network)

__all__ = ["copy", "from_bytes", "load", "save", "to_bytes"]

_VERSION = 1
_MAX_LAYERS = 10_000
_MAX_CONFIG = 4 * 2**20  # characters


# ---- What a configuration may say: kind -> setting -> check. A check returns what is expected, or "".


def _size(value: Any) -> str:
    return "" if type(value) is int and 1 <= value < 2**31 else "an integer >= 1 and < 2**31"


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _number(value: Any) -> str:
    return "" if type(value) in (int, float) and abs(value) <= 1e308 else "a finite number"


def _integer(value: Any) -> str:
    return "" if type(value) is int and abs(value) < 2**63 else "an integer"


def _count(value: Any) -> str:
    return "" if type(value) is int and 0 <= value < 2**64 else "an integer >= 0"


def _optional_integer(value: Any) -> str:
    return "" if value is None else _integer(value)


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and len(value) < 100 else "a text"


def _weights(value: Any) -> str:
    good = value is None or (isinstance(value, list) and all(_number(w) == "" for w in value))
    return "" if good else "a list of numbers, or null"


_NONE: dict[str, Callable[[Any], str]] = {}
_ALPHA: dict[str, Callable[[Any], str]] = {"alpha": _number}
_LAYERS: dict[str, dict[str, Callable[[Any], str]]] = {
    "Affine": {"in": _size, "out": _size, "bias": _flag},
    "BatchNormalization": {
        "width": _size, "affine": _flag, "eps": _number, "momentum": _number, "unbiased": _flag,
    },
    "LayerNormalization": {"width": _size, "affine": _flag, "eps": _number},
    "PRelu": {"width": _size},
    "Dropout": {"ratio": _number},
    "Maxout": {"pieces": _size},
    "Gelu": {"approximate": _text},
    "Selu": {"alpha": _number, "gamma": _number},
    "HardSigmoid": {"alpha": _number, "beta": _number},
    **dict.fromkeys(("LeakyRelu", "Elu", "Celu", "Silu"), _ALPHA),
    **dict.fromkeys(
        (
            "Identity", "Step", "Relu", "Mish", "Sigmoid", "HardSwish", "LogSigmoid", "Tanh", "Softplus", "Softsign",
            "Softmax", "LogSoftmax", "Flatten",
        ),
        _NONE,
    ),
}  # fmt: skip
_REDUCED: dict[str, Callable[[Any], str]] = {"reduction": _text}
_LOSSES: dict[str, dict[str, Callable[[Any], str]]] = {
    "SoftmaxCrossEntropy": {
        **_REDUCED, "ignore_index": _optional_integer, "label_smoothing": _number, "class_weight": _weights,
    },
    "SigmoidCrossEntropy": _REDUCED,
    "MeanSquaredError": _REDUCED,
    "MeanAbsoluteError": _REDUCED,
    "SumSquaredError": {**_REDUCED, "factor": _number},
    "Huber": {**_REDUCED, "delta": _number},
    "Hinge": {**_REDUCED, "margin": _number, "class_weight": _weights},
}  # fmt: skip


class _Reader:
    """Takes a configuration apart; every complaint names the file and the place."""

    def __init__(self, where: str) -> None:
        self.where = where

    def check(self, good: bool, what: str) -> None:
        if not good:
            raise FormatError(f"{self.where}: {what}")

    def fields(self, value: Any, place: str, schema: Mapping[str, Callable[[Any], str]]) -> dict[str, Any]:
        self.check(isinstance(value, dict), f"{place} is not an object")
        settings = {name: setting for name, setting in value.items() if name != "kind"}
        for name in schema.keys() - settings.keys():
            self.check(False, f"{place} has no {name!r}")
        for name, setting in settings.items():
            self.check(name in schema, f"{place} has an unknown setting {name[:80]!r}")
            expected = schema[name](setting)
            self.check(not expected, f"{place}: {name} is {repr(setting)[:80]}; expected {expected}")
        return settings

    def kind(self, value: Any, place: str, known: Any) -> str:
        self.check(isinstance(value, dict), f"{place} is not an object")
        kind = value.get("kind")
        self.check(isinstance(kind, str) and kind in known, f"{place} has the unknown kind {repr(kind)[:80]}")
        return str(kind)

    def make(self, place: str, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What the constructor refuses is the file's fault."""
        try:
            return make(*args, **kwargs)
        except (ValueError, TypeError) as error:
            raise FormatError(f"{self.where}: {place}: {error}") from None


# ---- Writing


def _layer_config(index: int, layer: Any) -> dict[str, Any]:
    kind = type(layer).__name__
    if not is_native(layer) or getattr(layer_classes, kind, None) is not type(layer):
        raise TypeError(
            f"Network.save: layers[{index}] {layer!r} is written in Python; expected layers of nnfast only"
        )
    return {"kind": kind, **layer._config()}


def _loss_config(loss: Any) -> dict[str, Any]:
    kind = type(loss).__name__
    if not is_native_loss(loss) or getattr(loss_classes, kind, None) is not type(loss):
        raise TypeError(f"Network.save: the loss {loss!r} is written in Python; expected a loss of nnfast")
    config = {"kind": kind, **loss._config()}
    if "class_weight" in _LOSSES[kind]:
        config["class_weight"] = None if loss.class_weight is None else [float(w) for w in loss.class_weight]
    return config


def to_bytes(network: Network, *, optimizer: Optimizer | bool = False) -> bytes:
    """The safetensors file of a network; see :meth:`nnfast.Network.save`."""
    import json

    network._parts.sync()
    config: dict[str, Any] = {
        "version": _VERSION,
        "dtype": network.dtype.name,
        "layers": [_layer_config(index, layer) for index, layer in enumerate(network.layers)],
        "loss": _loss_config(network.loss_function),
        "l1": network.l1,
        "l2": network.l2,
        "seed": network.seed,
        "x_scale": float(network.x_scale),
        "training_steps": network.training_steps,
        "epochs_trained": network.epochs_trained,
        "optimizer": None,
    }
    if network.convention != "rows":  # what a file without it means
        config["convention"] = network.convention
    tensors: dict[str, Array] = {**network.params, **network._parts.statistics()}
    used = network.optimizer if optimizer is True else (None if optimizer is False else optimizer)
    if used is not None:
        if not isinstance(used, Optimizer) or optimizer_classes._CLASSES.get(type(used).__name__) is not type(
            used
        ):
            raise TypeError(
                f"Network.save: optimizer is {used!r}; expected an optimizer of nnfast, True or False"
            )
        state = used.state_dict(network)
        config["optimizer"] = {name: state[name] for name in ("kind", "settings", "iterations")}
        for name, arrays in state["state"].items():
            for key, array in zip(used._state_names, arrays, strict=True):
                tensors[f"optimizer.{key}.{name}"] = array
    return _safetensors.encode(tensors, {"format": "nnfast", "nnfast": json.dumps(config, allow_nan=False)})


def save(network: Network, path: str | os.PathLike[str], *, optimizer: Optimizer | bool = False) -> None:
    """See :meth:`nnfast.Network.save`."""
    _safetensors.write_file(path, to_bytes(network, optimizer=optimizer))


# ---- Reading


class _Tensors:
    """The tensors of a file, taken out one by one."""

    def __init__(self, reader: _Reader, tensors: dict[str, Array], dtype: np.dtype[Any]) -> None:
        self._reader, self._left, self._dtype = reader, dict(tensors), dtype

    def take(self, name: str, *shape: int) -> Array:
        """A vector may also be one row: (1, n)."""
        self._reader.check(name in self._left, f"there is no tensor {name!r}")
        array = self._left.pop(name)
        fits = array.shape == shape or (len(shape) == 1 and array.shape == (1, *shape))
        self._reader.check(fits, f"tensor {name!r} has shape {array.shape}; expected {shape}")
        self._reader.check(
            array.dtype == self._dtype, f"tensor {name!r} has dtype {array.dtype}; expected {self._dtype}"
        )
        return array.astype(self._dtype.newbyteorder("="), copy=False)

    def finish(self) -> None:
        names = ", ".join(repr(name[:80]) for name in list(self._left)[:5])
        self._reader.check(not self._left, f"there are tensors that belong to nothing: {names}")


def _make_layer(
    reader: _Reader, place: str, config: Any, take: Callable[..., Array], kind: str, dtype: np.dtype[Any]
) -> Layer:
    """A layer from its configuration; `take(attribute, *shape)` gives its tensors."""
    settings = reader.fields(config, place, _LAYERS[kind])
    cls = getattr(layer_classes, kind)
    args: list[Any] = []
    if kind == "Affine":
        args = [take("W", settings["in"], settings["out"])]
        args += [take("b", settings["out"])] if settings["bias"] else []
        settings = {}
    elif kind == "PRelu":
        args = [take("alpha", settings.pop("width"))]
    elif kind in ("BatchNormalization", "LayerNormalization"):
        width = settings["width"]
        settings |= {name: take(name, width) for name in cls._state_names}
        if settings["affine"]:
            args = [take("gamma", width), take("beta", width)]
            del settings["affine"], settings["width"]
        else:
            args = [settings.pop("width")]
            settings["dtype"] = dtype
    layer: Layer = reader.make(place, cls, *args, **settings)
    return layer


def _make_loss(reader: _Reader, config: Any) -> Loss:
    kind = reader.kind(config, "loss", _LOSSES)
    settings = reader.fields(config, "loss", _LOSSES[kind])
    loss: Loss = reader.make("loss", getattr(loss_classes, kind), **settings)
    return loss


def _make_optimizer(reader: _Reader, config: Any, network: Network, tensors: _Tensors) -> Optimizer:
    kind = reader.kind(config, "optimizer", optimizer_classes._CLASSES)
    cls = optimizer_classes._CLASSES[kind]
    outer = {"settings": lambda value: "" if isinstance(value, dict) else "an object", "iterations": _integer}
    fields = reader.fields(config, "optimizer", outer)
    schema = {name: _text if name.endswith("form") else _number for name in cls._fields}
    settings = reader.fields(fields["settings"], "optimizer.settings", schema)
    state = {
        name: [tensors.take(f"optimizer.{key}.{name}", *array.shape) for key in cls._state_names]
        for name, array in network.params.items()
    }
    optimizer: Optimizer = reader.make("optimizer", cls, **settings)
    saved = {"kind": kind, "settings": settings, "iterations": fields["iterations"], "state": state}
    reader.make("optimizer", optimizer.load_state_dict, saved)
    reader.make("optimizer", optimizer._state_of, network)
    return optimizer


_TOP: dict[str, Callable[[Any], str]] = {
    "version": _integer,
    "dtype": lambda value: "" if value in ("float32", "float64") else "'float32' or 'float64'",
    "layers": lambda value: "" if isinstance(value, list) and value else "a list of layers",
    "loss": lambda value: "" if isinstance(value, dict) else "an object",
    "l1": _number,
    "l2": _number,
    "seed": _count,
    "x_scale": _number,
    "training_steps": _count,
    "epochs_trained": _count,
    "convention": lambda value: "" if value in ("rows", "columns") else "'rows' or 'columns'",
    "optimizer": lambda value: "" if value is None or isinstance(value, dict) else "an object or null",
}


def from_bytes(data: bytes, cls: type[N], where: str = "Network") -> N:
    """The network of a safetensors file. FormatError says what is wrong with it; `where` names it there."""
    tensors, metadata = _safetensors.decode(data, where)
    reader = _Reader(where)
    reader.check("nnfast" in metadata, "the metadata has no 'nnfast'; this is not a network of nnfast")
    reader.check(len(metadata["nnfast"]) <= _MAX_CONFIG, "the configuration is longer than any network needs")
    config = parse_json(metadata["nnfast"], f"{where}: the configuration")
    version = config.get("version") if isinstance(config, dict) else None
    if type(version) is int and version > _VERSION:
        reader.check(False, f"the format version is {version}; this nnfast reads up to {_VERSION}")
    if isinstance(config, dict):
        config = {"convention": "rows", **config}
    top = reader.fields(config, "the configuration", _TOP)
    reader.check(version == _VERSION, f"the format version is {version}; expected {_VERSION}")
    reader.check(
        len(top["layers"]) <= _MAX_LAYERS, f"there are {len(top['layers'])} layers; expected <= {_MAX_LAYERS}"
    )

    dtype = np.dtype(top["dtype"])
    left = _Tensors(reader, tensors, dtype.newbyteorder("<"))
    numbering, counting = Numbering(), Numbering()
    layers = []
    for index, layer_config in enumerate(top["layers"]):
        place = f"layers[{index}]"
        kind = reader.kind(layer_config, place, _LAYERS)
        layer_class = getattr(layer_classes, kind)
        names = numbering.names(layer_class._param_names) | counting.names(layer_class._state_names)

        def take(key: str, *shape: int, names: dict[str, str] = names) -> Array:
            return left.take(names[key], *shape)

        layers.append(_make_layer(reader, place, layer_config, take, kind, dtype))
    network = cls.__new__(cls)
    reader.make(
        "the configuration", Computation.__init__, network, layers, _make_loss(reader, top["loss"]), dtype,
        l1=top["l1"], l2=top["l2"], seed=top["seed"], convention=top["convention"],
    )  # fmt: skip
    network.x_scale = top["x_scale"]
    network.training_steps = top["training_steps"]
    network.epochs_trained = top["epochs_trained"]
    if top["optimizer"] is not None:
        network.optimizer = _make_optimizer(reader, top["optimizer"], network, left)
    left.finish()
    return network


def load(path: str | os.PathLike[str], cls: type[N]) -> N:
    """See :meth:`nnfast.Network.load`."""
    where = f"Network.load: {os.fspath(path)}"
    with Path(path).open("rb") as file:
        # A file of another kind, of any length, need not be read to its end.
        head = file.read(8)
        if int.from_bytes(head, "little") > _safetensors.MAX_HEADER:
            return from_bytes(head, cls, where)
        file.seek(0)
        return from_bytes(file.read(), cls, where)


# ---- Copies of living networks


def _own_optimizer(network: Network) -> Optimizer | bool:
    used = network.optimizer
    known = optimizer_classes._CLASSES.get(type(used).__name__) is type(used)
    return used if known and isinstance(used, Optimizer) else False


def _is_native(network: Network) -> bool:
    return all(is_native(layer) for layer in network.layers) and is_native_loss(network.loss_function)


def _from_parts(
    cls: type[N], args: tuple[Any, ...], settings: dict[str, Any], attributes: dict[str, Any]
) -> N:
    network = cls.__new__(cls)
    Computation.__init__(network, *args, **{"convention": "rows", **settings})
    network.__dict__.update(attributes)
    return network


def _parts(network: Network) -> tuple[Any, ...]:
    """What makes a network with parts written in Python again."""
    network._parts.sync()
    args = list(network.layers), network.loss_function, network.dtype
    settings = {name: getattr(network, name) for name in ("l1", "l2", "seed", "convention")}
    attributes = {name: getattr(network, name) for name in ("x_scale", "training_steps", "epochs_trained")}
    return args, settings, attributes


def _from_pickle(cls: type[N], data: bytes) -> N:
    return from_bytes(data, cls, "pickle of a Network")


def copy(network: N) -> N:
    """See :meth:`nnfast.Network.copy`."""
    if _is_native(network):
        return _from_pickle(type(network), to_bytes(network, optimizer=_own_optimizer(network)))
    from copy import deepcopy

    return _from_parts(type(network), *deepcopy(_parts(network)))


def reduce(network: Network) -> tuple[Any, ...]:
    """For pickle: of the core's layers the validated bytes of a file, and never more than that."""
    if _is_native(network):
        return _from_pickle, (type(network), to_bytes(network, optimizer=_own_optimizer(network)))
    return _from_parts, (type(network), *_parts(network))
