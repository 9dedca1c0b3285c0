import sys, os

sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from common.multi_layer_net_extend import MultiLayerNetExtend
from common.trainer import Trainer

counts = [int(a) for a in sys.argv[1:]]
epochs, train_size, hidden_size, seed = counts + [12, 300, 50, 0][len(counts) :]
np.random.seed(seed)

(x_train, t_train), (x_test, t_test) = load_mnist(normalize=True)
x_train = x_train[:train_size]
t_train = t_train[:train_size]

use_dropout = True
dropout_ratio = 0.2
network = MultiLayerNetExtend(
    input_size=784,
    hidden_size_list=[hidden_size] * 6,
    output_size=10,
    use_dropout=use_dropout,
    dropout_ration=dropout_ratio,
)
trainer = Trainer(
    network,
    x_train,
    t_train,
    x_test,
    t_test,
    epochs=epochs,
    mini_batch_size=100,
    optimizer="sgd",
    optimizer_param={"lr": 0.01},
    verbose=True,
)
trainer.train()
print(
    trainer.train_acc_list == trainer.test_acc_list, len(trainer.train_acc_list), len(trainer.test_acc_list)
)
