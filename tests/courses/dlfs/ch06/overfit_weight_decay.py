import sys, os

sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from common.multi_layer_net import MultiLayerNet
from common.optimizer import SGD

counts = [int(a) for a in sys.argv[1:]]
max_epochs, train_size, hidden_size, seed = counts + [20, 300, 50, 0][len(counts) :]
np.random.seed(seed)

(x_train, t_train), (x_test, t_test) = load_mnist(normalize=True)
x_train = x_train[:train_size]
t_train = t_train[:train_size]

weight_decay_lambda = 0.1
network = MultiLayerNet(
    input_size=784,
    hidden_size_list=[hidden_size] * 6,
    output_size=10,
    weight_decay_lambda=weight_decay_lambda,
)
optimizer = SGD(lr=0.01)
batch_size = 100
iter_per_epoch = max(train_size / batch_size, 1)
epoch_cnt = 0

for i in range(1000000000):
    batch_mask = np.random.choice(train_size, batch_size)
    x_batch = x_train[batch_mask]
    t_batch = t_train[batch_mask]
    grads = network.gradient(x_batch, t_batch)
    optimizer.update(network.params, grads)
    if i % iter_per_epoch == 0:
        train_acc = network.accuracy(x_train, t_train)
        test_acc = network.accuracy(x_test, t_test)
        print("epoch:" + str(epoch_cnt) + ", train acc:" + str(train_acc) + ", test acc:" + str(test_acc))
        epoch_cnt += 1
        if epoch_cnt >= max_epochs:
            break
print("loss", repr(network.loss(x_batch, t_batch)))
