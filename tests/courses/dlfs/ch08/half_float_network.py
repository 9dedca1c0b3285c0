import sys, os

sys.path.append(os.pardir)
import numpy as np
from deep_convnet import DeepConvNet
from dataset.mnist import load_mnist

counts = [int(a) for a in sys.argv[1:]]
sampled, seed = counts + [100, 0][len(counts) :]
np.random.seed(seed)

_, (x_test, t_test) = load_mnist(flatten=False)
network = DeepConvNet()
if os.path.exists("deep_convnet_params.pkl"):
    network.load_params("deep_convnet_params.pkl")
x_test = x_test[:sampled]
t_test = t_test[:sampled]

print("float64:", network.accuracy(x_test, t_test))
y = network.predict(x_test[:10])

x_test = x_test.astype(np.float16)
for param in network.params.values():
    param[...] = param.astype(np.float16)

print("float16:", network.accuracy(x_test, t_test))
half = network.predict(x_test[:10])
print(half.dtype, repr(np.abs(half - y).max()), np.abs(half - y).max() > 0)
