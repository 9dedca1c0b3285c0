import sys, os

sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from deep_convnet import DeepConvNet
from common.trainer import Trainer

counts = [int(a) for a in sys.argv[1:]]
steps, batch_size, seed = counts + [4, 20, 0][len(counts) :]
np.random.seed(seed)

(x_train, t_train), (x_test, t_test) = load_mnist(flatten=False)
x_train, t_train = x_train[: steps * batch_size], t_train[: steps * batch_size]
x_test, t_test = x_test[:100], t_test[:100]

network = DeepConvNet()
trainer = Trainer(
    network,
    x_train,
    t_train,
    x_test,
    t_test,
    epochs=1,
    mini_batch_size=batch_size,
    optimizer="Adam",
    optimizer_param={"lr": 0.001},
    evaluate_sample_num_per_epoch=50,
)
trainer.train()
network.save_params("deep_convnet_params.pkl")
