from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

from . import System, Unsupported


def classifier_of(net: Any, weights: Any, x: Any, shuffle: bool = False) -> Any:
    momentum = 0.9 if net.optimizer == "momentum" else 0.0
    classifier = MLPClassifier(
        net.sizes[1:-1],
        activation=net.activation,
        solver="adam" if net.optimizer == "adam" else "sgd",
        alpha=0,
        batch_size=net.batch,
        learning_rate_init=net.lr,
        shuffle=shuffle,
        momentum=momentum,
        nesterovs_momentum=False,
        random_state=0,
    )
    classes = np.arange(net.sizes[-1])
    classifier.partial_fit(x, np.resize(classes, len(x)), classes=classes)
    del classifier._optimizer  # partial_fit makes a new one for the weights that are now put in
    for k, (W, b) in enumerate(weights):
        classifier.coefs_[k] = W.copy()
        classifier.intercepts_[k] = b.copy()
    return classifier


class Sklearn(System):
    """partial_fit of one batch is a step; with shuffle and more rows, an epoch."""

    epoch_tolerance = 0.1

    def version(self) -> str:
        return str(sklearn.__version__)

    def train(self, net: Any, dtype: str, weights: Any, batches: Any) -> Any:
        if dtype != "float32":
            raise Unsupported
        classifier = classifier_of(net, weights, batches[0][0])
        pairs = cycle(batches)
        return lambda: float(classifier.partial_fit(*next(pairs)).loss_)

    def epoch(self, net: Any, dtype: str, weights: Any, x: Any, t: Any) -> Any:
        classifier = classifier_of(net, weights, x[: net.batch], shuffle=True)
        return lambda rows, seed: float(classifier.partial_fit(x[rows], t[rows]).loss_)


SYSTEM = Sklearn
