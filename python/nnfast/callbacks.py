"""Things to do between the steps and epochs of fit."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from ._arrays import choice, integer, real

if TYPE_CHECKING:
    from ._typing import Array
    from .network import Network

__all__ = ["Callback", "Checkpoint", "EarlyStopping"]


class Callback:
    """Derive from it and override what you need; an exception that leaves a method ends `fit` and is the caller's.

    ``logs`` has the numbers of the epoch by the names of the history: "loss", "val_accuracy", ... Only where
    `on_batch_end` is overridden is Python entered at every step.

    Attributes
    ----------
    network, optimizer
        Those of the fit under way.
    stop_training : bool
        Set it to True to end the fit after this epoch.

    Examples
    --------
    >>> class Printer(Callback):
    ...     def on_epoch_end(self, epoch, logs):
    ...         print(epoch, sorted(logs))
    """

    network: Network
    optimizer: Any
    stop_training: bool = False

    def on_train_begin(self, logs: dict[str, float]) -> None:
        """Before the first epoch; `logs` is empty."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
        """Before an epoch, counted from 0; `logs` is empty."""

    def on_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        """After a step, counted from 0 in its epoch; `logs` has "loss" and "lr"."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """After an epoch and its validation. What is added to `logs` is recorded in the history."""

    def on_train_end(self, logs: dict[str, float]) -> None:
        """After the last epoch, with its logs; not where an exception ends the fit."""


class _Monitor(Callback):
    """Watches one of the numbers."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        where = type(self).__name__
        self.monitor = monitor
        choice(where, "mode", mode, ("auto", "min", "max"))
        self._sign = -1.0 if mode == "max" or (mode == "auto" and "accuracy" in monitor) else 1.0
        self.min_delta = real(where, "min_delta", min_delta, 0)

    def on_train_begin(self, logs: dict[str, float]) -> None:
        self.best = math.inf * self._sign
        self.best_epoch = -1
        self.stop_training = False

    def _value(self, logs: dict[str, float]) -> float:
        name = self.monitor
        if name not in logs:
            hint = "; give fit some validation data" if name.startswith("val_") else ""
            raise ValueError(f"{type(self).__name__}: there is no {name!r} in {', '.join(logs)}{hint}")
        return logs[name]

    def _improved(self, epoch: int, logs: dict[str, float]) -> bool:
        value = self._value(logs)
        better = self._sign * value < self._sign * self.best - self.min_delta
        if better:
            self.best, self.best_epoch = value, epoch
        return better


class EarlyStopping(_Monitor):
    """Ends the fit when a number has not improved for `patience` epochs.

    Parameters
    ----------
    monitor : str
        "val_loss", "val_accuracy", "loss", ...
    patience : int
        Epochs without improvement that are allowed, at least 1.
    min_delta : float
        What counts as an improvement is more than this.
    mode : {"auto", "min", "max"}
        Whether less or more is better. "auto": more of an accuracy, less of anything else.
    restore_best : bool
        Whether the network gets back the values of its best epoch at the end of the fit.

    Attributes
    ----------
    best : float
    best_epoch : int
        Counted from 0; -1 before the first.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        *,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience = integer("EarlyStopping", "patience", patience)
        self.restore_best = bool(restore_best)
        self._values: list[Array] | None = None

    def on_train_begin(self, logs: dict[str, float]) -> None:
        super().on_train_begin(logs)
        self._values = None
        self._waited = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if self._improved(epoch, logs):
            self._waited = 0
            if self.restore_best:
                self._values = self.network._snapshot()
        else:
            self._waited += 1
            self.stop_training = self._waited >= self.patience

    def on_train_end(self, logs: dict[str, float]) -> None:
        if self._values is not None:
            self.network._restore(self._values)
            self._values = None


class Checkpoint(_Monitor):
    """Saves the network after every epoch, or after every epoch that is the best so far.

    Parameters
    ----------
    path : path
        ``{epoch}`` in it becomes the epoch, counted from 1.
    monitor, mode
        As in :class:`EarlyStopping`.
    save_best : bool
        Whether to save improvements of `monitor` only.
    optimizer : bool
        Whether the optimizer's state is saved too, so that training can go on.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str = "val_loss",
        *,
        mode: str = "auto",
        save_best: bool = True,
        optimizer: bool = True,
    ) -> None:
        super().__init__(monitor, mode)
        self.path = os.fspath(path)
        self.save_best = bool(save_best)
        self.save_optimizer = bool(optimizer)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if self.save_best and not self._improved(epoch, logs):
            return
        path = self.path.replace("{epoch}", str(epoch + 1))
        self.network.save(path, optimizer=self.optimizer if self.save_optimizer else False)
