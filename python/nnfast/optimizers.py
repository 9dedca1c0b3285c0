"""Optimizers: ``update(params, grads)`` changes the arrays of `params` in place.

Where the field disagrees (p parameter, g gradient, v state, mu momentum):

=============  ======================================  =======================================================
               here, by default                        others
=============  ======================================  =======================================================
momentum       v = mu v - lr g; p += v (courses,       v = mu v + g; p -= lr v (PyTorch): ``form="torch"``.
               CS231n, Keras)                          The same until the learning rate changes
AdaGrad eps    sqrt(v) + 1e-7 (courses, Keras)         1e-10 (PyTorch)
Adam eps       mhat / (sqrt(vhat) + 1e-8) (CS231n,     lr_t m / (sqrt(v) + eps), lr_t = lr sqrt(1 - b2^t) /
               PyTorch)                                (1 - b1^t): ``eps_form="outside"``, with eps 1e-7
                                                       (*From Scratch*, Keras) or 1e-8 (scikit-learn)
weight decay   g += weight_decay p, all parameters     l2/2 |W|^2 in the loss, weights only (courses):
               (PyTorch)                               ``Network(l2=...)``; p -= lr weight_decay p: `AdamW`
clipping       by the norm of all gradients together   per array: not here
               (PyTorch, Keras' global_clipnorm)
=============  ======================================  =======================================================
"""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import _core
from ._arrays import choice, real

if TYPE_CHECKING:
    from ._typing import Array, Floats
    from .network import Network

__all__ = ["SGD", "AdaGrad", "Adam", "AdamW", "Momentum", "Nesterov", "Optimizer", "RMSprop"]


class _Setting:
    """A number of the core's specification that may be changed between steps."""

    def __init__(
        self, low: float, high: float = math.inf, *, above: bool = False, below: bool = False
    ) -> None:
        self.low, self.high, self.above, self.below = low, high, above, below

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Any, owner: type | None = None) -> Any:
        return self if optimizer is None else getattr(optimizer._spec, self.name)

    def check(self, where: str, value: object) -> float:
        return real(where, self.name, value, self.low, self.high, above=self.above, below=self.below)

    def __set__(self, optimizer: Any, value: float) -> None:
        setattr(optimizer._spec, self.name, self.check(type(optimizer).__name__, value))


class State:
    """What an optimizer remembers of one set of parameters."""

    def __init__(self, flat: tuple[Floats, ...] = ()) -> None:
        self.iterations = 0
        self.flat = flat  # over a Network's flat buffer; `named` then has views of them
        self.named: dict[str, tuple[Array, ...]] = {}


