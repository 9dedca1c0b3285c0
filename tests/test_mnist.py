"""The real job: MNIST, 784-512-512-10, batches of 128, Adam."""

import nnfast as nn
import numpy as np
import pytest


@pytest.fixture(scope="module")
def mnist(mnist_folder):
    return nn.datasets.load_mnist(mnist_folder)


def network(seed=0):
    rng = np.random.default_rng(seed)
    layers = [
        nn.Affine(784, 512, rng=rng),
        nn.Relu(),
        nn.Affine(512, 512, rng=rng),
        nn.Relu(),
        nn.Affine(512, 10, rng=rng),
    ]
    return nn.Network(layers)


def test_the_files_are_mnist(mnist):
    (x_train, t_train), (x_test, t_test) = mnist
    assert x_train.shape[0] == t_train.shape[0] == 60_000
    assert x_test.shape[0] == t_test.shape[0] == 10_000
    assert np.array_equal(np.bincount(t_test), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
    assert np.asarray(x_train).reshape(60_000, -1).shape[1] == 784


@pytest.mark.slow
def test_three_epochs_reach_97_5_percent(mnist):
    (x_train, t_train), (x_test, t_test) = mnist
    net = network()
    history = net.fit(x_train, t_train, epochs=3, batch_size=128, optimizer=nn.Adam(), seed=0)
    assert net.accuracy(x_test, t_test) >= 0.975
    assert history["loss"][0] > history["loss"][1] > history["loss"][2]


@pytest.mark.slow
def test_ten_epochs_reach_98_percent(mnist):
    """The learning rate falls to 0: at a constant rate the accuracy goes up and down between 97.6 and 98.3 %."""
    (x_train, t_train), (x_test, t_test) = mnist
    net = network()
    schedule = nn.schedules.cosine()
    net.fit(x_train, t_train, epochs=10, batch_size=128, optimizer=nn.Adam(), schedule=schedule, seed=0)
    assert net.accuracy(x_test, t_test) >= 0.98


def test_sample_that_travels_along_is_learnt():
    """5,000 images, no files needed: 90 % within seconds."""
    (x_train, t_train), (x_test, t_test) = nn.datasets.load_mnist_sample()
    net = network()
    net.fit(x_train, t_train, epochs=3, batch_size=100, optimizer=nn.Adam(), seed=0)
    assert net.accuracy(x_test, t_test) >= 0.9
