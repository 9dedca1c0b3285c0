"""The import hook: when a course's module is imported, what we do as well takes its place in it."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import sys
from typing import TYPE_CHECKING, Any

from ._match import ANOTHER, behaviour, signature_of, stored_by, uses, with_defaults_of
from ._stand_ins import COURSES, PACKAGES, stand_ins

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["Hook"]


class Hook(importlib.abc.MetaPathFinder):
    """Finds the user's own module first. What it defines as the course does is replaced; the rest stays.

    Parameters
    ----------
    courses : sequence of str
        Whose modules are looked at.
    missing : bool
        Whether a module of a course that the user does not have is ours as a whole.

    Attributes
    ----------
    replaced : dict of module name -> list of names
    left : dict of module name -> dict of name -> why it stays the user's
    """

    def __init__(self, courses: Sequence[str], missing: bool) -> None:
        self.missing = missing
        self.replaced: dict[str, list[str]] = {}
        self.left: dict[str, dict[str, str]] = {}
        self._course = {name: course for course in reversed(courses) for name in COURSES[course][0]}
        self._kept: list[
            object
        ] = []  # objects that stayed the user's: kept alive, so that their ids are theirs
        self._before: list[tuple[Any, dict[str, Any]]] = []
        self._made: list[str] = []

    # ---- Finding

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Called by ``import``."""
        if name not in self._course and name not in PACKAGES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if name not in self._course:
            wanted = self.missing and any(module.startswith(name + ".") for module in self._course)
            if spec is None and wanted:
                spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
                self._made.append(name)
                return spec
            return None
        if spec is not None and spec.loader is not None:
            spec.loader = _Merging(spec.loader, self)
            return spec
        if self.missing:
            return importlib.util.spec_from_loader(name, _Whole(self))
        return None

    # ---- Replacing

    def fill(self, module: ModuleType) -> None:
        """Everything of ours into a module that the user does not have."""
        stand_in = next(stand_ins(self._course[module.__name__], module.__name__))
        names = [name for name in vars(stand_in.module) if not name.startswith("__")]
        vars(module).update({name: getattr(stand_in.module, name) for name in names})
        module.__doc__ = stand_in.module.__doc__
        if hasattr(stand_in.module, "__all__"):
            module.__all__ = stand_in.module.__all__  # type: ignore[attr-defined]
        self.replaced[module.__name__] = ["*"]
        self._made.append(module.__name__)

    def merge(self, module: ModuleType) -> None:
        """Ours for each name of the user's module that is the course's own."""
        namespace = vars(module)
        theirs = _with_methods(namespace)
        own = {
            name
            for name, value in theirs.items()
            if getattr(namespace[name.partition(".")[0]], "__module__", None) == module.__name__
            and (inspect.isfunction(value) or inspect.isclass(value) or "." in name)
        }
        found: dict[tuple[str, ...], dict[str, Any]] = {}
        why: dict[str, str] = {}
        for stand_in in stand_ins(self._course[module.__name__], module.__name__):
            namespace_of_ours = vars(stand_in.module)
            ours = _with_methods(namespace_of_ours)
            for group, probe in stand_in.probes.items():
                whole = {name for names in found for name in names}
                if any("." in name and name.partition(".")[0] in whole for name in group):
                    continue  # the class is replaced as a whole
                present = [name for name in group if name in own]
                if not present or group in found or any(name not in ours for name in present):
                    continue
                reason = _difference(group, theirs, ours, own)
                if not reason:
                    made = {name: with_defaults_of(theirs[name], ours[name]) for name in present}
                    reason = behaviour(probe, namespace, {**namespace_of_ours, **made})
                    if reason == "an error" and stand_in.repaired.issuperset(group):
                        reason = ""
                if reason == ANOTHER:
                    continue
                if reason:
                    # Of several variants the one that differs in its results only is the nearest.
                    nearer = reason == "other results"
                    why.update({name: reason if nearer else why.get(name, reason) for name in present})
                else:
                    found[group] = made
                    for name in present:
                        why.pop(name, None)
        self._keep_what_uses_the_users(theirs, found, why)

        replaced = {name: value for group in found.values() for name, value in group.items()}
        for name, value in replaced.items():
            owner, _, attribute = name.rpartition(".")
            target = namespace[owner] if owner else module
            self._before.append((target, {attribute: theirs[name]}))
            setattr(target, attribute, value)
        if replaced:
            self.replaced[module.__name__] = sorted(replaced)
        if why:
            self.left[module.__name__] = why

    def _keep_what_uses_the_users(
        self, theirs: dict[str, Any], found: dict[tuple[str, ...], dict[str, Any]], why: dict[str, str]
    ) -> None:
        """A class of the course that calls an edited function stays, as ours would call the course's function."""
        self._kept += [theirs[name] for name in why]
        changed = True
        while changed:
            changed = False
            kept = {id(value): value for value in self._kept}
            for group in list(found):
                used = {i for name in found[group] for i in uses(theirs[name], theirs)} & set(kept)
                if used:
                    others = ", ".join(sorted(getattr(kept[i], "__name__", "?") for i in used))
                    why.update(dict.fromkeys(found[group], f"uses your {others}"))
                    self._kept += [theirs[name] for name in found[group]]
                    del found[group]
                    changed = True

    def undo(self) -> None:
        """The user's own names again; modules that were ours as a whole are forgotten."""
        for module, before in reversed(self._before):
            for attribute, value in before.items():
                setattr(module, attribute, value)
        for name in self._made:
            sys.modules.pop(name, None)
        self._before.clear()
        self._made.clear()

    def merge_loaded(self) -> None:
        """Into the modules that are imported already, in the order of their import."""
        for name in [name for name in sys.modules if name in self._course]:
            if getattr(sys.modules[name], "__file__", None):
                self.merge(sys.modules[name])


def _with_methods(namespace: dict[str, Any]) -> dict[str, Any]:
    """The names of a module, and the functions of its classes as "Class.function"."""
    found = dict(namespace)
    for name, value in namespace.items():
        if inspect.isclass(value):
            found.update(
                (f"{name}.{key}", v)
                for key, v in vars(value).items()
                if inspect.isfunction(v) or isinstance(v, staticmethod)
            )
    return found


def _difference(group: tuple[str, ...], theirs: dict[str, Any], ours: dict[str, Any], own: set[str]) -> str:
    missing = [name for name in group if name not in own and name in ours]
    if missing:
        return f"{missing[0]} is not there or from elsewhere"
    for name in group:
        if signature_of(theirs[name]) != signature_of(ours[name]):
            return "other signature" if len(group) == 1 else f"other signature of {name}"
        # What a learner keeps for himself, ours would not have.
        owner = ours[name.partition(".")[0]]
        more = stored_by(theirs[name]) - stored_by(owner) - set(dir(owner))
        if more:
            return f"keeps {', '.join(sorted(more))} too"
    return ""


class _Merging(importlib.abc.Loader):
    """Runs the user's module, then merges ours into it."""

    def __init__(self, loader: Any, hook: Hook) -> None:
        self._loader = loader
        self._hook = hook

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        try:
            self._loader.exec_module(module)
        except (SyntaxError, ModuleNotFoundError) as error:
            # Nielsen's files are Python 2.
            python2 = isinstance(error, SyntaxError) or error.name == "cPickle"
            if not (python2 and self._hook.missing):
                raise
            self._hook.fill(module)
            return
        self._hook.merge(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class _Whole(importlib.abc.Loader):
    """Ours in place of a module that is not there."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self._hook.fill(module)
