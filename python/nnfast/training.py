"""Training over epochs of mini-batches: what Network.fit does."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _advice, _core
from ._arrays import generator, integer, real, real_array
from ._progress import Progress
from .callbacks import Callback, EarlyStopping
from .errors import DivergedError
from .history import History
from .losses import Loss
from .optimizers import Adam, Optimizer
from .optimizers import get as get_optimizer
from .schedules import factor_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._typing import Array, ArrayLike, ClassWeight, Indices, OptimizerLike, Seed
    from .network import Network
    from .schedules import ScheduleLike

__all__ = ["fit"]

_WHERE = "Network.fit"


class _Data:
    """Inputs, targets and weights as the network takes them batch by batch."""

    def __init__(
        self, network: Network, name: str, x: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None
    ) -> None:
        self.x, self.t = network._batch(f"{_WHERE}: {name}" if name else _WHERE, x, t)
        if network._whole is not None:  # once, and not at every epoch
            kind = self.x.dtype if self.x.dtype == np.uint8 else network.dtype
            self.x = np.ascontiguousarray(self.x, kind)
            rows = self.t.ndim > 1 and self.t.dtype.kind == "f"
            self.t = np.ascontiguousarray(self.t, network.dtype if rows else None)
        self.sample_weight: Array | None = None
        if sample_weight is not None:
            weight = real_array(_WHERE, "sample_weight", sample_weight)
            if weight.shape != (len(self.x),) or not np.all(np.isfinite(weight) & (weight >= 0)):
                raise ValueError(
                    f"{_WHERE}: sample_weight has shape {weight.shape}; expected ({len(self.x)},) finite numbers >= 0"
                )
            self.sample_weight = np.ascontiguousarray(weight, network.dtype)

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, indices: Indices) -> tuple[Array, Array, Array | None]:
        weight = None if self.sample_weight is None else self.sample_weight[indices]
        return self.x[indices], self.t[indices], weight

    def subset(self, indices: Indices) -> _Data:
        """Some of the samples; they have been read already."""
        part = _Data.__new__(_Data)
        part.x, part.t, part.sample_weight = self.rows(indices)
        return part


def _check_targets(network: Network, t: Array, class_weight: Array | None) -> None:
    """Whether the loss takes these targets: asked before anything changes."""
    loss, columns = network.loss_function, network._out
    if not isinstance(loss, Loss) or columns is None:
        return
    if loss._over_classes and t.ndim == 1 and t.dtype.kind in "iu":
        bad = (t < 0) | (t >= columns)
        ignored = getattr(loss, "ignore_index", None)
        if ignored is not None:
            bad &= t != ignored
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            raise IndexError(f"{_WHERE}: t[{first}] is {t[first]}; expected a label in 0..{columns - 1}")
        t = t[:1]
    scores = np.broadcast_to(np.zeros(columns, network.dtype), (len(t), columns))
    _core.loss(loss._spec, _WHERE, scores, t, class_weight)


class _Run:
    """One fit."""

    def __init__(
        self, network: Network, data: _Data, optimizer: Any, class_weight: Array | None, batch_size: int
    ) -> None:
        self.network = network
        self.data = data
        self.optimizer = optimizer
        self.class_weight = class_weight
        self.batch_size = batch_size
        self.compiled = network._whole is not None and isinstance(optimizer, Optimizer)
        self.sets_lr = False  # whether a schedule decides

    def _train_epoch(
        self, x: Array, t: Array, weight: Array | None, indices: Indices, lrs: Array, progress: Any
    ) -> Any:
        network, optimizer = self.network, self.optimizer
        network._parts.sync()
        plan = network._plan(x)
        state = optimizer._state_of(network)
        try:
            return plan.train_epoch(
                network._flat_params,
                network._flat_grads,
                network._flat_state,
                x,
                t,
                network.loss_function._spec,
                optimizer._spec,
                state.flat,
                state.iterations + 1,
                indices,
                self.batch_size,
                lrs,
                class_weight=self.class_weight,
                sample_weight=weight,
                seed=network.seed,
                step=network.training_steps,
                x_scale=network._scale(x),
                progress=progress,
            )
        finally:  # also where Ctrl-C ended it
            state.iterations += plan.completed_steps
            network.training_steps += plan.completed_steps

    def _batch(self, indices: Indices, lr: float) -> tuple[float, int]:
        """One step, driven from Python."""
        x, t, weight = self.data.rows(indices)
        if self.compiled:
            losses, correct = self._train_epoch(x, t, weight, np.arange(len(indices)), np.array([lr]), None)
            return float(losses[0]), int(correct[0])
        network, optimizer = self.network, self.optimizer
        # The network has combined its loss's own weights with the caller's already.
        loss, right = network._gradient_with(_WHERE, x, t, self.class_weight, weight)
        if math.isfinite(loss):
            if not self.sets_lr:
                optimizer.update(network.params, network.grads)
            else:
                before, optimizer.lr = optimizer.lr, lr
                try:
                    optimizer.update(network.params, network.grads)
                finally:
                    optimizer.lr = before
            network.training_steps += 1
        return loss, right

    def epoch(
        self, order: Indices, lrs: Array, progress: Progress, listeners: list[Callback]
    ) -> tuple[Array, int]:
        """Losses of the steps that were made, the last of which may be bad, and how many samples came out right."""
        if self.compiled and not listeners:
            data = self.data
            report = progress.step if progress.shown else None
            losses, correct = self._train_epoch(data.x, data.t, data.sample_weight, order, lrs, report)
            return losses, int(correct.sum())
        values: list[float] = []
        right = 0
        for step, lr in enumerate(lrs):
            batch = order[step * self.batch_size : (step + 1) * self.batch_size]
            loss, correct = self._batch(batch, float(lr))
            values.append(loss)
            right += correct
            if not math.isfinite(loss):
                break
            for callback in listeners:
                callback.on_batch_end(step, {"loss": loss, "lr": float(lr)})
            progress.step(step + 1)
        return np.array(values), right


def _split(n: int, share: float, shuffle: bool, seed: Seed) -> tuple[Indices, Indices]:
    """Indices for training and for validation."""
    count = round(n * share)
    if not 1 <= count < n:
        raise ValueError(
            f"{_WHERE}: validation is {share} of {n} samples; expected at least one sample to validate and one to train"
        )
    order = np.arange(n)
    if shuffle:
        rng = (
            seed
            if isinstance(seed, np.random.Generator)
            else np.random.default_rng(None if seed is None else [seed, 0, 1])
        )
        rng.shuffle(order)
    return np.sort(order[: n - count]), np.sort(order[n - count :])


def _base_lr(optimizer: Any, scheduled: bool) -> float:
    lr = getattr(optimizer, "lr", math.nan)
    if scheduled and not (isinstance(lr, (int, float)) and math.isfinite(lr)):
        raise TypeError(
            f"{_WHERE}: schedule is given, but {optimizer!r} has no lr; expected an optimizer with lr"
        )
    return float(lr)


def _epoch_lrs(schedule: ScheduleLike | None, lr: float, epoch: int, steps: int, total: int) -> Array:
    if schedule is None:
        return np.full(steps, lr)
    factors = [factor_at(schedule, epoch * steps + s, steps, total) for s in range(steps)]
    lrs = lr * np.array(factors, np.float64)
    bad = np.flatnonzero(~(np.isfinite(lrs) & (lrs >= 0)))
    if bad.size:
        raise ValueError(
            f"{_WHERE}: schedule gives {factors[bad[0]]!r} at step {epoch * steps + bad[0]}; "
            "expected a finite number >= 0"
        )
    return lrs


def _checked_callbacks(
    callbacks: Iterable[Callback], early_stopping: EarlyStopping | int | None, validated: bool
) -> list[Callback]:
    result = list(callbacks)
    if isinstance(early_stopping, EarlyStopping):
        result.append(early_stopping)
    elif early_stopping is not None:
        patience = integer(_WHERE, "early_stopping", early_stopping)
        result.append(EarlyStopping("val_loss" if validated else "loss", patience))
    for callback in result:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"{_WHERE}: callbacks has {callback!r}; expected objects of a class derived from Callback"
            )
    return result


def _listens(callback: Callback) -> bool:
    return "on_batch_end" in vars(callback) or type(callback).on_batch_end is not Callback.on_batch_end


def fit(
    network: Network,
    x: ArrayLike,
    t: ArrayLike,
    *,
    epochs: int,
    batch_size: int,
    optimizer: OptimizerLike | str | None,
    validation: tuple[ArrayLike, ...] | float | None,
    shuffle: bool,
    seed: Seed,
    schedule: ScheduleLike | None,
    callbacks: Iterable[Callback],
    early_stopping: EarlyStopping | int | None,
    class_weight: ClassWeight,
    sample_weight: ArrayLike | None,
    progress: bool | None,
    step_losses: bool,
    initial_epoch: int,
) -> History:
    """See :meth:`nnfast.Network.fit`."""
    with network._busy(_WHERE):
        if network._fitting:
            raise RuntimeError(
                f"{_WHERE}: a fit of this network is under way, this call comes from inside it"
            )
        epochs = integer(_WHERE, "epochs", epochs)
        batch_size = integer(_WHERE, "batch_size", batch_size)
        initial_epoch = integer(_WHERE, "initial_epoch", initial_epoch, 0)
        if initial_epoch >= epochs:
            raise ValueError(
                f"{_WHERE}: initial_epoch is {initial_epoch}; expected less than epochs, which is {epochs}"
            )
        if not isinstance(seed, np.random.Generator) and seed is not None:
            seed = integer(_WHERE, "seed", seed, 0)
        if schedule is not None and not callable(schedule):
            raise TypeError(f"{_WHERE}: schedule is {schedule!r}; expected a function of the step")
        chosen = network.optimizer if optimizer is None else get_optimizer(_WHERE, optimizer)
        chosen = Adam() if chosen is None else chosen

        data = _Data(network, "", x, t, sample_weight)
        held_out: _Data | None = None
        samples = np.arange(len(data))
        if isinstance(validation, (tuple, list)):
            if len(validation) not in (2, 3):
                raise ValueError(
                    f"{_WHERE}: validation has {len(validation)} items; expected (x, t) or (x, t, weights)"
                )
            held_out = _Data(
                network, "validation", validation[0], validation[1], *(validation[2:] or (None,))
            )
        elif validation is not None:
            share = real(_WHERE, "validation", validation, 0, 1, above=True, below=True)
            samples, kept = _split(len(data), share, shuffle, seed)
            held_out = data.subset(kept)
        listed = _checked_callbacks(callbacks, early_stopping, held_out is not None)
        weights = network._class_weight(_WHERE, class_weight, data.t[samples])
        _check_targets(network, data.t, weights)
        if held_out is not None:
            _check_targets(network, held_out.t, None)

        run = _Run(network, data, chosen, weights, batch_size)
        run.sets_lr = schedule is not None
        _base_lr(chosen, run.sets_lr)
        network._fitting = True
        try:
            return _epochs(
                run,
                samples,
                held_out,
                listed,
                shuffle,
                seed,
                schedule,
                range(initial_epoch, epochs),
                progress,
                step_losses,
            )
        finally:
            network._fitting = False


def _epochs(
    run: _Run,
    samples: Indices,
    held_out: _Data | None,
    callbacks: list[Callback],
    shuffle: bool,
    seed: Seed,
    schedule: ScheduleLike | None,
    epochs: range,
    progress: bool | None,
    step_losses: bool,
) -> History:
    network, data = run.network, run.data
    steps = -(-len(samples) // run.batch_size)
    sizes = np.full(steps, run.batch_size)
    sizes[-1] = len(samples) - (steps - 1) * run.batch_size
    summed = isinstance(network.loss_function, Loss) and network.loss_function.reduction == "sum"
    train_t = data.t[samples]
    columns = network._out or (
        train_t.shape[1] if train_t.ndim == 2 else 2
    )  # unknown behind a layer in Python
    has_accuracy = network._has_accuracy(train_t, columns)
    counted = network._counted(train_t)
    listeners = [callback for callback in callbacks if _listens(callback)]
    fresh = generator(_WHERE, None) if seed is None else seed

    history = network.history = History()
    network.optimizer = run.optimizer
    all_losses: list[Array] = []
    for callback in callbacks:
        callback.network, callback.optimizer = network, run.optimizer
        callback.on_train_begin({})
    looked_at = samples[: _advice.LOOKED_AT]
    watch = _advice.Watch(network, data.x[looked_at], data.t[looked_at])
    bar = Progress(progress, epochs.stop, steps)
    logs: dict[str, float] = {}
    try:
        for epoch in epochs:
            for callback in callbacks:
                callback.on_epoch_begin(epoch, {})
            lr = _base_lr(run.optimizer, run.sets_lr)
            lrs = _epoch_lrs(schedule, lr, epoch, steps, epochs.stop * steps)
            order = samples
            if shuffle:
                rng = (
                    np.random.default_rng([fresh, network.epochs_trained])
                    if isinstance(fresh, int)
                    else fresh
                )
                order = rng.permutation(samples)

            bar.begin(epoch)
            start = time.perf_counter()
            losses, right = run.epoch(order, lrs, bar, listeners)
            seconds = time.perf_counter() - start
            if step_losses:
                all_losses.append(losses)
                history.step_losses = np.concatenate(all_losses)
            if not math.isfinite(losses[-1]):
                failed = order[(len(losses) - 1) * run.batch_size : len(losses) * run.batch_size]
                why = _advice.first_bad_layer(network, data.x[failed], data.t[failed])
                hint = "" if "of that step" in why else ". A smaller learning rate or clip_norm may help"
                raise DivergedError(
                    f"{_WHERE}: the loss is {losses[-1]} at step {len(losses)} of epoch {epoch + 1}: {why}; the "
                    f"network holds the values of the last complete step{hint}",
                    epoch=epoch + 1,
                    step=len(losses),
                    loss=float(losses[-1]),
                    history=history,
                )
            network.epochs_trained += 1

            logs = {"loss": float(losses.sum() if summed else losses @ sizes / len(samples))}
            if has_accuracy:
                logs["accuracy"] = right / counted if counted else math.nan
            if held_out is not None:
                loss, accuracy = network._evaluate_with(
                    _WHERE,
                    held_out.x,
                    held_out.t,
                    network._class_weight(_WHERE, None, held_out.t),
                    held_out.sample_weight,
                )
                logs["val_loss"] = loss
                if accuracy is not None:
                    logs["val_accuracy"] = accuracy
            logs["lr"] = float(lrs[-1])
            logs["seconds"] = seconds
            try:
                for callback in callbacks:
                    callback.on_epoch_end(epoch, logs)
            finally:
                history._append(logs)
            bar.end(logs)
            watch.after_epoch(epoch + 1, epoch == epochs.start, epoch == epochs.stop - 1)
            stopper = next((callback for callback in callbacks if callback.stop_training), None)
            if stopper is not None:
                history.stopped = f"{type(stopper).__name__} after epoch {epoch + 1}"
                break
    finally:
        bar.close()
    for callback in callbacks:
        callback.on_train_end(logs)
    return history
