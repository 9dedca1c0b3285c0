"""Names for annotations. Imported by type checkers only: numpy.random and numpy.typing cost more than all of nnfast."""

from collections.abc import Callable as Callable
from collections.abc import Sequence as Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike as ArrayLike
from numpy.typing import DTypeLike as DTypeLike
from numpy.typing import NDArray as NDArray

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Indices: TypeAlias = NDArray[np.int64]
Shape: TypeAlias = tuple[int, ...]
Seed: TypeAlias = int | np.random.Generator | None
Initializer: TypeAlias = str | float | Callable[[Shape, np.random.Generator], ArrayLike]
ClassWeight: TypeAlias = ArrayLike | dict[int, float] | str | None


class LayerLike(Protocol):
    """What a layer written in Python offers to a Network."""

    def forward(self, x: Any) -> Any: ...
    def backward(self, dy: Any) -> Any: ...


class LossLike(Protocol):
    """What a loss written in Python offers to a Network."""

    def forward(self, y: Any, t: Any) -> Any: ...
    def backward(self) -> Any: ...


class OptimizerLike(Protocol):
    """What an optimizer written in Python offers to a Network."""

    def update(self, params: dict[str, Any], grads: dict[str, Any]) -> Any: ...
