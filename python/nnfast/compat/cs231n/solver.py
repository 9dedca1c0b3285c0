"""The training loop of CS231n, as ``cs231n/solver.py`` has it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import optim

if TYPE_CHECKING:
    from ..._typing import Array

__all__ = ["Solver"]


class Solver:
    """Trains a model that has ``params``, a dict of arrays, and ``loss(X, y)``.

    Batches are drawn with replacement from the global generator. After every epoch, and after the first and the last
    step, the accuracies on training and validation data are taken; in the end ``model.params`` is a copy of the
    parameters that were best on the validation data.

    Parameters
    ----------
    model : object
        ``loss(X)`` gives scores, ``loss(X, y)`` a pair (loss, dict of gradients).
    data : dict
        ``X_train``, ``y_train``, ``X_val``, ``y_val``.
    update_rule : str
        A function of :mod:`.optim`.
    optim_config : dict
        Its numbers; every parameter gets a copy.
    lr_decay : float
        What the learning rates are multiplied by after an epoch.
    batch_size, num_epochs : int
    num_train_samples, num_val_samples : int or None
        How many samples the accuracies are taken from; None for all.
    checkpoint_name : str, optional
        After every epoch, a pickle of the state is written to ``<name>_epoch_<number>.pkl``.
    print_every : int
        Steps between two printed losses.
    verbose : bool

    Attributes
    ----------
    loss_history, train_acc_history, val_acc_history : list
    best_val_acc, best_params
        The best accuracy on the validation data, and its parameters.
    epoch : int
    optim_configs : dict
        The rule's config of every parameter.

    Raises
    ------
    ValueError
        There is no such argument, or no such update rule.

    Examples
    --------
    >>> from nnfast.compat.cs231n.classifiers.fc_net import TwoLayerNet
    >>> np.random.seed(0)
    >>> X, y = np.random.randn(40, 5), np.random.randint(3, size=40)
    >>> data = {"X_train": X, "y_train": y, "X_val": X, "y_val": y}
    >>> solver = Solver(TwoLayerNet(5, 8, 3), data, batch_size=20, num_epochs=1, print_every=100)
    >>> solver.train()
    (Iteration 1 / 2) loss: 1.0986...
    (Epoch 0 / 1) train acc: 0...; val_acc: 0...
    (Epoch 1 / 1) train acc: 0...; val_acc: 0...
    """

    def __init__(self, model: Any, data: dict[str, Any], **kwargs: Any) -> None:
        self.model = model
        self.X_train: Array = data["X_train"]
        self.y_train: Array = data["y_train"]
        self.X_val: Array = data["X_val"]
        self.y_val: Array = data["y_val"]
        rule: str = kwargs.pop("update_rule", "sgd")
        self.optim_config: dict[str, Any] = kwargs.pop("optim_config", {})
        self.lr_decay: float = kwargs.pop("lr_decay", 1.0)
        self.batch_size: int = kwargs.pop("batch_size", 100)
        self.num_epochs: int = kwargs.pop("num_epochs", 10)
        self.num_train_samples: int | None = kwargs.pop("num_train_samples", 1000)
        self.num_val_samples: int | None = kwargs.pop("num_val_samples", None)
        self.checkpoint_name: str | None = kwargs.pop("checkpoint_name", None)
        self.print_every: int = kwargs.pop("print_every", 10)
        self.verbose: bool = kwargs.pop("verbose", True)
        if kwargs:
            extra = ", ".join(f'"{name}"' for name in kwargs)
            raise ValueError(f"Unrecognized arguments {extra}")
        if not hasattr(optim, rule):
            raise ValueError(f'Invalid update_rule "{rule}"')
        self.update_rule = getattr(optim, rule)
        self._reset()

    def _reset(self) -> None:
        self.epoch = 0
        self.best_val_acc: Any = 0
        self.best_params: dict[str, Array] = {}
        self.loss_history: list[Any] = []
        self.train_acc_history: list[Any] = []
        self.val_acc_history: list[Any] = []
        self.optim_configs = {name: dict(self.optim_config) for name in self.model.params}

    def _step(self) -> None:
        chosen = np.random.choice(self.X_train.shape[0], self.batch_size)
        loss, grads = self.model.loss(self.X_train[chosen], self.y_train[chosen])
        self.loss_history.append(loss)
        for name, w in self.model.params.items():
            self.model.params[name], self.optim_configs[name] = self.update_rule(
                w, grads[name], self.optim_configs[name]
            )

    def _save_checkpoint(self) -> None:
        if self.checkpoint_name is None:
            return
        names = (
            "model",
            "update_rule",
            "lr_decay",
            "optim_config",
            "batch_size",
            "num_train_samples",
            "num_val_samples",
            "epoch",
            "loss_history",
            "train_acc_history",
            "val_acc_history",
        )
        filename = f"{self.checkpoint_name}_epoch_{self.epoch}.pkl"
        if self.verbose:
            print(f'Saving checkpoint to "{filename}"')
        with Path(filename).open("wb") as file:
            pickle.dump({name: getattr(self, name) for name in names}, file)

    def check_accuracy(
        self, X: Array, y: Array, num_samples: int | None = None, batch_size: int = 100
    ) -> Any:
        """The share of the samples whose largest score is at the label.

        Parameters
        ----------
        X : ndarray (N, d_1, ..., d_k)
        y : ndarray (N,)
        num_samples : int, optional
            Draw that many samples, with replacement, where there are more.
        batch_size : int
            How many samples go through the model together.

        Returns
        -------
        float
        """
        count = X.shape[0]
        if num_samples is not None and count > num_samples:
            chosen = np.random.choice(count, num_samples)
            count, X, y = num_samples, X[chosen], y[chosen]
        guesses = [
            np.argmax(self.model.loss(X[start : start + batch_size]), axis=1)
            for start in range(0, count, batch_size)
        ]
        return np.mean(np.hstack(guesses) == y)

    def train(self) -> None:
        """Make all steps; print losses and accuracies on the way where `verbose` is set."""
        steps_per_epoch = max(self.X_train.shape[0] // self.batch_size, 1)
        steps = self.num_epochs * steps_per_epoch
        for t in range(steps):
            self._step()
            if self.verbose and t % self.print_every == 0:
                print(f"(Iteration {t + 1} / {steps}) loss: {self.loss_history[-1]:f}")
            epoch_ends = (t + 1) % steps_per_epoch == 0
            if epoch_ends:
                self.epoch += 1
                for config in self.optim_configs.values():
                    config["learning_rate"] *= self.lr_decay
            if t == 0 or t == steps - 1 or epoch_ends:
                self._evaluate()
        self.model.params = self.best_params

    def _evaluate(self) -> None:
        train_acc = self.check_accuracy(self.X_train, self.y_train, num_samples=self.num_train_samples)
        val_acc = self.check_accuracy(self.X_val, self.y_val, num_samples=self.num_val_samples)
        self.train_acc_history.append(train_acc)
        self.val_acc_history.append(val_acc)
        self._save_checkpoint()
        if self.verbose:
            print(f"(Epoch {self.epoch} / {self.num_epochs}) train acc: {train_acc:f}; val_acc: {val_acc:f}")
        if val_acc > self.best_val_acc:
            self.best_val_acc = val_acc
            self.best_params = {name: w.copy() for name, w in self.model.params.items()}
