import sys, os

sys.path.append(os.pardir)
import numpy as np
from deep_convnet import DeepConvNet
from dataset.mnist import load_mnist
from common.layers import Dropout

counts = [int(a) for a in sys.argv[1:]]
sampled, seed = counts + [100, 0][len(counts) :]
np.random.seed(seed)

_, (x_test, t_test) = load_mnist(flatten=False)
network = DeepConvNet()
if os.path.exists("deep_convnet_params.pkl"):
    network.load_params("deep_convnet_params.pkl")
x_test = x_test[:sampled]
t_test = t_test[:sampled]

x = x_test
for layer in network.layers:
    x = layer.forward(x, False) if isinstance(layer, Dropout) else layer.forward(x)
classified_ids = np.argmax(x, axis=1)
print("test accuracy:" + str(np.sum(classified_ids == t_test) / float(len(t_test))))

misclassified = {}
for i in np.flatnonzero(classified_ids != t_test)[:20]:
    misclassified[int(i)] = (int(t_test[i]), int(classified_ids[i]))
print("======= misclassified result =======")
print("{view index: (label, inference), ...}")
print(misclassified)
