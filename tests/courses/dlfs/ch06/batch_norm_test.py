import sys, os

sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from common.multi_layer_net_extend import MultiLayerNetExtend
from common.optimizer import SGD

counts = [int(a) for a in sys.argv[1:]]
max_epochs, scales, train_size, hidden_size, seed = counts + [3, 3, 500, 50, 0][len(counts) :]
np.random.seed(seed)

(x_train, t_train), _ = load_mnist(normalize=True)
x_train = x_train[:train_size]
t_train = t_train[:train_size]
batch_size = 100


def __train(weight_init_std):
    sizes = {"input_size": 784, "hidden_size_list": [hidden_size] * 5, "output_size": 10}
    bn_network = MultiLayerNetExtend(**sizes, weight_init_std=weight_init_std, use_batchnorm=True)
    network = MultiLayerNetExtend(**sizes, weight_init_std=weight_init_std)
    optimizer = SGD(lr=0.01)
    iter_per_epoch = max(train_size / batch_size, 1)
    epoch_cnt = 0
    for i in range(1000000000):
        batch_mask = np.random.choice(train_size, batch_size)
        x_batch = x_train[batch_mask]
        t_batch = t_train[batch_mask]
        for net in (bn_network, network):
            grads = net.gradient(x_batch, t_batch)
            optimizer.update(net.params, grads)
        if i % iter_per_epoch == 0:
            train_acc = network.accuracy(x_train, t_train)
            bn_train_acc = bn_network.accuracy(x_train, t_train)
            print("epoch:" + str(epoch_cnt) + " | " + str(train_acc) + " - " + str(bn_train_acc))
            epoch_cnt += 1
            if epoch_cnt >= max_epochs:
                break


for i, w in enumerate(np.logspace(0, -4, num=scales)):
    print("============== " + str(i + 1) + "/" + str(scales) + " ==============")
    __train(w)
