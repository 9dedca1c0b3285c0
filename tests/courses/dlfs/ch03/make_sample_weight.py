"""Trains the 784-50-100-10 network and leaves sample_weight.pkl: float32, in Fortran order."""

import sys, os

sys.path.append(os.pardir)
import pickle
import numpy as np
from dataset.mnist import load_mnist

counts = [int(a) for a in sys.argv[1:]]
steps, seed = counts + [300, 0][len(counts) :]
np.random.seed(seed)

(x_train, t_train), _ = load_mnist(one_hot_label=True)
sizes = [784, 50, 100, 10]
Ws = [np.random.randn(sizes[i], sizes[i + 1]) / np.sqrt(sizes[i]) for i in range(3)]
bs = [np.zeros(sizes[i + 1]) for i in range(3)]
speeds = [np.zeros_like(p) for p in Ws + bs]

for _ in range(steps):
    chosen = np.random.choice(x_train.shape[0], 100)
    zs = [x_train[chosen]]
    for i in (0, 1):
        zs.append(1 / (1 + np.exp(-(np.dot(zs[i], Ws[i]) + bs[i]))))
    scores = np.exp(np.dot(zs[2], Ws[2]) + bs[2])
    delta = (scores / scores.sum(axis=1, keepdims=True) - t_train[chosen]) / 100
    for i in (2, 1, 0):
        dW, db = np.dot(zs[i].T, delta), delta.sum(axis=0)
        delta = np.dot(delta, Ws[i].T) * zs[i] * (1 - zs[i])
        for p, v, g in ((Ws[i], speeds[i], dW), (bs[i], speeds[3 + i], db)):
            v *= 0.9
            v -= 0.5 * g
            p += v

network = {}
for i in range(3):
    network["W" + str(i + 1)] = np.asfortranarray(Ws[i], np.float32)
    network["b" + str(i + 1)] = bs[i].astype(np.float32)
with open("sample_weight.pkl", "wb") as f:
    pickle.dump(network, f)
