import sys, os

sys.path.append(os.pardir)
import numpy as np
from common.functions import softmax, cross_entropy_error
from common.gradient import numerical_gradient

counts = [int(a) for a in sys.argv[1:]]
(seed,) = counts + [0][len(counts) :]
np.random.seed(seed)


class simpleNet:
    def __init__(self):
        self.W = np.random.randn(2, 3)

    def predict(self, x):
        return np.dot(x, self.W)

    def loss(self, x, t):
        return cross_entropy_error(softmax(self.predict(x)), t)


x = np.array([0.6, 0.9])
t = np.array([0, 0, 1])
net = simpleNet()

f = lambda w: net.loss(x, t)
dW = numerical_gradient(f, net.W)
print(net.loss(x, t))
print(dW)
