"""Batch and layer normalization: statistics, gradients, and what they do to training. Argument: epochs."""

import sys

import numpy as np
from cs231n.classifiers.fc_net import FullyConnectedNet
from cs231n.data_utils import get_random_data
from cs231n.gradient_check import eval_numerical_gradient, eval_numerical_gradient_array
from cs231n.layers import *
from cs231n.solver import Solver

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 2


def rel_error(x, y):
    return np.max(np.abs(x - y) / (np.maximum(1e-8, np.abs(x) + np.abs(y))))


def stats(x, axis=0):
    print("  means: ", np.round(x.mean(axis=axis), 8) + 0.0)
    print("  stds:  ", np.round(x.std(axis=axis), 8))


np.random.seed(231)
a = np.maximum(0, np.random.randn(200, 50)).dot(np.random.randn(50, 3))
gamma, beta = np.asarray([1.0, 2.0, 3.0]), np.asarray([11.0, 12.0, 13.0])
print("After batch normalization (gamma=", gamma, ", beta=", beta, ")")
stats(batchnorm_forward(a, gamma, beta, {"mode": "train"})[0])

bn_param = {"mode": "train"}
for _ in range(50):
    X = np.random.randn(200, 50)
    batchnorm_forward(np.maximum(0, X).dot(np.ones((50, 3))), gamma, beta, bn_param)
bn_param["mode"] = "test"
print("After batch normalization (test-time):")
stats(batchnorm_forward(np.maximum(0, X).dot(np.ones((50, 3))), gamma, beta, bn_param)[0].round(6))
print(sorted(bn_param), bn_param["running_mean"].round(8), bn_param["running_var"].round(8))

x, dout = 5 * np.random.randn(4, 5) + 12, np.random.randn(4, 5)
gamma, beta = np.random.randn(5), np.random.randn(5)
for name, forward, backward in [
    ("batchnorm", batchnorm_forward, batchnorm_backward),
    ("batchnorm_alt", batchnorm_forward, batchnorm_backward_alt),
    ("layernorm", layernorm_forward, layernorm_backward),
]:
    fx = lambda x: forward(x, gamma, beta, {"mode": "train"})[0]
    fg = lambda g: forward(x, g, beta, {"mode": "train"})[0]
    fb = lambda b: forward(x, gamma, b, {"mode": "train"})[0]
    _, cache = forward(x, gamma, beta, {"mode": "train"})
    for got, f, at in zip(backward(dout, cache), (fx, fg, fb), (x, gamma, beta)):
        error = rel_error(got, eval_numerical_gradient_array(f, at, dout))
        print(name, "error below 1e-6:", error < 1e-6)
try:
    batchnorm_forward(x, gamma, beta, {"mode": "predict"})
except ValueError as error:
    print(error)

X, y = np.random.randn(2, 15), np.random.randint(10, size=(2,))
for normalization in ("batchnorm", "layernorm"):
    for reg in (0, 3.14):
        model = FullyConnectedNet(
            [20, 30],
            input_dim=15,
            num_classes=10,
            reg=reg,
            weight_scale=5e-2,
            dtype=np.float64,
            normalization=normalization,
        )
        loss, grads = model.loss(X, y)
        print(normalization, "reg", reg, "Initial loss: ", repr(float(loss)))
        f = lambda _: model.loss(X, y)[0]
        for name in ("W3", "b3", "gamma2", "beta1"):
            num = eval_numerical_gradient(f, model.params[name], verbose=False, h=1e-5)
            print("%s error below 1e-4: %s" % (name, rel_error(num, grads[name]) < 1e-4))

data = get_random_data(num_train=300)
for normalization in (None, "batchnorm", "layernorm"):
    model = FullyConnectedNet(
        [100] * 4, input_dim=192, weight_scale=2e-2, normalization=normalization, dtype=np.float64
    )
    solver = Solver(
        model,
        data,
        num_epochs=epochs,
        batch_size=50,
        update_rule="adam",
        optim_config={"learning_rate": 1e-3},
        print_every=3,
    )
    solver.train()
    print(normalization, [repr(float(loss)) for loss in solver.loss_history[-2:]])
