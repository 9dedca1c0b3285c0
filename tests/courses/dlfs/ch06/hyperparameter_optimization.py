import sys, os

sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from common.multi_layer_net import MultiLayerNet
from common.util import shuffle_dataset
from common.trainer import Trainer

counts = [int(a) for a in sys.argv[1:]]
optimization_trial, epochs, train_size, hidden_size, seed = counts + [4, 5, 500, 50, 0][len(counts) :]
np.random.seed(seed)

(x_train, t_train), _ = load_mnist(normalize=True)
x_train = x_train[:train_size]
t_train = t_train[:train_size]

validation_rate = 0.20
validation_num = int(x_train.shape[0] * validation_rate)
x_train, t_train = shuffle_dataset(x_train, t_train)
x_val, t_val = x_train[:validation_num], t_train[:validation_num]
x_train, t_train = x_train[validation_num:], t_train[validation_num:]


def __train(lr, weight_decay):
    network = MultiLayerNet(
        input_size=784,
        hidden_size_list=[hidden_size] * 6,
        output_size=10,
        weight_decay_lambda=weight_decay,
    )
    trainer = Trainer(
        network,
        x_train,
        t_train,
        x_val,
        t_val,
        epochs=epochs,
        mini_batch_size=100,
        optimizer="sgd",
        optimizer_param={"lr": lr},
        verbose=False,
    )
    trainer.train()
    return trainer.test_acc_list, trainer.train_acc_list


results_val = {}
for _ in range(optimization_trial):
    weight_decay = 10 ** np.random.uniform(-8, -4)
    lr = 10 ** np.random.uniform(-6, -2)
    val_acc_list, train_acc_list = __train(lr, weight_decay)
    print("val acc:" + str(val_acc_list[-1]) + " | lr:" + str(lr) + ", weight decay:" + str(weight_decay))
    results_val["lr:" + str(lr) + ", weight decay:" + str(weight_decay)] = val_acc_list

print("=========== Hyper-Parameter Optimization Result ===========")
for i, (key, accs) in enumerate(sorted(results_val.items(), key=lambda x: x[1][-1], reverse=True)):
    print("Best-" + str(i + 1) + "(val acc:" + str(accs[-1]) + ") | " + key)
