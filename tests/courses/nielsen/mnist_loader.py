"""The MNIST files in the folder COURSE_MNIST, as tuples of column vectors. Counts keep it small."""

import gzip
import os

import numpy as np


def read(name, header):
    with gzip.open(os.path.join(os.environ["COURSE_MNIST"], name), "rb") as f:
        return np.frombuffer(f.read(), np.uint8, offset=header)


def load_data(training=1000, validation=200, test=200):
    images = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype(np.float32) / 256
    labels = read("train-labels-idx1-ubyte.gz", 8).astype(np.int64)
    test_images = read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype(np.float32) / 256
    test_labels = read("t10k-labels-idx1-ubyte.gz", 8).astype(np.int64)
    end = training + validation
    return (
        (images[:training], labels[:training]),
        (images[training:end], labels[training:end]),
        (test_images[:test], test_labels[:test]),
    )


def load_data_wrapper(*counts):
    tr_d, va_d, te_d = load_data(*counts)
    training_inputs = [np.reshape(x, (784, 1)) for x in tr_d[0]]
    training_results = [vectorized_result(y) for y in tr_d[1]]
    training_data = zip(training_inputs, training_results)
    validation_data = zip([np.reshape(x, (784, 1)) for x in va_d[0]], va_d[1])
    test_data = zip([np.reshape(x, (784, 1)) for x in te_d[0]], te_d[1])
    return (training_data, validation_data, test_data)


def vectorized_result(j):
    e = np.zeros((10, 1))
    e[j] = 1.0
    return e
