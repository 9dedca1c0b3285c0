"""The fully connected networks of CS231n, as in ``cs231n/classifiers/fc_net.py``.

The constructor of :class:`FullyConnectedNet` takes the keywords of every year, and they decide what they mean:
``dropout_keep_ratio``, or ``dropout`` alone (2018, 2019), is the share that is kept; ``dropout`` together with
``use_batchnorm`` (2016) is the share that is dropped.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .... import _core
from ...nielsen._unpickle import load_array
from .. import layers
from .._plain import all_alike

if TYPE_CHECKING:
    from ...._typing import Array, DTypeLike

__all__ = ["FullyConnectedNet", "TwoLayerNet", "np"]


def _weights_gradients(dout: Array, rows: Array, w: Array, b: Array, reg: Any) -> tuple[Array, Array]:
    """(x^T dout + reg w, sum of dout): of the first layer, where nobody asks for dx."""
    rows = rows.reshape(rows.shape[0], -1)
    if reg and all_alike(dout, rows, w):
        try:
            # reg w stands where the product is added to: one pass over the weights less
            dw: Any = _core.gemm(rows.T, dout, _core.scale(w, reg), 1.0, 1.0)
        except (ValueError, TypeError):
            pass
        else:
            return dw, np.sum(dout, axis=0).reshape(b.shape)
    found = _core.course_affine_gradients(dout, rows, w, False)
    _, dw, db = (None, rows.T.dot(dout), np.sum(dout, axis=0)) if found is None else found
    return dw + reg * w if reg else dw, db.reshape(b.shape)


def _penalty(params: dict[str, Array], count: int, reg: Any) -> Any:
    total: Any = 0.0
    if reg:
        for i in range(1, count + 1):
            w = params[f"W{i}"]
            norm = w.dtype.type(_core.squared_norm([w])) if w.dtype.char in "df" else np.sum(w * w)
            total += 0.5 * reg * norm
    return total


def _chain(
    params: dict[str, Array], count: int, rows: Array, norm: str | None = None, bn_params: Any = ()
) -> Any:
    """A :class:`_core.CourseChain` that has gone forward; None where the layers have to do it one by one."""
    weights = [params[f"{kind}{i}"] for i in range(1, count + 1) for kind in "Wb"]
    kind, norms = "none", []
    for i, bn_param in enumerate(bn_params if norm else (), 1):
        kind = "layer"
        norms += [params[f"gamma{i}"], params[f"beta{i}"], bn_param.get("eps", 1e-5)]
        if norm == "batchnorm":
            kind = "batch" if bn_param["mode"] == "train" else "running"
        if kind == "running":
            norms += [bn_param.get("running_mean"), bn_param.get("running_var")]
    return _core.course_chain(rows, weights, norms, kind, "relu", False)


def _chain_gradients(chain: Any, dscores: Array, params: dict[str, Array], reg: Any) -> Any:
    """Of all parameters, with the decay of the weights; None where the layers have to do it one by one."""
    found = chain.backward(dscores, float(reg))
    if found is None:
        return None
    grads: dict[str, Array] = {}
    for i, (dw, db, dgamma, dbeta) in reversed(list(enumerate(found, 1))):
        if dgamma is not None:
            grads[f"gamma{i}"], grads[f"beta{i}"] = dgamma, dbeta
        both = {f"b{i}": db.reshape(params[f"b{i}"].shape), f"W{i}": dw}
        grads |= both if i > 1 else dict(reversed(both.items()))  # the order in which the layers give them
    return grads


def _decay(dw: Array, w: Array, reg: Any) -> Array:
    """dw + reg w, in dw, which is a new array."""
    if reg:
        if dw.dtype == w.dtype:
            dw += reg * w
        else:
            dw = dw + reg * w
    return dw


class _Saved:
    """save and load of the newer years' networks."""

    params: dict[str, Array]

    @staticmethod
    def _file(fname: str) -> Path:
        home = Path("cs231n")
        return (home if home.is_dir() else Path()) / "saved" / fname

    def save(self, fname: str) -> None:
        """Write the parameters to the folder ``saved`` of ``cs231n``, or of the current folder.

        Parameters
        ----------
        fname : str
            A name that ends in ``.npy``.
        """
        file = self._file(fname)
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, np.array(self.params, dtype=object))
        print(fname, "saved.")

    def load(self, fname: str) -> bool:
        """Read what :meth:`save` has written.

        Parameters
        ----------
        fname : str

        Returns
        -------
        bool
            Whether there was such a file.

        Raises
        ------
        nnfast.FormatError
            The file holds something else than arrays.
        """
        file = self._file(fname)
        if not file.exists():
            print(fname, "not available.")
            return False
        self.params = load_array(file).item()
        print(fname, "loaded.")
        return True


