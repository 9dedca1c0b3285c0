import gzip
import os
import numpy as np

files = {
    "train_img": "train-images-idx3-ubyte.gz",
    "train_label": "train-labels-idx1-ubyte.gz",
    "test_img": "t10k-images-idx3-ubyte.gz",
    "test_label": "t10k-labels-idx1-ubyte.gz",
}


def _read(name, header):
    with gzip.open(os.environ["COURSE_MNIST"] + "/" + files[name], "rb") as f:
        return np.frombuffer(f.read(), np.uint8, offset=header)


def _one_hot(labels):
    T = np.zeros((labels.size, 10))
    for i in range(labels.size):
        T[i, labels[i]] = 1
    return T


def load_mnist(normalize=True, flatten=True, one_hot_label=False):
    """(x_train, t_train), (x_test, t_test)"""
    parts = []
    for part in ("train", "test"):
        x = _read(part + "_img", 16).reshape(-1, 784)
        t = _read(part + "_label", 8)
        if normalize:
            x = x.astype(np.float32)
            x /= 255.0
        if one_hot_label:
            t = _one_hot(t)
        if not flatten:
            x = x.reshape(-1, 1, 28, 28)
        parts.append((x, t))
    return tuple(parts)
