"""A network: layers in a row and a loss, run by the core as one piece."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from . import _advice, _assembly, _core
from ._arrays import real
from ._glass_box import GlassBox
from .layers import LogSoftmax, Sigmoid, Softmax
from .losses import Loss
from .optimizers import Optimizer

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from ._buffers import Views
    from ._typing import Array, ArrayLike, ClassWeight, DTypeLike, LossLike, OptimizerLike, Seed
    from .callbacks import Callback, EarlyStopping
    from .history import History
    from .schedules import ScheduleLike

__all__ = ["Network"]


class Network(GlassBox):
    """Layers in a row with a loss. Training steps, and whole epochs, are single calls into the compiled core.

    A Network takes the values of its layers' parameters into one flat buffer and makes ``layer.W``, ``layer.b``, ...
    views of it; gradients likewise. Changing these views in place changes the network. Where ``layer.W`` is set to
    another array, its values are copied into the buffer at the next use (ValueError if the shape differs) and
    ``layer.W`` is the view again. A layer belongs to the Network that took it last; one that it belonged to before
    goes on with its own values. Settings of layers (``ratio``, ``eps``, ...) are read when the Network is made.

    Layers written in Python work too, see :class:`nnfast.layers.Layer`; so do losses and optimizers.

    x is (batch, in) or (batch, ...) with `in` numbers per sample, of any real dtype. Bytes (uint8: images) are
    multiplied by `x_scale`. t is (batch,) labels, or (batch, out) where the loss takes rows.

    Parameters
    ----------
    layers : list
        At least one.
    loss : loss, optional
        SoftmaxCrossEntropy() unless given. It works on scores: do not end the layers with a Softmax.
    dtype : float32 or float64, optional
        What the network computes in. None: the dtype of its layers' parameters, promoted; layers made from sizes are
        float32.
    l1, l2 : float
        Adds ``l1 |W| + l2/2 W^2`` of all affine weights to the loss, as the courses do (without the 1/2 in Keras).
    seed : int
        Of dropout.
    convention : {"rows", "columns"}
        "columns": samples are columns, as in the formulas of 3Blue1Brown and Nielsen. Every x is (in, batch), one-hot
        targets and outputs are (out, batch), and so are ``z``, ``a``; labels stay (batch,).

    Attributes
    ----------
    layers : tuple
    params, grads : dict
        Live views by name: "W1", "b1", "W2", ... numbered by affine layer; "gamma1", "beta1" by normalization layer;
        "alpha1". Assigning to a key writes into the array. Parameters of layers written in Python have their own keys,
        numbered likewise.
    loss_function : loss
    dtype : numpy.dtype
    x_scale : float
        What uint8 inputs are multiplied by: 1/255 unless set.
    optimizer, history
        Those of the last fit, or None.
    training_steps, epochs_trained : int
        Complete steps, which key the dropout masks, and epochs of fit, which key the shuffling. Both are saved, so
        that training goes on with the same bits.

    Warns
    -----
    CollapsingLayersWarning, RepeatedSoftmaxWarning
        Where layers do nothing, or too much. :mod:`nnfast.errors` has all warnings, each to be switched off alone.

    Examples
    --------
    >>> import numpy as np, nnfast as nn
    >>> x = np.random.default_rng(0).standard_normal((500, 2))
    >>> t = (x[:, 0] * x[:, 1] > 0).astype(int)
    >>> network = nn.Network([nn.Affine(2, 32, rng=1), nn.Tanh(), nn.Affine(32, 2, rng=2)])
    >>> history = network.fit(x, t, epochs=30, optimizer=nn.Adam(lr=0.02))
    >>> network.accuracy(x, t) > 0.95
    True
    >>> network.predict(x).shape
    (500, 2)
    >>> list(network.params)
    ['W1', 'b1', 'W2', 'b2']
    """

    def __init__(
        self,
        layers: Iterable[Any],
        loss: LossLike | None = None,
        dtype: DTypeLike | None = None,
        *,
        l1: float = 0.0,
        l2: float = 0.0,
        seed: int = 0,
        convention: str = "rows",
    ) -> None:
        super().__init__(layers, loss, dtype, l1, l2, seed, convention)
        _advice.collapsing_layers(self.layers)
        _advice.forgotten_parameters(self.layers)
        _advice.repeated_softmax(self.layers[-1], self.loss_function)

    # ---- Inference

    def predict(self, x: ArrayLike) -> Array:
        """Scores of the last layer: (batch, out), or (out,) for one sample (in,).

        Safe to call from several threads at once; each row's bits do not depend on the other rows.

        Raises
        ------
        ValueError
            x does not have `in` numbers per sample.
        TypeError
            x is not real.
        """
        if self._plain_plan is not None:  # here, not in a function: a call is 5 % of the smallest predictions
            scores: Array | None = self._plain_plan.predict_plain(x)
            if scores is not None:
                return scores
        return self._shown(self._scores_of(self._input("Network.predict", x, single=True)))

    def __call__(self, x: ArrayLike) -> Array:
        """The same as :meth:`predict`: the hypothesis h(x) of the courses."""
        return self.predict(x)

    def predict_proba(self, x: ArrayLike) -> Array:
        """Probabilities: softmax or sigmoid of the scores, as the loss has it.

        Raises
        ------
        ValueError
            The loss says nothing about probabilities.
        """
        y = self._scores("Network.predict_proba", x)
        kind = getattr(self.loss_function, "_probabilities", None)
        if kind is None and isinstance(self.layers[-1], (Sigmoid, Softmax)):
            return self._shown(y)
        if kind == "sigmoid":
            return self._shown(_core.activation(_core.ACTIVATIONS["sigmoid"], y))
        if kind == "softmax" or isinstance(self.layers[-1], LogSoftmax):
            return self._shown(_core.softmax(y, -1))
        raise ValueError(f"Network.predict_proba: {self.loss_function!r} has no probabilities; use predict")

    def classify(self, x: ArrayLike, threshold: float = 0.5) -> Array:
        """Labels (batch,): the column of the largest score; with SigmoidCrossEntropy 0 or 1 for each output.

        Parameters
        ----------
        x : array
        threshold : float
            With SigmoidCrossEntropy the probability above which an output says 1.

        Raises
        ------
        ValueError
            The network has one output and no sigmoid; a threshold that is not in (0, 1), or that nothing asks for.
        """
        where = "Network.classify"
        y = self._scores(where, x)
        loss = self.loss_function
        by_threshold = isinstance(loss, Loss) and loss._probabilities == "sigmoid"
        if threshold != 0.5:
            threshold = real(where, "threshold", threshold, 0, 1, above=True, below=True)
            if not by_threshold:
                raise ValueError(
                    f"{where}: threshold is {threshold}, but {loss!r} compares outputs with each other; expected "
                    "SigmoidCrossEntropy"
                )
        if not isinstance(loss, Loss):
            labels: Array = y.argmax(axis=-1)
            return labels
        if y.shape[-1] == 1 and not by_threshold:
            raise ValueError(
                "Network.classify: the network has one output; expected at least two, or use predict"
            )
        return self._shown(loss._classify(y, math.log(threshold / (1 - threshold))))

    def loss(
        self,
        x: ArrayLike,
        t: ArrayLike,
        *,
        class_weight: ClassWeight = None,
        sample_weight: ArrayLike | None = None,
        training: bool = False,
    ) -> float:
        """The loss with the penalty. Nothing changes.

        ``training=True`` computes what the next :meth:`gradient` differentiates: dropout with the same mask, batch
        normalization with the statistics of this batch.
        """
        where = "Network.loss"
        if not training:
            return self._evaluate(where, x, t, class_weight, sample_weight)[0]
        with self._busy(where):
            x, t = self._batch(where, x, t)
            y = self._forward(self._floats(x), training=True, dry=True)
            weights = self._class_weight(where, class_weight, t)
            return self._loss_of(where, y, t, weights, sample_weight) + self._penalty()

    def accuracy(self, x: ArrayLike, t: ArrayLike) -> float:
        """Share of samples that are classified right; t labels (batch,) or one-hot (batch, out).

        With SigmoidCrossEntropy a sample is right if all its outputs are.
        """
        where = "Network.accuracy"
        x, t = self._batch(where, x, t)
        y = self._scores_of(x)
        labels = t.ndim == 1 and (t.dtype.kind in "iu" or y.shape[-1] == 1)
        if not ((labels or t.shape == y.shape) and self._has_accuracy(t, y.shape[-1])):
            raise ValueError(
                f"{where}: t has shape {t.shape} and dtype {t.dtype}; expected integer labels ({len(x)},) or one-hot "
                f"rows {y.shape}"
            )
        counted = self._counted(t)
        return self._correct(y, t) / counted if counted else math.nan

    def evaluate(
        self,
        x: ArrayLike,
        t: ArrayLike,
        *,
        class_weight: ClassWeight = None,
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        """``{"loss": ..., "accuracy": ...}`` in inference form; no accuracy where t is no classes."""
        loss, accuracy = self._evaluate("Network.evaluate", x, t, class_weight, sample_weight)
        return {"loss": loss} if accuracy is None else {"loss": loss, "accuracy": accuracy}

    # ---- Training

    def gradient(
        self,
        x: ArrayLike,
        t: ArrayLike,
        *,
        class_weight: ClassWeight = None,
        sample_weight: ArrayLike | None = None,
    ) -> Views:
        """Derivatives of the loss (with the penalty) by the parameters: ``grads``, overwritten and returned.

        A training pass: dropout drops (another mask every time), batch normalization updates its running statistics.
        """
        where = "Network.gradient"
        with self._busy(where):
            self._gradient(where, x, t, class_weight, sample_weight)
            self.training_steps += 1
        return self.grads

    def train_step(
        self,
        x: ArrayLike,
        t: ArrayLike,
        optimizer: OptimizerLike,
        *,
        class_weight: ClassWeight = None,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """One step on one batch: gradient and update. Returns the loss before the update, with the penalty.

        Where the loss is not finite nothing is updated. `optimizer` is one of nnfast, or any object with
        ``update(params, grads)``.
        """
        where = "Network.train_step"
        if isinstance(optimizer, type) or not callable(getattr(optimizer, "update", None)):
            raise TypeError(f"{where}: optimizer is {optimizer!r}; expected an optimizer such as Adam()")
        with self._busy(where):
            if self._whole is None or not isinstance(optimizer, Optimizer):
                loss, _ = self._gradient(where, x, t, class_weight, sample_weight)
                if math.isfinite(loss):
                    optimizer.update(self.params, self.grads)
                    self.training_steps += 1
                return loss
            x, t = self._batch(where, x, t)
            weights = self._class_weight(where, class_weight, t)
            self._sync()
            state = optimizer._state_of(self)
            loss, _ = self._plan(x).train_step(
                self._flat_params,
                self._flat_grads,
                self._flat_state,
                self._floats(x),
                t,
                self.loss_function._spec,
                optimizer._spec,
                state.flat,
                state.iterations + 1,
                weights,
                sample_weight,
                self.seed,
                self.training_steps,
            )
            if math.isfinite(loss):
                state.iterations += 1
                self.training_steps += 1
            return float(loss)

    def fit(
        self,
        x: ArrayLike,
        t: ArrayLike,
        *,
        epochs: int = 1,
        batch_size: int = 32,
        optimizer: OptimizerLike | str | None = None,
        validation: tuple[ArrayLike, ...] | float | None = None,
        shuffle: bool = True,
        seed: Seed = 0,
        schedule: ScheduleLike | None = None,
        callbacks: Iterable[Callback] = (),
        early_stopping: EarlyStopping | int | None = None,
        class_weight: ClassWeight = None,
        sample_weight: ArrayLike | None = None,
        progress: bool | None = None,
        step_losses: bool = False,
        initial_epoch: int = 0,
    ) -> History:
        """Train on mini-batches for some epochs.

        Parameters
        ----------
        x, t : array
            Inputs and targets. uint8 inputs stay bytes and are scaled while batches are gathered.
        epochs : int
            How many times all samples are used.
        batch_size : int
            Samples per step; the last batch of an epoch may be smaller.
        optimizer : optimizer or str, optional
            None: that of the previous fit, else Adam().
        validation : (x, t), (x, t, sample_weight) or float, optional
            What is evaluated after every epoch; a number in (0, 1) sets that share of the samples aside: chosen at
            random by `seed`, or the last ones without `shuffle`.
        shuffle : bool
            Whether samples are drawn in another order every epoch.
        seed : int, numpy.random.Generator or None
            Of the order: epoch k of the network's life is ordered by (seed, k), so training in two fits, or after
            save and load, gives the same bits as training in one. None: fresh entropy.
        schedule : schedule or callable, optional
            Factor of the optimizer's learning rate at a step counted from 0, see :mod:`nnfast.schedules`.
        callbacks : list of Callback
        early_stopping : EarlyStopping or int, optional
            An int is the patience.
        class_weight : array (classes,), dict {label: weight} or "balanced", optional
            "balanced" weighs by samples / (classes * samples of the class).
        sample_weight : array (batch,), optional
        progress : bool, optional
            None: where standard error is a terminal. A bar if tqdm is installed, else a line per epoch.
        step_losses : bool
            Whether the history keeps the loss of every step.
        initial_epoch : int
            Epochs that the schedule and the numbering take as done.

        Returns
        -------
        History
            "loss", "accuracy" (classification), "val_loss", "val_accuracy", "lr", "seconds" per epoch. Training
            numbers are means over the epoch's steps, while the network learns; the penalty is part of the loss.

        Raises
        ------
        ValueError, TypeError, IndexError
            An argument is not what it should be. Nothing has changed.
        DivergedError
            The loss became infinite or NaN. Parameters are those of the last complete step.
        RuntimeError
            Another fit of this network is under way.
        KeyboardInterrupt
            Ctrl-C; parameters and optimizer are those of the last complete step.

        Warns
        -----
        UnscaledInputWarning, SaturatedUnitsWarning
            Before the first step, from a look at up to 256 samples.
        DeadUnitsWarning, RisingLossWarning
            After the first epoch, and after any.
        LabelShapeWarning
            Labels are (batch, 1).
        """
        from .training import fit

        return fit(
            self, x, t, epochs=epochs, batch_size=batch_size, optimizer=optimizer, validation=validation,
            shuffle=shuffle, seed=seed, schedule=schedule, callbacks=callbacks, early_stopping=early_stopping,
            class_weight=class_weight, sample_weight=sample_weight, progress=progress, step_losses=step_losses,
            initial_epoch=initial_epoch,
        )  # fmt: skip

    # ---- Looking, saving, copying

    def summary(self) -> str:
        """A table of the layers, what they give per sample, and how many parameters they have."""
        rows = [("", "layer", "output", "parameters")]
        width = self._in
        for index, layer in enumerate(self.layers):
            written = self._parts.python.get(index)
            if written is not None:
                width, count = None, sum(np.size(a) for a in written.params().values())
            else:
                width = layer._width_out(width)
                count = sum(a.size for a in _assembly.parameters(layer).values())
            rows.append((str(index), repr(layer)[:60], "?" if width is None else str(width), f"{count:,}"))
        sizes = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = [
            f"{row[0]:>{sizes[0]}}  {row[1]:<{sizes[1]}}  {row[2]:>{sizes[2]}}  {row[3]:>{sizes[3]}}"
            for row in rows
        ]
        total = sum(np.size(a) for a in self.params.values())
        lines.insert(1, "-" * len(lines[0]))
        lines += [
            "-" * len(lines[0]),
            f"{total:,} parameters of {self.dtype.name}, loss {self.loss_function!r}",
        ]
        return "\n".join(lines)

    def save(self, path: str | os.PathLike[str], *, optimizer: Optimizer | bool = False) -> None:
        """Write the network to a safetensors file; a file that was there is replaced in one piece or not at all.

        Parameters
        ----------
        path : path
            By custom it ends in ``.safetensors``.
        optimizer : Optimizer or bool
            Whose state to write too, so that training can go on with the same bits; True: that of the last fit.

        Raises
        ------
        TypeError
            A layer or the loss is written in Python.
        OSError
        """
        from .serialization import save

        save(self, path, optimizer=optimizer)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a network; ``network.optimizer`` is the one that was saved with it, or None.

        Raises
        ------
        FormatError
            The file is not such a network, or broken. It is a ValueError.
        OSError
        """
        from .serialization import load

        return load(path, cls)

    def copy(self) -> Self:
        """Another network with the same values, optimizer included."""
        from .serialization import copy

        return copy(self)

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        from .serialization import reduce

        return reduce(self)

    def __repr__(self) -> str:
        layers = ", ".join(map(repr, self.layers))
        convention = "" if self.convention == "rows" else f", convention={self.convention!r}"
        return f"{type(self).__name__}([{layers}], loss={self.loss_function!r}, dtype={self.dtype.name!r}{convention})"
