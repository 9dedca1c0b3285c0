"""Is it a 5? Logistic regression on one pixel, on all of them, and one model for each digit."""

from __future__ import annotations

import nnfast as nn
import numpy as np
from pictures import save

(x_train, t_train), (x_test, t_test) = nn.datasets.load_mnist_sample()
five_train = (t_train == 5).astype(np.float32)[:, None]  # the target variable: 1 for a 5, 0 for the rest
five_test = (t_test == 5).astype(np.float32)[:, None]


def logistic_regression(inputs: int, outputs: int = 1, bias: bool = True) -> nn.Network:
    """One affine layer; the loss brings the sigmoid along."""
    affine = nn.Affine(inputs, outputs, init="zeros", bias=bias)
    return nn.Network([affine], nn.SigmoidCrossEntropy(reduction="batch_mean"))


def one_pixel() -> None:
    """500 fives, 500 others, and the pixel in which they differ most."""
    rows = np.concatenate([np.flatnonzero(t_train == 5), np.flatnonzero(t_train != 5)[::9]])
    x, t = x_train[rows], five_train[rows]
    difference = x[t[:, 0] == 1].mean(axis=0) - x[t[:, 0] == 0].mean(axis=0)
    pixel = int(difference.argmax())
    model = logistic_regression(1)
    model.fit(x[:, [pixel]], t, epochs=200, batch_size=100, optimizer=nn.SGD(lr=1.0))

    W, b = float(model.params["W1"][0, 0]), float(model.params["b1"][0])
    print(f"pixel {pixel}: row {pixel // 28}, column {pixel % 28}")
    print(f"weight {W:.1f}, bias {b:.1f}")
    for value in (0.0, 0.5, 1.0):
        p = float(model.predict_proba([[value]])[0, 0])
        print(f"pixel {value:.1f}: {p:.2f} -> {'a 5' if p > 0.5 else 'no 5'}")
    print(f"right: {model.accuracy(x[:, [pixel]], t):.0%} of the {len(x)} images")
    print("the larger the weighted sum, the nearer to 1:", nn.functional.sigmoid([-4.0, 0.0, 4.0]).round(2))

    def draw(figure):
        scale = np.linspace(-0.5, 1.5, 100)
        left, right = figure.subplots(1, 2, sharey=True)
        left.scatter(x[::5, pixel], t[::5, 0], s=8, alpha=0.4, label="images")
        left.plot(scale, model.predict_proba(scale[:, None]), color="C1", label="the best sigmoid")
        left.axhline(0.5, color="grey", lw=0.8, ls=":")
        left.set(xlabel=f"pixel {pixel}", ylabel="is it a 5?")
        left.legend(loc="upper left", bbox_to_anchor=(0.02, 0.92), fontsize=8)
        for weight, bias, style in [(4, 0, "-"), (4, -2, "--"), (12, 0, ":")]:
            label = f"weight {weight}, bias {bias}"
            right.plot(scale, nn.functional.sigmoid(weight * scale + bias), f"C2{style}", label=label)
        right.set(xlabel="input", title="the bias shifts, the weight bends")
        right.legend(fontsize=8)

    save("logistic_one_pixel", draw)


def all_pixels() -> nn.Network:
    """784 inputs and a bias; and 785 inputs, of which x0 = 1 is one, without a bias."""
    model = logistic_regression(784)
    model.fit(x_train, five_train, epochs=10, batch_size=100, optimizer=nn.SGD(lr=0.1), seed=0)
    print(f"is it a 5? right: {model.accuracy(x_test, five_test):.0%} of {len(x_test)} test images")

    ones = np.ones((len(x_train), 1), np.float32)
    x785 = np.hstack([ones, x_train])
    with_x0 = logistic_regression(785, bias=False)
    with_x0.fit(x785, five_train, epochs=10, batch_size=100, optimizer=nn.SGD(lr=0.1), seed=0)
    theta = with_x0.params["W1"]
    print(f"theta: {theta.shape[0]} numbers")
    print("theta[0] is the bias:", bool(np.allclose(theta[0], model.params["b1"], atol=1e-4)))
    print("the rest are the weights:", bool(np.allclose(theta[1:], model.params["W1"], atol=1e-4)))
    return model


def one_versus_rest() -> None:
    """Ten models side by side: ten columns of W, each with its own sigmoid."""
    models = logistic_regression(784, 10)
    one_hot = nn.functional.one_hot(t_train, 10)
    models.fit(x_train, one_hot, epochs=20, batch_size=100, optimizer=nn.SGD(lr=0.1))
    p = models.predict_proba(x_test[:1])[0]
    print("the first test image, ten answers:", p.round(1))
    print("the most certain one:", p.argmax(), "  the label:", t_test[0])
    right = (models.predict(x_test).argmax(axis=1) == t_test).mean()
    print(f"right: {right:.0%} of {len(x_test)} test images")

    def draw(figure):
        W = models.params["W1"]
        for digit, axes in enumerate(figure.subplots(2, 5).flat):
            axes.imshow(nn.plot.weight_image(W[:, digit]))
            axes.set_title(str(digit), fontsize=9)
            axes.axis("off")

    save("logistic_weights", draw, height=3.2)


print("-- one pixel")
one_pixel()
print("-- all pixels")
all_pixels()
print("-- one versus rest")
one_versus_rest()
