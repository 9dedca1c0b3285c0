"""Whether a name of the user's module is the course's own: the same signature, and the same results.

A learner's edit, a leaky Relu or another epsilon, is the learner's; only what behaves as the course says is replaced.
"""

from __future__ import annotations

import contextlib
import dis
import inspect
import io
import random
import re
import types
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "ANOTHER",
    "AnotherError",
    "behaviour",
    "same_but_for_rounding",
    "signature_of",
    "stored_by",
    "uses",
    "with_defaults_of",
]

ANOTHER = "another of the course's"
_RTOL = 1e-6
_ATOL = 1e-9
# Of a loss about 1, divided by a step of 1e-4 or 1e-5: what a gradient check prints is noise below.
_NOISE = 1e-11
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|nan|inf")


class AnotherError(Exception):
    """Raised by a probe: the name is the course's own, but that of another chapter, which we have nothing for."""


def _parameters(function: Any) -> tuple[Any, ...]:
    """Names and kinds, and which have a default."""
    signature = inspect.signature(function)
    return tuple((p.name, p.kind, p.default is p.empty) for p in signature.parameters.values())


def _methods(cls: type) -> dict[str, Any]:
    """Public methods and the special ones, inherited ones included; what is private is the class's own affair."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__[:-1]):
        for name, value in vars(base).items():
            special = name.startswith("__") and name.endswith("__")
            if isinstance(value, (types.FunctionType, staticmethod, classmethod)) and (
                special or not name.startswith("_")
            ):
                found[name] = value
    return found


def signature_of(value: Any) -> object:
    """Something that is equal for functions of equal parameters and for classes of equal methods."""
    if inspect.isclass(value):
        methods = {name: _parameters(getattr(value, name)) for name in _methods(value)}
        return "class", tuple(sorted(methods.items()))
    if isinstance(value, staticmethod):
        return "staticmethod", _parameters(value.__func__)
    if inspect.isfunction(value):
        return "function", _parameters(value)
    return "value", type(value).__name__


def _shown(function: types.FunctionType) -> list[str]:
    """The defaults as text; a class, the cost of network2 say, by its name: ours takes the place of theirs."""
    values = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    return [value.__qualname__ if isinstance(value, type) else repr(value) for value in values]


def stored_by(value: Any) -> set[str]:
    """The attributes that the code of a function or of a class's methods writes."""
    functions = vars_of(value) if inspect.isclass(value) else [value]
    found = set()
    for function in functions:
        inner = getattr(function, "__func__", function)
        if isinstance(inner, types.FunctionType):
            found |= {i.argval for i in dis.get_instructions(inner) if i.opname == "STORE_ATTR"}
    return found


def vars_of(cls: type) -> list[Any]:
    """What a class and its bases define."""
    return [value for base in cls.__mro__[:-1] for value in vars(base).values()]


def with_defaults_of(theirs: Any, ours: Any) -> Any:
    """Ours, with the default arguments that theirs has: a learner may well have changed those."""
    function, other = (value.__init__ if inspect.isclass(value) else value for value in (ours, theirs))
    if not isinstance(function, types.FunctionType) or not isinstance(other, types.FunctionType):
        return ours
    if _shown(function) == _shown(other):
        return ours
    copy = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, other.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = other.__kwdefaults__
    copy.__doc__, copy.__qualname__ = function.__doc__, function.__qualname__
    if not inspect.isclass(ours):
        copy.__module__ = ours.__module__
        return copy
    # Where pickle will look for it.
    names = {"__init__": copy, "__module__": theirs.__module__, "__doc__": ours.__doc__}
    return type(ours.__name__, (ours,), names)


def uses(value: Any, namespace: dict[str, Any]) -> set[int]:
    """The ids of the global objects that the code of a function or class names."""
    names: set[str] = set()

    def visit(code: types.CodeType) -> None:
        names.update(code.co_names)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                visit(constant)

    functions = vars_of(value) if inspect.isclass(value) else [value]
    for function in functions:
        inner = getattr(function, "__func__", function)
        if isinstance(inner, types.FunctionType):
            visit(inner.__code__)
    return {id(namespace[name]) for name in names if name in namespace}


# ---- Results


@contextlib.contextmanager
def _undisturbed() -> Iterator[io.StringIO]:
    """Draws, printed lines and warnings within leave no trace outside."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    printed = io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
        ):
            warnings.simplefilter("ignore")
            yield printed
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def _close(a: str, b: str, rtol: float) -> bool:
    """Two numbers as they were printed: equal up to rounding, or to the last of six or more decimals."""
    x, y = float(a), float(b)
    if np.isclose(x, y, rtol=rtol, atol=_NOISE, equal_nan=True):
        return True
    decimals = [len(text.partition(".")[2]) for text in (a, b) if "e" not in text.lower()]
    return len(decimals) == 2 and min(decimals) >= 6 and abs(x - y) < 1.5 * 10.0 ** -max(decimals)


def same_but_for_rounding(a: str, b: str, rtol: float) -> bool:
    """Whether two texts are equal but for the last digits of numbers."""
    if _NUMBER.sub("#", a) != _NUMBER.sub("#", b):
        return False
    return all(_close(x, y, rtol) for x, y in zip(_NUMBER.findall(a), _NUMBER.findall(b), strict=True))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return same_but_for_rounding(a, b, _RTOL)
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, (bool, type(None), type)) or isinstance(b, (bool, type(None), type)):
        return a is b
    try:
        x, y = np.asarray(a), np.asarray(b)
        if x.shape != y.shape or x.dtype != y.dtype:
            return False
        return bool(np.allclose(x, y, rtol=_RTOL, atol=_ATOL, equal_nan=True))
    except (TypeError, ValueError):
        return bool(a == b)


def behaviour(probe: Callable[[Any], Any], theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """Where the probe finds the same in both namespaces, nothing; else "other results", "an error" of theirs, or
    ANOTHER.
    """
    results = []
    for namespace in (theirs, ours):
        with _undisturbed() as printed:
            try:
                found = probe(types.SimpleNamespace(**namespace))
            except AnotherError:
                return ANOTHER
            except Exception:
                return "an error" if namespace is theirs else "other results"
        results.append((found, printed.getvalue()))
    return "" if _same(*results) else "other results"
