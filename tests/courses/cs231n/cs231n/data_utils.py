"""Images to train on: made up by RandomState, or the MNIST files in the folder COURSE_MNIST."""

import gzip
import os

import numpy as np


def get_random_data(num_train=500, num_val=100, shape=(3, 8, 8), num_classes=10, seed=0):
    """Noise around one picture per class."""
    rng = np.random.RandomState(seed)
    pictures = rng.randn(num_classes, *shape)

    def draw(n):
        y = rng.randint(num_classes, size=n)
        return 0.7 * pictures[y] + 1.5 * rng.randn(n, *shape), y

    X_train, y_train = draw(num_train)
    X_val, y_val = draw(num_val)
    mean = X_train.mean(axis=0)
    return {"X_train": X_train - mean, "y_train": y_train, "X_val": X_val - mean, "y_val": y_val}


def read_idx(name):
    with gzip.open(os.path.join(os.environ["COURSE_MNIST"], name), "rb") as f:
        raw = f.read()
    shape = np.frombuffer(raw, ">u4", raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(shape)


def get_mnist_data(num_train=1000, num_val=200):
    X = read_idx("train-images-idx3-ubyte.gz")[: num_train + num_val].astype(np.float64)
    y = read_idx("train-labels-idx1-ubyte.gz")[: num_train + num_val]
    X -= X[:num_train].mean(axis=0)
    X /= 64.0
    return {
        "X_train": X[:num_train],
        "y_train": y[:num_train],
        "X_val": X[num_train:],
        "y_val": y[num_train:],
    }
