"""The third chapter's networks: costs, monitoring, early stopping, files. Arguments: epochs, training samples."""

import os
import random
import sys
import tempfile

import mnist_loader
import network2
import numpy as np

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 2
samples = int(sys.argv[2]) if len(sys.argv) > 2 else 400
random.seed(12345678)
np.random.seed(12345678)
training_data, validation_data, test_data = map(list, mnist_loader.load_data_wrapper(samples))

for cost in (network2.CrossEntropyCost, network2.QuadraticCost):
    net = network2.Network([784, 30, 20, 10], cost=cost)
    histories = net.SGD(
        training_data,
        epochs,
        10,
        0.5,
        lmbda=0.1,
        evaluation_data=validation_data,
        monitor_evaluation_cost=True,
        monitor_evaluation_accuracy=True,
        monitor_training_cost=True,
        monitor_training_accuracy=True,
    )
    print([[repr(float(x)) for x in history] for history in histories])

net = network2.Network([784, 30, 10])
net.large_weight_initializer()
histories = net.SGD(
    training_data,
    20 * epochs,
    10,
    0.5,
    evaluation_data=validation_data,
    monitor_evaluation_accuracy=True,
    early_stopping_n=3,
)
print("stopped after", len(histories[1]), histories[1])

with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "net.json")
    net.save(path)
    copy = network2.load(path)
print(copy.cost.__name__, copy.sizes, [np.array_equal(a, b) for a, b in zip(net.weights, copy.weights)])
print(
    net.accuracy(test_data),
    copy.accuracy(test_data),
    repr(float(copy.total_cost(test_data, 1.0, convert=True))),
)


class LogCosh:
    """A cost of the reader's own."""

    @staticmethod
    def fn(a, y):
        return np.sum(np.log(np.cosh(a - y)))

    @staticmethod
    def delta(z, a, y):
        return np.tanh(a - y) * network2.sigmoid_prime(z)


net = network2.Network([784, 15, 10], cost=LogCosh)
net.SGD(training_data, 1, 25, 2.0, monitor_training_cost=True)
print(random.random(), np.random.rand())
