import sys, os

sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from simple_convnet import SimpleConvNet
from common.trainer import Trainer

counts = [int(a) for a in sys.argv[1:]]
max_epochs, train_size, filters, hidden_size, seed = counts + [2, 500, 8, 30, 0][len(counts) :]
np.random.seed(seed)

(x_train, t_train), (x_test, t_test) = load_mnist(flatten=False)
x_train, t_train = x_train[:train_size], t_train[:train_size]
x_test, t_test = x_test[: train_size // 2], t_test[: train_size // 2]

network = SimpleConvNet(
    input_dim=(1, 28, 28),
    conv_param={"filter_num": filters, "filter_size": 5, "pad": 0, "stride": 1},
    hidden_size=hidden_size,
    output_size=10,
    weight_init_std=0.01,
)
trainer = Trainer(
    network,
    x_train,
    t_train,
    x_test,
    t_test,
    epochs=max_epochs,
    mini_batch_size=100,
    optimizer="Adam",
    optimizer_param={"lr": 0.001},
    evaluate_sample_num_per_epoch=100,
)
trainer.train()

before = network.accuracy(x_test, t_test)
network.save_params("params.pkl")
other = SimpleConvNet(
    conv_param={"filter_num": filters, "filter_size": 5, "pad": 0, "stride": 1}, hidden_size=hidden_size
)
other.load_params("params.pkl")
print("saved and loaded:", other.accuracy(x_test, t_test) == before)
