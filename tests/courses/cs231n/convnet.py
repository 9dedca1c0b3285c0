"""A three-layer convolutional net: conv - relu - pool - affine - relu - affine - softmax. Argument: epochs."""

import sys

import numpy as np
from cs231n.data_utils import get_random_data
from cs231n.gradient_check import eval_numerical_gradient_array
from cs231n.layer_utils import *
from cs231n.layers import *
from cs231n.solver import Solver

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 1


def rel_error(x, y):
    return np.max(np.abs(x - y) / (np.maximum(1e-8, np.abs(x) + np.abs(y))))


class ThreeLayerConvNet:
    def __init__(
        self,
        input_dim=(3, 8, 8),
        num_filters=8,
        filter_size=3,
        hidden_dim=20,
        num_classes=10,
        weight_scale=1e-2,
        reg=0.0,
    ):
        c, h, w = input_dim
        self.reg = reg
        self.conv_param = {"stride": 1, "pad": (filter_size - 1) // 2}
        self.pool_param = {"pool_height": 2, "pool_width": 2, "stride": 2}
        self.params = {
            "W1": weight_scale * np.random.randn(num_filters, c, filter_size, filter_size),
            "b1": np.zeros(num_filters),
            "W2": weight_scale * np.random.randn(num_filters * (h // 2) * (w // 2), hidden_dim),
            "b2": np.zeros(hidden_dim),
            "W3": weight_scale * np.random.randn(hidden_dim, num_classes),
            "b3": np.zeros(num_classes),
        }

    def loss(self, X, y=None):
        p = self.params
        out, conv_cache = conv_relu_pool_forward(X, p["W1"], p["b1"], self.conv_param, self.pool_param)
        out, hidden_cache = affine_relu_forward(out, p["W2"], p["b2"])
        scores, cache = affine_forward(out, p["W3"], p["b3"])
        if y is None:
            return scores
        grads = {}
        loss, dout = softmax_loss(scores, y)
        dout, grads["W3"], grads["b3"] = affine_backward(dout, cache)
        dout, grads["W2"], grads["b2"] = affine_relu_backward(dout, hidden_cache)
        _, grads["W1"], grads["b1"] = conv_relu_pool_backward(dout, conv_cache)
        for name in ("W1", "W2", "W3"):
            loss += 0.5 * self.reg * np.sum(p[name] ** 2)
            grads[name] += self.reg * p[name]
        return loss, grads


np.random.seed(231)
x = np.linspace(-0.1, 0.5, num=2 * 3 * 4 * 4).reshape(2, 3, 4, 4)
w = np.linspace(-0.2, 0.3, num=3 * 3 * 4 * 4).reshape(3, 3, 4, 4)
b = np.linspace(-0.1, 0.2, num=3)
out, _ = conv_forward_naive(x, w, b, {"stride": 2, "pad": 1})
print("conv_forward_naive", out.round(10).tolist())
out, _ = max_pool_forward_naive(x, {"pool_width": 2, "pool_height": 2, "stride": 2})
print("max_pool_forward_naive", out.round(10).tolist())

x, w, b = np.random.randn(4, 3, 5, 5), np.random.randn(2, 3, 3, 3), np.random.randn(2)
dout, conv_param = np.random.randn(4, 2, 5, 5), {"stride": 1, "pad": 1}
out, cache = conv_forward_naive(x, w, b, conv_param)
fast, fast_cache = conv_forward_fast(x, w, b, conv_param)
print("fast and naive agree:", rel_error(out, fast) < 1e-10)
for name, got, quick, at, f in zip(
    ("dx", "dw", "db"),
    conv_backward_naive(dout, cache),
    conv_backward_fast(dout, fast_cache),
    (x, w, b),
    (
        lambda x: conv_forward_naive(x, w, b, conv_param)[0],
        lambda w: conv_forward_naive(x, w, b, conv_param)[0],
        lambda b: conv_forward_naive(x, w, b, conv_param)[0],
    ),
):
    print(
        name, rel_error(got, eval_numerical_gradient_array(f, at, dout)) < 1e-5, rel_error(got, quick) < 1e-9
    )

x = np.random.randn(3, 2, 8, 8)
for pool_param in (
    {"pool_height": 2, "pool_width": 2, "stride": 2},
    {"pool_height": 4, "pool_width": 2, "stride": 2},
):
    out, cache = max_pool_forward_fast(x, pool_param)
    naive, naive_cache = max_pool_forward_naive(x, pool_param)
    dout = np.random.randn(*out.shape)
    dx, dx_naive = max_pool_backward_fast(dout, cache), max_pool_backward_naive(dout, naive_cache)
    print(cache[0], np.array_equal(out, naive), rel_error(dx, dx_naive) < 1e-12, repr(round(dx.sum(), 9)))

x, gamma, beta = 4 * np.random.randn(2, 6, 4, 5) + 10, 2 * np.ones(6), np.arange(6.0)
out, cache = spatial_batchnorm_forward(x, gamma, beta, {"mode": "train"})
print("spatial batchnorm", out.mean(axis=(0, 2, 3)).round(8), out.std(axis=(0, 2, 3)).round(5))
print([g.sum().round(9) + 0.0 for g in spatial_batchnorm_backward(np.random.randn(*x.shape), cache)[1:]])
out, cache = spatial_groupnorm_forward(x, gamma.reshape(1, 6, 1, 1), beta.reshape(1, 6, 1, 1), 2, {})
dx, dgamma, dbeta = spatial_groupnorm_backward(np.random.randn(*x.shape), cache)
print("group norm", out[0, 0].round(8).tolist(), dx[1, 5].round(8).tolist(), dgamma.shape, dbeta.shape)

data = get_random_data(num_train=200, num_val=50)
model = ThreeLayerConvNet(weight_scale=5e-2, reg=1e-3)
solver = Solver(
    model,
    data,
    num_epochs=epochs,
    batch_size=50,
    update_rule="adam",
    optim_config={"learning_rate": 1e-3},
    verbose=True,
    print_every=1,
)
solver.train()
print("losses", [repr(float(loss)) for loss in solver.loss_history])
