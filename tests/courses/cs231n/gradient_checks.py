"""All layers against numerical gradients, as the first cells of the assignments do it. Argument: checks per array."""

import random
import sys

import numpy as np
from cs231n.classifiers.fc_net import FullyConnectedNet, TwoLayerNet
from cs231n.gradient_check import (
    eval_numerical_gradient,
    eval_numerical_gradient_array,
    eval_numerical_gradient_net,
    grad_check_sparse,
)
from cs231n.layer_utils import affine_relu_backward, affine_relu_forward
from cs231n.layers import *
from cs231n.optim import adam, rmsprop, sgd, sgd_momentum

checks = int(sys.argv[1]) if len(sys.argv) > 1 else 3


def rel_error(x, y):
    return np.max(np.abs(x - y) / (np.maximum(1e-8, np.abs(x) + np.abs(y))))


np.random.seed(231)
random.seed(231)
x = np.linspace(-0.1, 0.5, num=2 * 120).reshape(2, 4, 5, 6)
w = np.linspace(-0.2, 0.3, num=120 * 3).reshape(120, 3)
out, _ = affine_forward(x, w, np.linspace(-0.3, 0.1, num=3))
print("affine_forward", out.round(10).tolist())

x, w, b, dout = (
    np.random.randn(10, 2, 3),
    np.random.randn(6, 5),
    np.random.randn(5),
    np.random.randn(10, 5),
)
for name, forward, backward in [
    ("affine", affine_forward, affine_backward),
    ("affine_relu", affine_relu_forward, affine_relu_backward),
]:
    _, cache = forward(x, w, b)
    for got, at in zip(backward(dout, cache), (x, w, b)):
        num = eval_numerical_gradient_array(lambda _: forward(x, w, b)[0], at, dout)
        print(name, at.shape, "error below 1e-8:", rel_error(num, got) < 1e-8)

x = np.linspace(-0.5, 0.5, num=12).reshape(3, 4)
print("relu", relu_forward(x)[0].tolist(), relu_backward(np.ones_like(x), x).tolist())

x, y = 0.001 * np.random.randn(50, 10), np.random.randint(10, size=50)
for name, f in (("svm_loss", svm_loss), ("softmax_loss", softmax_loss)):
    loss, dx = f(x, y)
    num = eval_numerical_gradient(lambda x: f(x, y)[0], x, verbose=False)
    print(name, repr(float(loss)), "error below 1e-6:", rel_error(num, dx) < 1e-6)
x = np.random.randn(2, 3)
eval_numerical_gradient(lambda x: round(float(np.sum(x)), 6), x, verbose=True, h=0.5)

model = TwoLayerNet(input_dim=5, hidden_dim=50, num_classes=7, weight_scale=1e-2, reg=0.7)
X, y = np.random.randn(3, 5), np.array([0, 5, 1])
print("scores", np.abs(model.loss(X)).sum().round(10))
loss, grads = model.loss(X, y)
print("loss", repr(float(loss)))
for name in sorted(grads):
    num = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False)
    print("%s error below 1e-4: %s" % (name, rel_error(num, grads[name]) < 1e-4))

X, y = np.random.randn(2, 15), np.random.randint(10, size=(2,))
for reg in (0, 3.14):
    model = FullyConnectedNet(
        [20, 30], input_dim=15, num_classes=10, reg=reg, weight_scale=5e-2, dtype=np.float64
    )
    loss, grads = model.loss(X, y)
    print("reg", reg, "Initial loss: ", repr(float(loss)))
    f = lambda _: model.loss(X, y)[0]
    for name in sorted(grads):
        before = [random.random(), model.params[name].copy()]
        error = rel_error(eval_numerical_gradient(f, model.params[name], verbose=False), grads[name])
        print("%s error below 1e-4: %s" % (name, error < 1e-4), np.array_equal(before[1], model.params[name]))

X = np.random.randn(3, 4)
for _ in range(checks):
    grad_check_sparse(lambda x: float(np.sum(x**2)), X, 2 * X + 1, num_checks=2, h=0.25)


class Blob:
    def __init__(self, vals):
        self.vals, self.diffs = vals, np.ones_like(vals)


class Net:
    def __init__(self):
        self.inputs, self.output = (Blob(np.arange(3.0)), Blob(np.ones(3))), Blob(np.zeros(3))

    def forward(self):
        self.output.vals = self.inputs[0].vals * self.inputs[1].vals


net = Net()
net.forward()
print([g.round(6).tolist() for g in eval_numerical_gradient_net(net, net.inputs, net.output)])

w, dw = np.linspace(-0.4, 0.6, num=20).reshape(4, 5), np.linspace(-0.6, 0.4, num=20).reshape(4, 5)
state = np.linspace(0.6, 0.9, num=20).reshape(4, 5)
for rule, config in [
    (sgd, {"learning_rate": 1e-2}),
    (sgd_momentum, {"learning_rate": 1e-3, "velocity": state}),
    (rmsprop, {"learning_rate": 1e-2, "cache": state}),
    (adam, {"learning_rate": 1e-2, "m": state - 0.9, "v": state - 0.1, "t": 5}),
]:
    next_w, config = rule(w.copy(), dw, config)
    numbers = {k: v if np.isscalar(v) else np.round(v, 12).ravel()[:3].tolist() for k, v in config.items()}
    print(rule.__name__, next_w.round(12).ravel()[::7].tolist(), numbers)
