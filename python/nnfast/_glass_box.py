"""A network to look into: the courses' notation, recorded passes, gradients of single samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._computation import Computation
from ._notation import PerLayer, Sensitivity
from ._tracing import Trace, visits
from .layers import Affine
from .losses import is_native_loss

if TYPE_CHECKING:
    from ._tracing import Visit
    from ._typing import Array, ArrayLike


class GlassBox(Computation):
    """What :class:`nnfast.Network` shows of its inside."""

    _recorded: dict[str, list[Array]] | None = None

    # ---- The courses' notation: layer l = 1..L, weights from its inputs; layer 0 is the input

    @property
    def L(self) -> int:
        """How many layers have weights; the input is not counted."""
        return len(self._arrays_of("W"))

    @property
    def n(self) -> tuple[int, ...]:
        """n[l] is how many neurons layer l has; n[0] inputs. Before a Maxout it counts the columns of z[l]."""
        shapes = [W.shape for W in self._arrays_of("W")]
        if not shapes:
            return () if self._in is None else (self._in,)
        return (shapes[0][0], *(shape[1] for shape in shapes))

    @property
    def W(self) -> PerLayer:
        """W[l] (n[l], n[l-1]): row = to, column = from; the transposed view of ``params["W1"]``, ... Writable."""
        return PerLayer("W", [W.T for W in self._arrays_of("W")])

    @property
    def b(self) -> PerLayer:
        """b[l] (n[l],), with ``convention="columns"`` (n[l], 1): a writable view; None where a layer has no bias."""
        return PerLayer("b", [self._column(b) for b in self._arrays_of("b")])

    @property
    def dW(self) -> PerLayer:
        """Gradients in the orientation of :attr:`W`, as of the last ``gradient``."""
        return PerLayer("dW", [None if dW is None else dW.T for dW in self._arrays_of("W", gradients=True)])

    @property
    def db(self) -> PerLayer:
        """Gradients of :attr:`b`, as of the last ``gradient``."""
        return PerLayer("db", [self._column(db) for db in self._arrays_of("b", gradients=True)])

    @property
    def z(self) -> PerLayer:
        """z[l] (batch, n[l]): the weighted sums of the last :meth:`forward`."""
        return PerLayer("z", self._record()["z"])

    @property
    def a(self) -> PerLayer:
        """a[l] (batch, n[l]): the activations of the last :meth:`forward`, which layer l+1 gets.

        a[0] is the input, a[L] the output of the network.
        """
        return PerLayer("a", self._record()["a"], first=0)

    def forward(self, x: ArrayLike, training: bool = False) -> Array:
        """What ``predict`` gives, recorded: afterwards :attr:`z` and :attr:`a` have the values between the layers.

        Parameters
        ----------
        x : array (batch, in), or (in,)
        training : bool
            Whether the pass is that of the next ``gradient``: statistics of this batch, a dropout mask. Running
            statistics are left as they are.

        Returns
        -------
        array (batch, out), or (out,)

        Examples
        --------
        >>> import nnfast as nn
        >>> net = nn.Network([nn.Affine([[1.0, -1.0], [1.0, 1.0]]), nn.Relu(), nn.Affine([[1.0], [2.0]])])
        >>> net.forward([1.0, 2.0])
        array([5.])
        >>> net.n, net.z[1], net.a[1]
        ((2, 2, 1), array([3., 1.]), array([3., 1.]))
        >>> bool((net.W[2] @ net.a[1] == net.z[2]).all())
        True
        """
        array = self._input("Network.forward", x, single=True)
        single = self._in is not None and array.ndim == 1
        trace = Trace(self, self._floats(array)[None] if single else self._floats(array), training)
        z, a = [], [trace.x]
        for visit in trace.visits:
            if visit.number is not None:
                z.append(visit.y)
                if visit.number > 1:
                    a.append(visit.x)
        a += [trace.y] if z else []
        shown = (lambda v: v[0]) if single else self._shown
        self._recorded = {"z": [shown(v) for v in z], "a": [shown(v) for v in a]}
        y: Array = shown(trace.y)
        return y

    def _record(self) -> dict[str, list[Array]]:
        if self._recorded is None:
            raise RuntimeError("Network: no forward pass is recorded; call network.forward(x) first")
        return self._recorded

    def _arrays_of(self, key: str, gradients: bool = False) -> list[Any]:
        """By layer with weights; None where there is no such array."""
        self._parts.sync()
        self._show_python(gradients=False)
        source = self.grads if gradients else self.params
        weighted = [visit.names for visit in visits(self) if visit.number is not None]
        return [source[names[key]] if key in names else None for names in weighted]

    def _column(self, b: Array | None) -> Array | None:
        return b if b is None or self.convention == "rows" else b.reshape(-1, 1)

    # ---- Losses and gradients of single samples

    def per_sample_loss(self, x: ArrayLike, t: ArrayLike) -> Array:
        """The cost of every sample (batch,), whose mean is ``loss(x, t)``, the penalty included.

        With a loss that sums over the batch, the sum over the samples is the loss without its penalty.

        Examples
        --------
        >>> import numpy as np, nnfast as nn
        >>> net = nn.Network([nn.Affine(np.eye(2))], nn.SumSquaredError(factor=1, reduction="batch_mean"))
        >>> net.per_sample_loss([[1.0, 0.0], [3.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
        array([0., 9.])
        """
        where = "Network.per_sample_loss"
        inputs, targets = self._batch(where, x, t)
        y = self._scores_of(inputs)
        loss = self.loss_function
        penalty = self._penalty()
        if not is_native_loss(loss):
            single = [
                self._loss_of(where, y[i : i + 1], targets[i : i + 1], None, None) for i in range(len(inputs))
            ]
            return np.array(single) + penalty
        weight = loss.class_weight
        spec = _core.LossSpec(loss._spec.kind, reduction="none", **loss._settings)
        losses: Array = np.asarray(_core.loss(spec, where, y, targets, weight, None))
        total = float(_core.loss(loss._spec, where, y, targets, weight, None))
        summed = float(losses.sum(dtype=np.float64))
        if loss.reduction == "sum":
            return losses
        # Summed and divided by what the reduction divides by, the losses are the total.
        scale = len(losses) * total / summed if summed else 1.0 if total == 0 else np.nan
        result: Array = losses * losses.dtype.type(scale) + losses.dtype.type(penalty)
        return result

    def input_gradient(self, x: ArrayLike, t: ArrayLike, *, training: bool = False) -> Array:
        """Derivative of the loss by the inputs, of the shape of x: which pixels matter, and in which direction.

        Bytes (uint8) are taken as the network takes them: the derivative is by the scaled input.
        """
        where = "Network.input_gradient"
        inputs, targets = self._batch(where, x, t)
        trace, dy = self._traced(where, inputs, targets, training)
        dx = self._shown(trace.backward(dy).reshape(np.shape(inputs)))
        return dx.reshape(np.shape(x))

    def sensitivity(self, x: ArrayLike, t: ArrayLike, *, training: bool = False) -> Sensitivity:
        """Derivatives of the loss by every parameter, to be ranked: how much it matters to change this weight.

        Returns
        -------
        Sensitivity
            A dict name -> array of the parameter's shape, with :meth:`~nnfast.Sensitivity.ranking`.

        Examples
        --------
        >>> import numpy as np, nnfast as nn
        >>> net = nn.Network([nn.Affine([[2.0], [1.0]], [0.0])], nn.MeanSquaredError())
        >>> sensitivity = net.sensitivity([[32.0, 1.0]], [[0.0]])
        >>> sensitivity.ranking(2)
        [('W1', (0, 0), 4160.0), ('W1', (1, 0), 130.0)]
        """
        where = "Network.sensitivity"
        inputs, targets = self._batch(where, x, t)
        trace, dy = self._traced(where, inputs, targets, training)
        trace.backward(dy)
        grads = {name: np.array(grad) for visit in trace.visits for name, grad in visit.grads.items()}
        for name, own in self._penalty_gradients().items():
            grads[name] += own
        return Sensitivity({name: grads[name] for name in self.params})

    def per_sample_gradient(
        self, x: ArrayLike, t: ArrayLike, *, norms: bool = False, training: bool = False
    ) -> Any:
        """What each sample alone wants to change; the mean over the samples is the gradient of the batch.

        Layers are taken in inference form, so that no sample knows of the others, unless `training`; then dropout
        drops with the mask of the next step.

        Parameters
        ----------
        norms : bool
            Only the norm of each sample's gradient over all parameters, without making the gradients: of an affine
            layer ``|x_i| |dz_i|`` (Goodfellow 2015).
        training : bool

        Returns
        -------
        dict name -> array (batch, ...), or array (batch,)
            With a loss that sums over the batch, the sum over the samples is the gradient without the penalty.

        Raises
        ------
        ValueError
            `training` with batch normalization, which mixes the samples, or a layer written in Python that mixes them;
            `norms` with a penalty.

        Examples
        --------
        >>> import numpy as np, nnfast as nn
        >>> net = nn.mlp([4, 3, 2], dtype="float64", seed=0)
        >>> x, t = np.random.default_rng(0).random((5, 4)), np.array([0, 1, 1, 0, 1])
        >>> wishes = net.per_sample_gradient(x, t)
        >>> wishes["W1"].shape
        (5, 4, 3)
        >>> bool(np.allclose(wishes["W1"].mean(axis=0), net.gradient(x, t)["W1"]))
        True
        """
        where = "Network.per_sample_gradient"
        if training and any("running_mean" in getattr(layer, "_state_names", ()) for layer in self.layers):
            raise ValueError(
                f"{where}: training is True, but batch normalization mixes the samples of a batch; expected False"
            )
        if norms and (self.l1 or self.l2):
            raise ValueError(f"{where}: norms is True, but the network has a penalty; expected l1 = l2 = 0")
        inputs, targets = self._batch(where, x, t)
        trace, dy = self._traced(where, inputs, targets, training)
        trace.backward(dy)
        summed = getattr(self.loss_function, "reduction", "mean") == "sum"
        scale = 1.0 if summed else float(len(inputs))
        if norms:
            squares = np.zeros(len(inputs))
            for visit in trace.visits:
                squares += _squared_norms(visit, training)
            return np.sqrt(squares) * scale
        result: dict[str, Array] = {}
        penalties = {} if summed else self._penalty_gradients()
        for visit in trace.visits:
            for name, grads in _by_sample(visit, training).items():
                grads *= grads.dtype.type(scale)
                result[name] = grads + penalties[name] if name in penalties else grads
        return {name: result[name] for name in self.params}

    def _traced(self, where: str, x: Array, t: Array, training: bool) -> tuple[Trace, Any]:
        """A recorded pass and dy of its output."""
        trace = Trace(self, self._floats(x), training)
        weights = self.loss_function.class_weight if is_native_loss(self.loss_function) else None
        _, dy = self._loss_and_dy(where, trace.y, t, weights, None)
        return trace, dy

    def _penalty_gradients(self) -> dict[str, Array]:
        if not (self.l1 or self.l2):
            return {}
        return {
            W: self.l1 * np.sign(self.params[W]) + self.l2 * self.params[W] for W in self._parts.weights()
        }

    def explain(self, x: ArrayLike, t: ArrayLike, *, lang: str = "en", file: Any = None) -> None:
        """Print the forward and the backward pass formula by formula, with shapes and numbers.

        The pass is the one of ``gradient(x, t)``: it shows where every transpose stands, and why. Nothing changes.

        Parameters
        ----------
        x, t : array
        lang : {"en", "ko"}
            English or Korean.
        file : file, optional
            Where to print, standard output unless given.

        Examples
        --------
        >>> import nnfast as nn
        >>> net = nn.Network([nn.Affine([[1.0, 2.0], [3.0, 4.0]], [0.0, 1.0])])
        >>> net.explain([[1.0, 1.0]], [0])  # doctest: +ELLIPSIS
        Forward: Network of 1 layer, float64, batch of 1
        ...
        """
        from .explanation import explain

        explain(self, x, t, lang=lang, file=file)


def _squared_norms(visit: Visit, training: bool) -> Array:
    """(batch,) of one layer's parameters."""
    batch = len(visit.y)
    if visit.stage is None and isinstance(visit.layer, Affine):
        x, dz = (np.asarray(v, np.float64).reshape(batch, -1) for v in (visit.x, visit.dy))
        rows = np.einsum("ij,ij->i", x, x) + (visit.layer.b is not None)
        result: Array = rows * np.einsum("ij,ij->i", dz, dz)
        return result
    squares = (
        np.square(g, dtype=np.float64).reshape(batch, -1).sum(1) for g in _by_sample(visit, training).values()
    )
    return sum(squares, np.zeros(batch))


def _by_sample(visit: Visit, training: bool) -> dict[str, Array]:
    """name -> (batch, *shape): what each sample adds to the gradients of one layer."""
    layer, batch = visit.layer, len(visit.y)
    if visit.stage is None and isinstance(layer, Affine):
        x, dz = np.asarray(visit.x).reshape(batch, -1), visit.dy
        parts = {"W": np.einsum("ni,no->nio", x, dz), "b": np.array(dz)}
        return {name: parts[key] for key, name in visit.names.items()}
    whole = {name: np.array(grad) for name, grad in visit.grads.items()}
    result = {name: np.empty((batch, *grad.shape), grad.dtype) for name, grad in whole.items()}
    for i in range(batch if result else 0):  # these layers take each row for itself
        visit.run(visit.x[i : i + 1], training)
        visit.run_back(visit.dy[i : i + 1])
        for name, grad in visit.own_grads().items():
            result[name][i] = grad
    for name, grads in result.items() if visit.stage is not None else ():
        if not np.allclose(
            grads.sum(axis=0), whole[name], rtol=1e-2, atol=1e-5 * (1 + float(np.abs(whole[name]).max()))
        ):
            raise ValueError(
                f"Network.per_sample_gradient: {visit.label} mixes the samples of a batch; what they add to {name} one "
                "by one is not its gradient"
            )
    return result


__all__ = ["GlassBox"]