class TwoLayerNet(_Saved):
    """affine - relu - affine - softmax.

    Parameters
    ----------
    input_dim, hidden_dim, num_classes : int
    weight_scale : float
        Standard deviation of the starting weights, drawn from the global generator; biases start at 0.
    reg : float
        The loss gets reg / 2 times the sum of the squared weights.

    Attributes
    ----------
    params : dict
        W1, b1, W2, b2, float64.
    reg : float

    Examples
    --------
    >>> net = TwoLayerNet(input_dim=4, hidden_dim=5, num_classes=3)
    >>> net.loss(np.ones((2, 4))).shape
    (2, 3)
    >>> loss, grads = net.loss(np.ones((2, 4)), np.array([0, 1]))
    >>> sorted(grads)
    ['W1', 'W2', 'b1', 'b2']
    """

    def __init__(
        self,
        input_dim: int = 3 * 32 * 32,
        hidden_dim: int = 100,
        num_classes: int = 10,
        weight_scale: float = 1e-3,
        reg: float = 0.0,
    ) -> None:
        self.params = {}
        self.reg = reg
        self.params["W1"] = weight_scale * np.random.randn(input_dim, hidden_dim)
        self.params["b1"] = np.zeros(hidden_dim)
        self.params["W2"] = weight_scale * np.random.randn(hidden_dim, num_classes)
        self.params["b2"] = np.zeros(num_classes)

    def loss(self, X: Array, y: Array | None = None) -> Any:
        """Scores, or the loss and its gradients.

        Parameters
        ----------
        X : ndarray (N, d_1, ..., d_k)
        y : ndarray (N,) of integers, optional
            Labels.

        Returns
        -------
        scores : ndarray (N, num_classes)
            Where there is no y; else
        loss, grads : scalar, dict
            The gradients have the names of the parameters.
        """
        params, reg = self.params, self.reg
        chain = _chain(params, 2, X.reshape(X.shape[0], -1))
        if chain is not None:
            if y is None:
                return chain.y
            loss, dscores = layers.softmax_loss(chain.y, y)
            found = _chain_gradients(chain, dscores, params, reg)
            if found is not None:
                return loss + _penalty(params, 2, reg), {
                    name: found[name] for name in ("W1", "b1", "W2", "b2")
                }
        a, _ = layers.affine_forward(X, params["W1"], params["b1"])
        hidden, _ = layers.relu_forward(a)
        scores, cache = layers.affine_forward(hidden, params["W2"], params["b2"])
        if y is None:
            return scores
        loss, dscores = layers.softmax_loss(scores, y)
        dhidden, dw2, db2 = layers.affine_backward(dscores, cache)
        da = layers.relu_backward(dhidden, a)
        dw1, db1 = _weights_gradients(da, X, params["W1"], params["b1"], reg)
        dw2 = _decay(dw2, params["W2"], reg)
        return loss + _penalty(params, 2, reg), {"W1": dw1, "b1": db1, "W2": dw2, "b2": db2}


