import sys, os

sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from common.layers import Convolution

counts = [int(a) for a in sys.argv[1:]]
filters, seed = counts + [4, 0][len(counts) :]
np.random.seed(seed)

_, (x_test, t_test) = load_mnist(flatten=False)
image = x_test[0, 0]
W = np.random.randn(filters, 1, 5, 5)
for i in range(filters):
    layer = Convolution(W[i].reshape(1, 1, 5, 5), 0)
    out = layer.forward(image.reshape(1, 1, *image.shape))
    out = out.reshape(out.shape[2], out.shape[3])
    print(i, out.shape, repr(out.sum()), repr(out[12, 12]))
