"""A two-layer net on MNIST: a small search for the learning rate, as in the assignment. Argument: epochs."""

import sys

import numpy as np
from cs231n.classifiers.fc_net import TwoLayerNet
from cs231n.data_utils import get_mnist_data
from cs231n.solver import Solver

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 2
np.random.seed(231)
data = get_mnist_data()
best_val, best_model = -1, None
for learning_rate in (1e-3, 1e-2):
    for reg in (0.0, 0.5):
        model = TwoLayerNet(input_dim=28 * 28, hidden_dim=50, weight_scale=1e-2, reg=reg)
        solver = Solver(
            model,
            data,
            update_rule="sgd",
            optim_config={"learning_rate": learning_rate},
            lr_decay=0.95,
            num_epochs=epochs,
            batch_size=100,
            print_every=5,
        )
        solver.train()
        print(learning_rate, reg, "loss", repr(float(solver.loss_history[-1])), "best", solver.best_val_acc)
        if solver.best_val_acc > best_val:
            best_val, best_model = solver.best_val_acc, model
y_pred = np.argmax(best_model.loss(data["X_val"]), axis=1)
print("Validation set accuracy: ", (y_pred == data["y_val"]).mean())
