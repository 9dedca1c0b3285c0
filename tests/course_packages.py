"""The learners' projects in tests/courses/cs231n and tests/courses/nielsen, under names that nobody else uses."""

import functools
import importlib
import importlib.util
import inspect
import pathlib
import sys
import types

from nnfast.compat._match import behaviour

COURSES = pathlib.Path(__file__).parent / "courses"
SAMPLE = pathlib.Path(__file__).parents[1] / "python" / "nnfast" / "data" / "mnist_sample"


def _load(name, file, **options):
    spec = importlib.util.spec_from_file_location(name, file, **options)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@functools.cache
def cs231n():
    """layers, layer_utils, fast_layers, optim, gradient_check, solver, fc_net in plain NumPy."""
    folder = COURSES / "cs231n" / "cs231n"
    _load("_plain_cs231n", folder / "__init__.py", submodule_search_locations=[str(folder)])
    names = ["layers", "layer_utils", "fast_layers", "optim", "gradient_check", "solver", "data_utils"]
    modules = {name: importlib.import_module(f"_plain_cs231n.{name}") for name in names}
    modules["fc_net"] = importlib.import_module("_plain_cs231n.classifiers.fc_net")
    return types.SimpleNamespace(**modules)


@functools.cache
def nielsen():
    """network, network2, mnist_loader in plain NumPy."""
    names = ["network", "network2", "mnist_loader"]
    return types.SimpleNamespace(
        **{name: _load(f"_plain_{name}", COURSES / "nielsen" / f"{name}.py") for name in names}
    )


def edited(module, name, old, new):
    """The names of a module whose function or class `name` somebody has edited."""
    source = inspect.getsource(getattr(module, name))
    assert old in source
    names = dict(vars(module))
    exec(source.replace(old, new), names)
    return names


def alike(probe, theirs, ours):
    """Whether a probe finds the same in both."""
    return behaviour(probe, theirs, ours) == ""
