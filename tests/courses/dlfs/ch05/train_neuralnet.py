import sys, os

sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from two_layer_net import TwoLayerNet

counts = [int(a) for a in sys.argv[1:]]
iters_num, batch_size, hidden_size, train_size, seed = counts + [200, 100, 50, 3000, 0][len(counts) :]
np.random.seed(seed)

(x_train, t_train), (x_test, t_test) = load_mnist(normalize=True, one_hot_label=True)
x_train, t_train = x_train[:train_size], t_train[:train_size]
train_size = x_train.shape[0]
network = TwoLayerNet(input_size=784, hidden_size=hidden_size, output_size=10)
learning_rate = 0.1
iter_per_epoch = max(train_size / batch_size, 1)

for i in range(iters_num):
    batch_mask = np.random.choice(train_size, batch_size)
    x_batch = x_train[batch_mask]
    t_batch = t_train[batch_mask]
    grad = network.gradient(x_batch, t_batch)
    for key in ("W1", "b1", "W2", "b2"):
        network.params[key] -= learning_rate * grad[key]
    loss = network.loss(x_batch, t_batch)
    if i % 50 == 0:
        print("loss", i, repr(loss))
    if i % iter_per_epoch == 0:
        train_acc = network.accuracy(x_train, t_train)
        test_acc = network.accuracy(x_test, t_test)
        print(train_acc, test_acc)
print("loss", iters_num, repr(loss))
