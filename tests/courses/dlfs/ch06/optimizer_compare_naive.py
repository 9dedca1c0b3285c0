import sys, os

sys.path.append(os.pardir)
from collections import OrderedDict
from common.optimizer import *

counts = [int(a) for a in sys.argv[1:]]
(steps,) = counts + [30][len(counts) :]


def df(x, y):
    return x / 10.0, 2.0 * y


optimizers = OrderedDict()
optimizers["SGD"] = SGD(lr=0.95)
optimizers["Momentum"] = Momentum(lr=0.1)
optimizers["Nesterov"] = Nesterov(lr=0.1)
optimizers["AdaGrad"] = AdaGrad(lr=1.5)
optimizers["RMSprop"] = RMSprop(lr=0.1)
optimizers["Adam"] = Adam(lr=0.3)

for key in optimizers:
    params = {"x": -7.0, "y": 2.0}
    grads = {"x": 0, "y": 0}
    path = []
    for _ in range(steps):
        path.append((params["x"], params["y"]))
        grads["x"], grads["y"] = df(params["x"], params["y"])
        optimizers[key].update(params, grads)
    print(key, repr(params["x"]), repr(params["y"]))
    print(np.round(np.array(path[:: max(1, steps // 5)]), 6).tolist())
