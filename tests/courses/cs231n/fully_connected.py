"""Five-layer nets with all update rules, and a net that overfits 50 images. Argument: epochs."""

import sys

import numpy as np
from cs231n.classifiers.fc_net import FullyConnectedNet
from cs231n.data_utils import get_random_data
from cs231n.solver import Solver

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 1
data = get_random_data(num_train=400)
size = data["X_train"][0].size

np.random.seed(231)
small = {
    "X_train": data["X_train"][:50],
    "y_train": data["y_train"][:50],
    "X_val": data["X_val"],
    "y_val": data["y_val"],
}
model = FullyConnectedNet([100, 100], input_dim=size, weight_scale=1e-1, dtype=np.float64)
solver = Solver(
    model,
    small,
    print_every=10,
    num_epochs=5 * epochs,
    batch_size=25,
    update_rule="sgd",
    optim_config={"learning_rate": 1e-3},
)
solver.train()
print("overfit", [repr(float(loss)) for loss in solver.loss_history[-3:]])

learning_rates = {"sgd": 5e-3, "sgd_momentum": 5e-3, "rmsprop": 1e-4, "adam": 1e-3}
for update_rule, learning_rate in learning_rates.items():
    for dtype in (np.float64, np.float32):
        print("running with ", update_rule, np.dtype(dtype).name)
        model = FullyConnectedNet(
            [100, 100, 100, 100], input_dim=size, weight_scale=5e-2, reg=1e-2, dtype=dtype
        )
        solver = Solver(
            model,
            data,
            num_epochs=epochs,
            batch_size=100,
            update_rule=update_rule,
            optim_config={"learning_rate": learning_rate},
            verbose=dtype is np.float64,
        )
        solver.train()
        if dtype is np.float64:
            print("losses", [repr(float(loss)) for loss in solver.loss_history])
        else:
            print("accuracies", solver.train_acc_history, solver.val_acc_history)
        y_pred = np.argmax(model.loss(data["X_val"]), axis=1)
        print("validation accuracy", np.mean(y_pred == data["y_val"]))
