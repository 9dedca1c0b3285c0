import sys, os

sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from common.multi_layer_net_extend import MultiLayerNetExtend

counts = [int(a) for a in sys.argv[1:]]
input_size, hidden_size, batch_size, seed = counts + [60, 10, 1, 0][len(counts) :]
np.random.seed(seed)

(x_train, t_train), _ = load_mnist(one_hot_label=True)
network = MultiLayerNetExtend(
    input_size=input_size, hidden_size_list=[hidden_size, hidden_size], output_size=10, use_batchnorm=True
)
middle = (784 - input_size) // 2
x_batch = x_train[:batch_size, middle : middle + input_size]
t_batch = t_train[:batch_size]

grad_backprop = network.gradient(x_batch, t_batch)
grad_numerical = network.numerical_gradient(x_batch, t_batch)
for key in grad_numerical.keys():
    diff = np.average(np.abs(grad_backprop[key] - grad_numerical[key]))
    print(key + ":" + str(diff))
