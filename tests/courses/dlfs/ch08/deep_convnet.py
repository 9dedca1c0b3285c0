import sys, os

sys.path.append(os.pardir)
import pickle
import numpy as np
from common.layers import *

# filters and padding of the six 3x3 convolutions; a pool after each second one
CONVOLUTIONS = [(16, 1), (16, 1), (32, 1), (32, 2), (64, 1), (64, 1)]


class DeepConvNet:
    """(conv - relu - conv - relu - pool) x 3 - affine - relu - dropout - affine - dropout - softmax"""

    def __init__(self, input_dim=(1, 28, 28), convolutions=CONVOLUTIONS, hidden_size=50, output_size=10):
        self.params = {}
        self.layers = []
        channels, size = input_dim[0], input_dim[1]
        for i, (filters, pad) in enumerate(convolutions):
            name = str(i + 1)
            scale = np.sqrt(2.0 / (channels * 3 * 3))
            self.params["W" + name] = scale * np.random.randn(filters, channels, 3, 3)
            self.params["b" + name] = np.zeros(filters)
            self.layers.append(Convolution(self.params["W" + name], self.params["b" + name], 1, pad))
            self.layers.append(Relu())
            channels, size = filters, size + 2 * pad - 2
            if i % 2:
                self.layers.append(Pooling(pool_h=2, pool_w=2, stride=2))
                size //= 2

        i = len(convolutions) + 1
        inputs = channels * size * size
        self.params["W" + str(i)] = np.sqrt(2.0 / inputs) * np.random.randn(inputs, hidden_size)
        self.params["b" + str(i)] = np.zeros(hidden_size)
        self.params["W" + str(i + 1)] = np.sqrt(2.0 / hidden_size) * np.random.randn(hidden_size, output_size)
        self.params["b" + str(i + 1)] = np.zeros(output_size)
        self.layers.append(Affine(self.params["W" + str(i)], self.params["b" + str(i)]))
        self.layers.append(Relu())
        self.layers.append(Dropout(0.5))
        self.layers.append(Affine(self.params["W" + str(i + 1)], self.params["b" + str(i + 1)]))
        self.layers.append(Dropout(0.5))
        self.last_layer = SoftmaxWithLoss()

    def with_params(self):
        return [layer for layer in self.layers if isinstance(layer, (Convolution, Affine))]

    def predict(self, x, train_flg=False):
        for layer in self.layers:
            x = layer.forward(x, train_flg) if isinstance(layer, Dropout) else layer.forward(x)
        return x

    def loss(self, x, t):
        return self.last_layer.forward(self.predict(x, train_flg=True), t)

    def accuracy(self, x, t, batch_size=100):
        if t.ndim != 1:
            t = np.argmax(t, axis=1)
        right = 0.0
        for i in range(0, x.shape[0], batch_size):
            y = np.argmax(self.predict(x[i : i + batch_size], train_flg=False), axis=1)
            right += np.sum(y == t[i : i + batch_size])
        return right / x.shape[0]

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.last_layer.backward(1)
        tmp_layers = self.layers.copy()
        tmp_layers.reverse()
        for layer in tmp_layers:
            dout = layer.backward(dout)

        grads = {}
        for i, layer in enumerate(self.with_params()):
            grads["W" + str(i + 1)] = layer.dW
            grads["b" + str(i + 1)] = layer.db
        return grads

    def save_params(self, file_name="params.pkl"):
        with open(file_name, "wb") as f:
            pickle.dump(dict(self.params), f)

    def load_params(self, file_name="params.pkl"):
        with open(file_name, "rb") as f:
            self.params.update(pickle.load(f))
        for i, layer in enumerate(self.with_params()):
            layer.W = self.params["W" + str(i + 1)]
            layer.b = self.params["b" + str(i + 1)]