class Optimizer:
    """Base class of the optimizers.

    State is kept per parameter name for dicts of arrays, and per network for a :class:`nnfast.Network`, so one
    optimizer may serve several networks.

    Attributes
    ----------
    lr : float
        Learning rate; this and the other numbers may be changed between steps.
    weight_decay, l1, clip_value, clip_norm : float
        0: off. Gradients are clipped first, then decay is added.
    """

    _kind: ClassVar[str]
    _state_names: ClassVar[tuple[str, ...]] = ()
    _fields: ClassVar[tuple[str, ...]] = ("lr", "weight_decay", "l1", "clip_value", "clip_norm")

    lr = _Setting(0)
    weight_decay = _Setting(0)
    l1 = _Setting(0)
    clip_value = _Setting(0)
    clip_norm = _Setting(0)

    def __init__(self, **settings: Any) -> None:
        fixed = settings.pop("_fixed", {})
        for name, value in settings.items():
            settings[name] = getattr(type(self), name).check(type(self).__name__, value)
        self._spec = _core.OptimizerSpec(self._kind, **settings, **fixed)
        self._plain = State()
        self._bound: weakref.WeakKeyDictionary[Network, State] = weakref.WeakKeyDictionary()
        self._pending: tuple[int, dict[str, tuple[Array, ...]]] | None = None

    @property
    def iterations(self) -> int:
        """Steps made: the most of any set of parameters."""
        return max(self._plain.iterations, *(state.iterations for state in self._bound.values()), 0)

    def update(self, params: dict[str, Any], grads: dict[str, Any]) -> None:
        """One step: changes the arrays of `params` in place by the gradients of the same names.

        Raises
        ------
        KeyError
            A parameter has no gradient.
        TypeError, ValueError
            A parameter is not a writeable float32 or float64 array, or its gradient has another shape. Nothing has
            been changed then.

        Examples
        --------
        >>> params = {"W": np.array([1.0, 2.0])}
        >>> SGD(lr=0.5).update(params, {"W": np.array([2.0, 2.0])})
        >>> params["W"]
        array([0., 1.])
        """
        network = getattr(params, "network", None)
        state = self._plain if network is None else self._state_of(network)
        if network is not None and grads is network.grads and network._is_flat:
            flat = network._flat_params, network._flat_grads
            scale = self._scale([flat[1]])
            state.iterations += 1
            _core.optimizer_update(self._spec, state.iterations, *flat, state.flat, scale)
            return
        for name, p in params.items():
            self._check(name, p, grads)
        # `named` is filled before the first update: an allocation that fails leaves everything as it was.
        for name, p in params.items():
            known = state.named.get(name)
            if known is None or any(s.shape != p.shape or s.dtype != p.dtype for s in known):
                if known is not None:
                    raise ValueError(
                        f"{type(self).__name__}.update: {name} has shape {p.shape} and dtype {p.dtype}, but was "
                        f"{known[0].shape} and {known[0].dtype} before; expected another optimizer for it"
                    )
                state.named[name] = self._adopted(name, p) or tuple(
                    np.zeros_like(p) for _ in self._state_names
                )
        if self._pending is not None and network is None:
            state.iterations = self._pending[0]
            self._pending = None
        scale = self._scale([grads[name] for name in params])
        state.iterations += 1
        for name, p in params.items():
            _core.optimizer_update(self._spec, state.iterations, p, grads[name], state.named[name], scale)

    def _check(self, name: str, p: object, grads: dict[str, Any]) -> None:
        where = f"{type(self).__name__}.update"
        if not isinstance(p, np.ndarray) or p.dtype not in (np.float32, np.float64):
            what = f"an array of {p.dtype}" if isinstance(p, np.ndarray) else f"a {type(p).__name__}"
            raise TypeError(
                f"{where}: {name} is {what}; expected a float32 or float64 array to change in place"
            )
        if not p.flags.writeable:
            raise ValueError(f"{where}: {name} is read-only; expected an array to change in place")
        if name not in grads:
            raise KeyError(f"{where}: grads has no {name}; expected a gradient for every parameter")
        g = np.asarray(grads[name])
        if g.dtype.kind not in "fiub":
            raise TypeError(f"{where}: the gradient of {name} has dtype {g.dtype}; expected real numbers")
        if g.shape != p.shape:
            raise ValueError(f"{where}: the gradient of {name} has shape {g.shape}; expected {p.shape}")
        _core.check_update(f"{where}: {name}", p, grads[name])

    def _scale(self, grads: list[Any]) -> float:
        """What all gradients are multiplied by because of clip_norm."""
        if self.clip_norm == 0:
            return 1.0
        limit: float = self.clip_norm
        return min(1.0, limit / (math.sqrt(_core.squared_norm(grads)) + 1e-6))

    # ---- For Network

    def _state_of(self, network: Network) -> State:
        """The state over a network's flat buffer, new at the first call."""
        state = self._bound.get(network)
        if state is None:
            state = State(tuple(network._new_flat() for _ in self._state_names))
            for name in network._layout:
                state.named[name] = tuple(network._layout.view(flat, name) for flat in state.flat)
            if self._pending is not None:
                self._restore(state)
            self._bound[network] = state
        return state

    def _restore(self, state: State) -> None:
        """Fill a network's new state from load_state_dict."""
        assert self._pending is not None
        iterations, arrays = self._pending
        for name, views in state.named.items():
            saved = arrays.get(name)
            if (
                saved is None
                or len(saved) != len(views)
                or any(s.shape != v.shape for s, v in zip(saved, views, strict=True))
            ):
                raise ValueError(f"{type(self).__name__}: the loaded state does not fit the network's {name}")
            for view, array in zip(views, saved, strict=True):
                view[...] = array
        # Parameters of layers written in Python, whose arrays the network does not own.
        for name in arrays.keys() - state.named.keys():
            state.named[name] = tuple(np.array(a) for a in arrays[name])
        state.iterations = iterations
        self._pending = None

    def _adopted(self, name: str, p: Array) -> tuple[Array, ...] | None:
        saved = None if self._pending is None else self._pending[1].get(name)
        if saved is None:
            return None
        if any(a.shape != p.shape for a in saved):
            raise ValueError(
                f"{type(self).__name__}: the loaded state of {name} does not have shape {p.shape}"
            )
        return tuple(np.array(a, p.dtype) for a in saved)

    def _settings(self) -> dict[str, Any]:
        """The arguments that make this optimizer again."""
        return {name: getattr(self, name) for name in self._fields}

    # ---- Saving

    def state_dict(self, network: Network | None = None) -> dict[str, Any]:
        """Settings, number of steps and state as copies.

        The keys are "kind", "settings", "iterations" and "state": {name of the parameter: [arrays]}.

        `network` says whose state, where the optimizer has served several.
        """
        if network is not None:
            state = self._state_of(network)
        elif self._plain.named or not self._bound:
            state = self._plain
        elif len(self._bound) == 1:
            state = next(iter(self._bound.values()))
        else:
            raise ValueError(
                f"{type(self).__name__}.state_dict: it serves {len(self._bound)} networks; expected one named"
            )
        if state is self._plain and self._pending is not None:
            iterations, named = self._pending
        else:
            iterations, named = state.iterations, state.named
        return {
            "kind": type(self).__name__,
            "settings": self._settings(),
            "iterations": iterations,
            "state": {name: [np.array(a) for a in arrays] for name, arrays in named.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a `state_dict`: its settings at once, its state when parameters of these names are updated."""
        where = f"{type(self).__name__}.load_state_dict"
        if state.get("kind") != type(self).__name__:
            raise ValueError(f"{where}: state is of {state.get('kind')!r}; expected {type(self).__name__!r}")
        arrays = {name: tuple(np.array(a) for a in saved) for name, saved in state["state"].items()}
        for name, saved in arrays.items():
            if len(saved) != len(self._state_names):
                raise ValueError(
                    f"{where}: {name} has {len(saved)} arrays; expected {len(self._state_names)}"
                )
        iterations = int(state["iterations"])
        if iterations < 0:
            raise ValueError(f"{where}: iterations is {iterations}; expected an integer >= 0")
        fresh = type(self)(**state["settings"])
        self._spec = fresh._spec
        self._plain = State()
        self._bound = weakref.WeakKeyDictionary()
        self._pending = (iterations, arrays)

    def __getstate__(self) -> dict[str, Any]:
        return self.state_dict()

    def __setstate__(self, state: dict[str, Any]) -> None:
        type(self).__init__(self, **state["settings"])
        self.load_state_dict(state)

    def __repr__(self) -> str:
        settings = self._settings()
        shown = {
            k: v
            for k, v in settings.items()
            if k not in ("weight_decay", "l1", "clip_value", "clip_norm") or v
        }
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


_FORMS = ("classic", "torch")


class SGD(Optimizer):
    """p -= lr g."""

    _kind = "sgd"

    def __init__(
        self,
        lr: float = 0.01,
        *,
        weight_decay: float = 0.0,
        l1: float = 0.0,
        clip_value: float = 0.0,
        clip_norm: float = 0.0,
    ) -> None:
        super().__init__(lr=lr, weight_decay=weight_decay, l1=l1, clip_value=clip_value, clip_norm=clip_norm)


class Momentum(Optimizer):
    """v = momentum v - lr g; p += v (the courses, CS231n, Keras).

    ``form="torch"``: v = momentum v + g; p -= lr v (PyTorch), which differs once the learning rate changes.
    """

    _kind = "momentum"
    _state_names = ("v",)
    _fields = ("lr", "momentum", "form", *Optimizer._fields[1:])
    momentum = _Setting(0, 1)

    def __init__(
        self,
        lr: float = 0.01,
        momentum: float = 0.9,
        *,
        form: str = "classic",
        weight_decay: float = 0.0,
        l1: float = 0.0,
        clip_value: float = 0.0,
        clip_norm: float = 0.0,
    ) -> None:
        torch_form = choice(type(self).__name__, "form", form, _FORMS) == "torch"
        super().__init__(
            lr=lr, momentum=momentum, weight_decay=weight_decay, l1=l1, clip_value=clip_value, clip_norm=clip_norm,
            _fixed={"torch_form": torch_form},
        )  # fmt: skip

    @property
    def form(self) -> str:
        return _FORMS[self._spec.torch_form]


class Nesterov(Momentum):
    """v' = momentum v - lr g; p += momentum v' - lr g (Sutskever et al. 2013; the courses).

    ``form="torch"``: v = momentum v + g; p -= lr (g + momentum v).
    """

    _kind = "nesterov"


class AdaGrad(Optimizer):
    """v += g^2; p -= lr g / (sqrt(v) + eps) (Duchi et al. 2011).

    eps is 1e-7 in the courses and Keras, 1e-10 in PyTorch.
    """

    _kind = "adagrad"
    _state_names = ("v",)
    _fields = ("lr", "eps", *Optimizer._fields[1:])
    eps = _Setting(0, above=True)

    def __init__(
        self,
        lr: float = 0.01,
        eps: float = 1e-7,
        *,
        weight_decay: float = 0.0,
        l1: float = 0.0,
        clip_value: float = 0.0,
        clip_norm: float = 0.0,
    ) -> None:
        super().__init__(
            lr=lr, eps=eps, weight_decay=weight_decay, l1=l1, clip_value=clip_value, clip_norm=clip_norm
        )


class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g^2; p -= lr g / (sqrt(v) + eps) (Tieleman and Hinton 2012).

    rho is `decay_rate` in the courses and CS231n, `alpha` in PyTorch. Defaults of PyTorch; Keras has rho 0.9, eps 1e-7,
    *Deep Learning from Scratch* eps 1e-7.
    """

    _kind = "rmsprop"
    _state_names = ("v",)
    _fields = ("lr", "rho", "eps", *Optimizer._fields[1:])
    rho = _Setting(0, 1)
    eps = _Setting(0, above=True)

    def __init__(
        self,
        lr: float = 0.01,
        rho: float = 0.99,
        eps: float = 1e-8,
        *,
        weight_decay: float = 0.0,
        l1: float = 0.0,
        clip_value: float = 0.0,
        clip_norm: float = 0.0,
    ) -> None:
        super().__init__(
            lr=lr,
            rho=rho,
            eps=eps,
            weight_decay=weight_decay,
            l1=l1,
            clip_value=clip_value,
            clip_norm=clip_norm,
        )


_EPS_FORMS = ("hat", "outside")


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr mhat / (sqrt(vhat) + eps) (Kingma and Ba 2015).

    ``eps_form="outside"``: p -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps), with eps 1e-7 in *Deep Learning
    from Scratch* and Keras, 1e-8 in scikit-learn. `weight_decay` enters the gradient (PyTorch's Adam); see `AdamW`.
    """

    _kind = "adam"
    _state_names = ("m", "v")
    _fields = ("lr", "beta1", "beta2", "eps", "eps_form", *Optimizer._fields[1:])
    _decoupled: ClassVar[bool] = False
    beta1 = _Setting(0, 1, below=True)
    beta2 = _Setting(0, 1, below=True)
    eps = _Setting(0, above=True)

    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        *,
        eps_form: str = "hat",
        weight_decay: float = 0.0,
        l1: float = 0.0,
        clip_value: float = 0.0,
        clip_norm: float = 0.0,
    ) -> None:
        outside = choice(type(self).__name__, "eps_form", eps_form, _EPS_FORMS) == "outside"
        super().__init__(
            lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay, l1=l1, clip_value=clip_value,
            clip_norm=clip_norm, _fixed={"eps_outside_hat": outside, "decoupled": self._decoupled},
        )  # fmt: skip

    @property
    def eps_form(self) -> str:
        return _EPS_FORMS[self._spec.eps_outside_hat]


class AdamW(Adam):
    """Adam with decoupled weight decay: p -= lr weight_decay p, besides Adam's step (Loshchilov and Hutter 2019).

    The default 0.01 is PyTorch's; Keras has 0.004. It acts on all parameters, biases too.
    """

    _decoupled = True

    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        *,
        eps_form: str = "hat",
        weight_decay: float = 0.01,
        l1: float = 0.0,
        clip_value: float = 0.0,
        clip_norm: float = 0.0,
    ) -> None:
        super().__init__(
            lr, beta1, beta2, eps, eps_form=eps_form, weight_decay=weight_decay, l1=l1, clip_value=clip_value,
            clip_norm=clip_norm,
        )  # fmt: skip


_CLASSES: dict[str, type[Optimizer]] = {
    cls.__name__: cls for cls in (SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam, AdamW)
}


def get(where: str, optimizer: object) -> Any:
    """An optimizer from its name in any case, or the object itself where it has an update method."""
    if isinstance(optimizer, str):
        for name, cls in _CLASSES.items():
            if name.lower() == optimizer.lower():
                return cls()
        raise ValueError(f"{where}: optimizer is {optimizer!r}; expected one of {', '.join(_CLASSES)}")
    if isinstance(optimizer, type) or not callable(getattr(optimizer, "update", None)):
        raise TypeError(f"{where}: optimizer is {optimizer!r}; expected an optimizer such as Adam()")
    return optimizer
