"""Course code on nnfast: stand-ins for the modules of three courses, and the hook that puts them in their place.

=============  ===================================================================================================
``dlfs``       *Deep Learning from Scratch* (Saito), Japanese edition: ``common.layers``, ``common.optimizer``, ...
``dlfs-kr``    the Korean edition
``cs231n``     Stanford CS231n: ``cs231n.layers``, ``cs231n.optim``, ``cs231n.solver``, ...
``nielsen``    *Neural Networks and Deep Learning* (Nielsen; 3Blue1Brown): ``network``, ``network2``, ``mnist_loader``
=============  ===================================================================================================

From the command line ``python -m nnfast run script.py`` runs a script of a course unchanged. In code:

>>> import nnfast.compat
>>> nnfast.compat.install("dlfs")
>>> from common.layers import Relu
>>> Relu.__module__
'nnfast.compat.dlfs.layers'
>>> nnfast.compat.uninstall()

Where the user's own module can be imported, only those of its functions and classes are replaced that have the
course's signature and give the course's results: what a learner has changed stays as it is.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from .. import _core

if TYPE_CHECKING:
    from ._hook import Hook

__all__ = ["install", "load_ipython_extension", "uninstall", "unload_ipython_extension"]

_installed: Hook | None = None


def install(course: str | None = None) -> None:
    """Let the modules of a course be nnfast's from now on, also those that are imported already.

    Names that other modules have taken from them before (``from common.layers import *``) stay what they are. NumPy's
    arrays take their memory from nnfast's pool meanwhile, which spares course code the page faults of its temporaries.

    Parameters
    ----------
    course : {"dlfs", "dlfs-kr", "cs231n", "nielsen"}, optional
        Its modules are there even where the user has none. None: what the user has of any course.

    Raises
    ------
    ValueError
        There is no such course.

    Examples
    --------
    >>> install("cs231n")
    >>> from cs231n.layers import affine_forward
    >>> uninstall()
    """
    global _installed
    from ._hook import Hook
    from ._stand_ins import COURSES

    if course is not None and course not in COURSES:
        expected = ", ".join(map(repr, COURSES))
        raise ValueError(f"install: course is {course!r}; expected one of {expected}")
    uninstall()
    courses = [course] if course is not None else [name for name in COURSES if name != "dlfs-kr"]
    _installed = Hook(courses, missing=course is not None)
    sys.meta_path.insert(0, _installed)
    _installed.merge_loaded()
    _core.pool_arrays_of_numpy(True)


def uninstall() -> None:
    """Put back what :func:`install` has replaced in modules, and forget the modules that it made."""
    global _installed
    if _installed is None:
        return
    if _installed in sys.meta_path:
        sys.meta_path.remove(_installed)
    _installed.undo()
    _installed = None
    _core.pool_arrays_of_numpy(False)


def load_ipython_extension(ipython: Any) -> None:
    """``%load_ext nnfast``: :func:`install` for whatever course the notebook's modules belong to."""
    install()


def unload_ipython_extension(ipython: Any) -> None:
    """``%unload_ext nnfast``: :func:`uninstall`."""
    uninstall()
