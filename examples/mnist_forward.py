"""The forward pass by matrices, in the courses' notation, and the same from the network."""

# ruff: noqa: E741 (l is the courses' name of a layer)
from __future__ import annotations

import nnfast as nn
import numpy as np
from pictures import save

(x_train, t_train), (x_test, t_test) = nn.datasets.load_mnist_sample(dtype=np.float64)
net = nn.mlp([784, 16, 16, 10], activation="sigmoid", dtype=np.float64, seed=0)
net.fit(x_train, t_train, epochs=10, batch_size=50, optimizer=nn.Adam(lr=0.01))


def data() -> None:
    """Pixels of 0 to 255, scaled to 0 to 1, one row for each image; the label as a number and one-hot."""
    (raw, _), _ = nn.datasets.load_mnist_sample(normalize=False)
    row = raw[0].reshape(28, 28)[14]
    print("stored:", raw.dtype, raw.min(), "to", raw.max(), "  a row of the first image:", row[8:16])
    print("scaled:", (row / 255)[8:16].round(2), "  100 / 255 =", round(100 / 255, 2))
    print("x:", x_train.shape, "  m =", len(x_train), "samples, n[0] =", x_train.shape[1], "pixels")
    print("label", t_train[0], "one-hot:", nn.functional.one_hot(t_train[:1], 10)[0].astype(int))


def notation() -> None:
    """The layers are counted without the input, which is layer 0."""
    print("L =", net.L, "  n =", net.n)
    for l in range(1, net.L + 1):
        print(f"W[{l}]: {net.W[l].shape}, row = to, column = from;  b[{l}]: {net.b[l].shape}")
    first = net.layers[0].W
    print("the layer's own W:", first.shape, "- the same numbers:", np.shares_memory(first, net.W[1]))


def forward(x):
    """One image as a column vector: z = W a + b, a = sigmoid(z), layer by layer."""
    a = x
    for l in range(1, net.L + 1):
        z = net.W[l] @ a + net.b[l]
        a = nn.functional.sigmoid(z) if l < net.L else z
    return a


def one_image() -> None:
    """By hand, and by the network, which keeps what it has computed."""
    x = x_test[0]
    scores = forward(x)
    print("the same scores:", np.allclose(scores, net.forward(x)))
    for l in range(net.L + 1):
        print(f"a[{l}]: {net.a[l].shape}" + (f"  z[{l}]: {net.z[l].shape}" if l else ""))
    print("a[1], 4th from the top, is a[1][3]:", net.a[1][3].round(2))
    p = nn.functional.softmax(scores)
    print("softmax:", p.round(2), "  sum:", p.sum().round(6))
    print("largest score:", scores.argmax(), "  largest probability:", p.argmax(), "  label:", t_test[0])


def batch() -> None:
    """All images at once: one row each, one product for each layer."""
    a = x_test
    for l in range(1, net.L + 1):
        z = a @ net.W[l].T + net.b[l]
        a = nn.functional.sigmoid(z) if l < net.L else z
        print(f"a[{l}]: {a.shape}")
    print(
        "the same scores:",
        np.allclose(a, net.predict(x_test)),
        "  and net(x):",
        np.array_equal(net(x_test), net.predict(x_test)),
    )
    print(
        f"right: {np.mean(a.argmax(axis=1) == t_test):.0%}, net.accuracy: {net.accuracy(x_test, t_test):.0%}"
    )

    def draw(figure):
        nn.plot.images(x_test[:10], labels=t_test[:10], columns=10, ax=figure.subplots())

    save("digits", draw, height=1.1)


def overflow() -> None:
    """exp(1010) is too large for any float; the largest score is subtracted first."""
    scores = np.array([1010.0, 1000.0, 990.0])
    with np.errstate(all="ignore"):
        print("exp(score) / sum:", np.exp(scores) / np.exp(scores).sum())
    print("softmax:", np.array2string(nn.functional.softmax(scores), precision=4))


print("-- data")
data()
print("-- notation")
notation()
print("-- one image")
one_image()
print("-- batch")
batch()
print("-- overflow")
overflow()
