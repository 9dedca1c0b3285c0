import sys, os

sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from common.util import smooth_curve
from common.multi_layer_net import MultiLayerNet
from common.optimizer import SGD

counts = [int(a) for a in sys.argv[1:]]
max_iterations, batch_size, hidden_size, seed = counts + [60, 64, 50, 0][len(counts) :]
np.random.seed(seed)

(x_train, t_train), _ = load_mnist(normalize=True)
train_size = x_train.shape[0]

weight_init_types = {"std=0.01": 0.01, "Xavier": "sigmoid", "He": "relu"}
optimizer = SGD(lr=0.01)
networks = {}
train_loss = {}
for key, weight_type in weight_init_types.items():
    networks[key] = MultiLayerNet(
        input_size=784, hidden_size_list=[hidden_size] * 4, output_size=10, weight_init_std=weight_type
    )
    train_loss[key] = []

for i in range(max_iterations):
    batch_mask = np.random.choice(train_size, batch_size)
    x_batch = x_train[batch_mask]
    t_batch = t_train[batch_mask]
    for key in weight_init_types.keys():
        grads = networks[key].gradient(x_batch, t_batch)
        optimizer.update(networks[key].params, grads)
        train_loss[key].append(networks[key].loss(x_batch, t_batch))
    if i % 20 == 0:
        print("===========" + "iteration:" + str(i) + "===========")
        for key in weight_init_types.keys():
            print(key + ":" + str(train_loss[key][-1]))

for key in weight_init_types.keys():
    print(key, repr(smooth_curve(train_loss[key])[-1]))
