"""The four chapters on neural networks of 3Blue1Brown: 784-16-16-10, sigmoid, squared differences."""

# ruff: noqa: E741 (l is the courses' name of a layer)
from __future__ import annotations

import nnfast as nn
import numpy as np
from pictures import save

(x_train, t_train), (x_test, t_test) = nn.datasets.load_mnist_sample(dtype=np.float64)
wanted = nn.functional.one_hot(t_train, 10)


def make(seed: int) -> nn.Network:
    """Sigmoid in every layer; the cost of an example is the sum of the squared differences, without 1/2."""
    sizes = [784, 16, 16, 10]
    layers = []
    for l in range(3):
        layers += [nn.Affine(sizes[l], sizes[l + 1], init="xavier", dtype=np.float64, rng=10 * seed + l)]
        layers += [nn.Sigmoid()]
    return nn.Network(layers, nn.SumSquaredError(factor=1.0, reduction="batch_mean"))


def structure(net: nn.Network) -> None:
    """Neurons hold numbers between 0 and 1; the weights and biases are the knobs."""
    print("neurons:", net.n, "  weights and biases:", f"{sum(p.size for p in net.params.values()):,}")
    net.forward(x_test[0])
    print("a[3] of a random network:", net.a[3].round(2))
    print("the brightest:", net.a[3].argmax(), "  wanted:", t_test[0])


def cost(net: nn.Network) -> None:
    """Of one example, and the average over all of them."""
    net.forward(x_train[0])
    by_hand = np.sum((net.a[net.L] - wanted[0]) ** 2)
    costs = net.per_sample_loss(x_train, wanted)
    print(f"cost of one example, sum of squares: {by_hand:.4f}; from the network: {costs[0]:.4f}")
    print(f"average of {len(costs)} costs: {costs.mean():.4f}; net.loss: {net.loss(x_train, wanted):.4f}")


def learn() -> None:
    """Shuffled mini-batches; other starts end in other minima."""
    nets = []
    for seed in (0, 1):
        net = make(seed)
        history = net.fit(x_train, wanted, epochs=20, batch_size=10, optimizer=nn.SGD(lr=0.5), seed=seed)
        nets.append(net)
        right = np.mean(net.predict(x_test).argmax(axis=1) == t_test)
        print(f"start {seed}: training cost {history['loss'][-1]:.2f}, test images right {right:.0%}")
    apart = np.abs(nets[0].W[1] - nets[1].W[1]).mean() / np.abs(nets[0].W[1]).mean()
    print("the same weights:", bool(apart < 0.1))
    worst = np.argsort(-nets[0].per_sample_loss(x_train, wanted))[:3]
    print("the three costliest examples are labelled", t_train[worst])

    def draw(figure):
        for unit, axes in enumerate(figure.subplots(2, 8).flat):
            axes.imshow(nn.plot.weight_image(nets[0].W[1][unit]))
            axes.axis("off")

    def draw_activating(figure):
        for unit, axes in enumerate(figure.subplots(1, 2)):
            nn.plot.most_activating(nets[0], x_test, layer=1, neuron=unit, count=10, ax=axes)

    def draw_network(figure):
        nn.plot.network(nets[0], x_test[0], ax=figure.subplots(), max_neurons=16)

    save("hidden_weights", draw, height=2.0)
    save("most_activating", draw_activating, height=2.0, colors=32)
    save("network", draw_network, width=6.0, height=4.0, colors=24)


def wishes(net: nn.Network) -> None:
    """Each example wants its own nudges; their average is what gradient descent follows."""
    x, t = x_train[:10], wanted[:10]
    each = net.per_sample_gradient(x, t)["W3"]
    print("wishes of ten examples for one weight:", -each[:, 3, 2].round(2))
    print("their average is the negative gradient:", np.allclose(each.mean(axis=0), net.gradient(x, t)["W3"]))


def importance() -> None:
    """The same change of two weights: one matters 32 times as much, as its neuron is 32 times as bright."""
    neuron = nn.Network([nn.Affine([[0.1], [0.1]], [0.0])], nn.SumSquaredError(factor=1.0))
    x, t = np.array([[0.96, 0.03]]), np.array([[1.0]])
    sensitivity = neuron.sensitivity(x, t)
    for name, place, value in sensitivity.ranking(3):
        print(f"{name}{list(place)}: {value:.3f}")
    ratio = sensitivity["W1"][0, 0] / sensitivity["W1"][1, 0]
    print(f"ratio {ratio:.0f} = ratio of the activations {0.96 / 0.03:.0f}")


def chain() -> None:
    """One neuron in each layer: dC/dw = a of the layer before, times sigma'(z), times 2 (a - y)."""
    net = nn.Network(
        [nn.Affine([[0.7]], [0.2]), nn.Sigmoid(), nn.Affine([[-1.1]], [0.4]), nn.Sigmoid()],
        nn.SumSquaredError(factor=1.0),
    )
    x, y = np.array([[0.5]]), np.array([[1.0]])
    net.forward(x)
    net.gradient(x, y)
    a1, a2 = net.a[1][0, 0], net.a[2][0, 0]
    by_hand = a1 * a2 * (1 - a2) * 2 * (a2 - 1.0)
    print(f"dC/dw by the chain rule: {by_hand:.6f}; net.dW[2]: {net.dW[2][0, 0]:.6f}")


net = make(seed=0)
print("-- structure")
structure(net)
print("-- cost")
cost(net)
print("-- learning")
learn()
print("-- wishes")
wishes(net)
print("-- importance")
importance()
print("-- chain rule")
chain()