class FullyConnectedNet(_Saved):
    """{affine - [batch or layer normalization] - relu - [dropout]} for every hidden layer, then affine - softmax.

    Parameters
    ----------
    hidden_dims : list of int
    input_dim, num_classes : int
    dropout_keep_ratio : float
        The share of values that dropout keeps; 1 for no dropout.
    normalization : {None, "batchnorm", "layernorm"}
    reg : float
        The loss gets reg / 2 times the sum of the squared weights.
    weight_scale : float
        Standard deviation of the starting weights, drawn from the global generator layer by layer.
    dtype : dtype
        Of the parameters; X is cast to it.
    seed : int, optional
        Every dropout layer seeds the global generator with it, for gradient checks.
    dropout : float, optional
        Instead of dropout_keep_ratio; with `use_batchnorm`, the share that is dropped, 0 for no dropout.
    use_batchnorm : bool, optional
        Instead of `normalization`.

    Attributes
    ----------
    params : dict
        W1, b1, [gamma1, beta1], W2, ...
    reg, num_layers, dtype, use_dropout, normalization, dropout_param, bn_params

    Examples
    --------
    >>> net = FullyConnectedNet(
    ...     [8, 6], input_dim=4, num_classes=3, normalization="batchnorm", dtype=np.float64
    ... )
    >>> list(net.params)
    ['W1', 'b1', 'gamma1', 'beta1', 'W2', 'b2', 'gamma2', 'beta2', 'W3', 'b3']
    """

    def __init__(
        self,
        hidden_dims: list[int],
        input_dim: int = 3 * 32 * 32,
        num_classes: int = 10,
        dropout_keep_ratio: float = 1,
        normalization: str | None = None,
        reg: float = 0.0,
        weight_scale: float = 1e-2,
        dtype: DTypeLike = np.float32,
        seed: int | None = None,
        *,
        dropout: float | None = None,
        use_batchnorm: bool | None = None,
    ) -> None:
        ratio = dropout_keep_ratio if dropout is None else dropout
        off = 1
        if use_batchnorm is not None:
            self.use_batchnorm = use_batchnorm
            normalization = "batchnorm" if use_batchnorm else None
            ratio, off = dropout or 0, 0
        self.normalization = normalization
        self.use_dropout = ratio != off
        self.reg = reg
        self.num_layers = 1 + len(hidden_dims)
        self.dtype = dtype
        self.params = {}
        sizes = [input_dim, *hidden_dims, num_classes]
        for i in range(1, len(sizes)):
            weights = weight_scale * np.random.randn(sizes[i - 1], sizes[i])
            self.params[f"W{i}"] = weights.astype(dtype)
            self.params[f"b{i}"] = np.zeros(sizes[i], dtype)
            if normalization in ("batchnorm", "layernorm") and i < self.num_layers:
                self.params[f"gamma{i}"] = np.ones(sizes[i], dtype)
                self.params[f"beta{i}"] = np.zeros(sizes[i], dtype)
        self.dropout_param: dict[str, Any] = {}
        if self.use_dropout:
            self.dropout_param = {"mode": "train", "p": ratio}
            if seed is not None:
                self.dropout_param["seed"] = seed
        self.bn_params: list[dict[str, Any]] = []
        if normalization == "batchnorm":
            self.bn_params = [{"mode": "train"} for _ in hidden_dims]
        elif normalization == "layernorm":
            self.bn_params = [{} for _ in hidden_dims]

    def loss(self, X: Array, y: Array | None = None) -> Any:
        """Scores in test mode, or the loss and its gradients in training mode.

        Parameters
        ----------
        X : ndarray (N, d_1, ..., d_k)
            Cast to the network's dtype.
        y : ndarray (N,) of integers, optional
            Labels.

        Returns
        -------
        scores : ndarray (N, num_classes)
            Where there is no y; else
        loss, grads : scalar, dict
            The gradients have the names of the parameters.
        """
        # Only what the assignment fixes is looked at: this also runs as a method of a learner's own class.
        X = X.astype(self.dtype, copy=False)
        mode = "test" if y is None else "train"
        year2016 = getattr(self, "use_batchnorm", None)
        norm = getattr(self, "normalization", "batchnorm" if year2016 else None)
        drop = year2016 is not None or layers.DROPOUT_P == "drop"
        if self.use_dropout:
            self.dropout_param["mode"] = mode
        if norm == "batchnorm":
            for bn_param in self.bn_params:
                bn_param["mode"] = mode
        params, count = self.params, self.num_layers
        chain = (
            None
            if self.use_dropout
            else _chain(params, count, X.reshape(X.shape[0], -1), norm, self.bn_params)
        )
        if chain is not None:
            if y is None:
                return chain.y
            loss, dout = layers.softmax_loss(chain.y, y)
            found = _chain_gradients(chain, dout, params, self.reg)
            if found is not None:
                for i, bn_param in enumerate(self.bn_params if norm == "batchnorm" else ()):
                    layers._follow_batch(bn_param, chain.statistics(i), X.shape[0])
                return loss + _penalty(params, count, self.reg), found
        caches = []
        h = X
        for i in range(1, count):
            a, fc_cache = layers.affine_forward(h, params[f"W{i}"], params[f"b{i}"])
            norm_cache: Any = None
            if norm == "batchnorm":
                a, norm_cache = layers.batchnorm_forward(
                    a, params[f"gamma{i}"], params[f"beta{i}"], self.bn_params[i - 1]
                )
            elif norm == "layernorm":
                a, norm_cache = layers.layernorm_forward(
                    a, params[f"gamma{i}"], params[f"beta{i}"], self.bn_params[i - 1]
                )
            h, relu_cache = layers.relu_forward(a)
            drop_cache: Any = None
            if self.use_dropout:
                h, drop_cache = layers._dropout(h, self.dropout_param, drop)
            caches.append((fc_cache, norm_cache, relu_cache, drop_cache))
        scores, fc_cache = layers.affine_forward(h, params[f"W{count}"], params[f"b{count}"])
        if y is None:
            return scores
        loss, dout = layers.softmax_loss(scores, y)
        grads: dict[str, Array] = {}
        for i in range(count, 0, -1):
            if i < count:
                fc_cache, norm_cache, relu_cache, drop_cache = caches[i - 1]
                if self.use_dropout:
                    dout = layers.dropout_backward(dout, drop_cache)
                dout = layers.relu_backward(dout, relu_cache)
                if norm == "batchnorm":
                    dout, grads[f"gamma{i}"], grads[f"beta{i}"] = layers.batchnorm_backward(dout, norm_cache)
                elif norm == "layernorm":
                    dout, grads[f"gamma{i}"], grads[f"beta{i}"] = layers.layernorm_backward(dout, norm_cache)
            w = params[f"W{i}"]
            if i == 1:
                grads["W1"], grads["b1"] = _weights_gradients(dout, X, w, params["b1"], self.reg)
            else:
                dout, dw, grads[f"b{i}"] = layers.affine_backward(dout, fc_cache)
                grads[f"W{i}"] = _decay(dw, w, self.reg)
        return loss + _penalty(params, count, self.reg), grads
