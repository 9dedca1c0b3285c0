"""The first chapter's network. Arguments: epochs, training samples."""

import random
import sys

import mnist_loader
import network
import numpy as np

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 2
samples = int(sys.argv[2]) if len(sys.argv) > 2 else 500
random.seed(1)
np.random.seed(1)
training_data, validation_data, test_data = mnist_loader.load_data_wrapper(samples)
training_data, validation_data = list(training_data), list(validation_data)
net = network.Network([784, 30, 10])
net.SGD(training_data, epochs, 10, 3.0, test_data=test_data)
print([repr(float(w.sum())) for w in net.weights], [repr(float(b.sum())) for b in net.biases])
net.SGD(training_data, 1, 7, 1.0)
nabla_b, nabla_w = net.backprop(*training_data[0])
print([n.shape for n in nabla_b + nabla_w], repr(float(np.abs(nabla_w[0]).sum())))
print(net.evaluate(validation_data), repr(float(net.feedforward(validation_data[0][0])[3, 0])))
print(random.random(), np.random.rand())


class Momentum(network.Network):
    """What readers add themselves: momentum, by overriding a method."""

    def update_mini_batch(self, mini_batch, eta):
        gradients = [self.backprop(x, y) for x, y in mini_batch]
        if not hasattr(self, "velocity"):
            self.velocity = [np.zeros(w.shape) for w in self.weights]
        for i in range(len(self.weights)):
            mean_w = sum(g[1][i] for g in gradients) / len(mini_batch)
            self.velocity[i] = 0.5 * self.velocity[i] - eta * mean_w
            self.weights[i] = self.weights[i] + self.velocity[i]
            self.biases[i] = self.biases[i] - eta * sum(g[0][i] for g in gradients) / len(mini_batch)


class Huber(network.Network):
    def cost_derivative(self, output_activations, y):
        return np.clip(output_activations - y, -0.5, 0.5)


for cls in (Momentum, Huber):
    net = cls([784, 12, 10])
    net.SGD(training_data[:100], 1, 10, 1.0, test_data=validation_data)
    print(cls.__name__, repr(float(np.abs(net.weights[0]).sum())))
