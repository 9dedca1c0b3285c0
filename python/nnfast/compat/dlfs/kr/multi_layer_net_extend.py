"""``common/multi_layer_net_extend.py`` of the Korean edition: two methods call their arguments X and T."""

from typing import Any

from .. import multi_layer_net_extend as _jp

__all__ = ["MultiLayerNetExtend"]


class MultiLayerNetExtend(_jp.MultiLayerNetExtend):
    """:class:`nnfast.compat.dlfs.multi_layer_net_extend.MultiLayerNetExtend` with the Korean edition's keywords."""

    @_jp.both_spellings
    def accuracy(self, X: Any, T: Any) -> Any:
        """The share of rows whose largest score is that of T."""
        return super().accuracy(X, T)

    @_jp.both_spellings
    def numerical_gradient(self, X: Any, T: Any) -> dict[str, Any]:
        """Gradients by central differences, in training mode; slow."""
        grads: dict[str, Any] = super().numerical_gradient(X, T)
        return grads
