"""Dropout: shares, gradients, and a net with and without it. Argument: epochs."""

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


np.random.seed(231)
x = np.random.randn(300, 300) + 10
for p in (0.25, 0.4, 0.7):
    out, (_, mask) = dropout_forward(x, {"mode": "train", "p": p})
    out_test, (_, no_mask) = dropout_forward(x, {"mode": "test", "p": p})
    print("Running tests with p = ", p)
    print("Mean of input: ", round(x.mean(), 10))
    print("Mean of train-time output: ", round(out.mean(), 10))
    print("Mean of test-time output: ", round(out_test.mean(), 10), no_mask)
    print("Fraction of train-time output set to zero: ", (out == 0).mean(), (mask == 0).mean())

x = np.random.randn(10, 10) + 10
dout = np.random.randn(*x.shape)
dropout_param = {"mode": "train", "p": 0.2, "seed": 123}
out, cache = dropout_forward(x, dropout_param)
dx = dropout_backward(dout, cache)
dx_num = eval_numerical_gradient_array(lambda xx: dropout_forward(xx, dropout_param)[0], x, dout)
print("dx relative error below 1e-7: ", rel_error(dx, dx_num) < 1e-7)
print("next draw", np.random.rand())

X, y = np.random.randn(2, 15), np.random.randint(10, size=(2,))
for keep in (1, 0.75, 0.5):
    model = FullyConnectedNet(
        [20, 30],
        input_dim=15,
        num_classes=10,
        weight_scale=5e-2,
        dtype=np.float64,
        dropout_keep_ratio=keep,
        seed=123,
    )
    loss, grads = model.loss(X, y)
    print("dropout", keep, "Initial loss: ", repr(float(loss)))
    for name in ("W3", "b1"):
        num = eval_numerical_gradient(lambda _: model.loss(X, y)[0], model.params[name], verbose=False)
        print("%s error below 1e-5: %s" % (name, rel_error(num, grads[name]) < 1e-5))

data = get_random_data(num_train=300)
for keep in (1, 0.25):
    np.random.seed(231)
    model = FullyConnectedNet([100], input_dim=192, dropout_keep_ratio=keep, dtype=np.float64)
    solver = Solver(
        model,
        data,
        num_epochs=epochs,
        batch_size=100,
        update_rule="adam",
        optim_config={"learning_rate": 5e-4},
        print_every=2,
    )
    solver.train()
    print(keep, [repr(float(loss)) for loss in solver.loss_history])
