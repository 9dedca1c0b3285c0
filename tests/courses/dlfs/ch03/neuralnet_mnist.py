import sys, os

sys.path.append(os.pardir)
import numpy as np
import pickle
from dataset.mnist import load_mnist
from common.functions import sigmoid, softmax

counts = [int(a) for a in sys.argv[1:]]
images, batch_size = counts + [300, 100][len(counts) :]


def get_data():
    _, (x_test, t_test) = load_mnist(normalize=True, flatten=True, one_hot_label=False)
    return x_test[:images], t_test[:images]


def init_network():
    with open("sample_weight.pkl", "rb") as f:
        return pickle.load(f)


def predict(network, x):
    z1 = sigmoid(np.dot(x, network["W1"]) + network["b1"])
    z2 = sigmoid(np.dot(z1, network["W2"]) + network["b2"])
    return softmax(np.dot(z2, network["W3"]) + network["b3"])


x, t = get_data()
network = init_network()

accuracy_cnt = 0
for i in range(len(x)):
    y = predict(network, x[i])
    if np.argmax(y) == t[i]:
        accuracy_cnt += 1
print("Accuracy:" + str(float(accuracy_cnt) / len(x)))
print("one:", y.dtype, y.shape)

accuracy_cnt = 0
for i in range(0, len(x), batch_size):
    y = predict(network, x[i : i + batch_size])
    p = np.argmax(y, axis=1)
    accuracy_cnt += np.sum(p == t[i : i + batch_size])
print("Accuracy:" + str(float(accuracy_cnt) / len(x)))
print("batch:", y.dtype, y.shape)
