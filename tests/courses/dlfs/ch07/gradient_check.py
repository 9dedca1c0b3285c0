import sys, os

sys.path.append(os.pardir)
import numpy as np
from simple_convnet import SimpleConvNet

counts = [int(a) for a in sys.argv[1:]]
filters, hidden_size, seed = counts + [5, 6, 0][len(counts) :]
np.random.seed(seed)

network = SimpleConvNet(
    input_dim=(1, 10, 10),
    conv_param={"filter_num": filters, "filter_size": 3, "pad": 0, "stride": 1},
    hidden_size=hidden_size,
    output_size=10,
    weight_init_std=0.01,
)
X = np.random.rand(100).reshape((1, 1, 10, 10))
T = np.array([1]).reshape((1, 1))

grad_num = network.numerical_gradient(X, T)
grad = network.gradient(X, T)
for key, expected in grad_num.items():
    print(key, np.abs(expected - grad[key]).mean())
