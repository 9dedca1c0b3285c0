import sys, os

sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from two_layer_net import TwoLayerNet

counts = [int(a) for a in sys.argv[1:]]
input_size, hidden_size, seed = counts + [784, 4, 0][len(counts) :]
np.random.seed(seed)

(x_train, t_train), _ = load_mnist(normalize=True, one_hot_label=True)
network = TwoLayerNet(input_size=input_size, hidden_size=hidden_size, output_size=10)
middle = (784 - input_size) // 2
x_batch = x_train[:3, middle : middle + input_size]
t_batch = t_train[:3]

grad_numerical = network.numerical_gradient(x_batch, t_batch)
grad_backprop = network.gradient(x_batch, t_batch)
for key in grad_numerical.keys():
    diff = np.average(np.abs(grad_backprop[key] - grad_numerical[key]))
    print(key + ":" + str(diff))
