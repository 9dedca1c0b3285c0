"""Pictures of networks, of their training and of what they have learnt. Needs matplotlib: ``pip install nnfast[plot]``.

::

    import matplotlib.pyplot as plt
    import nnfast as nn

    (x, t), (x_test, t_test) = nn.datasets.load_mnist_sample()
    net = nn.mlp([784, 50, 10], seed=0)
    net.fit(x, t, epochs=10, validation=(x_test, t_test)).plot()
    nn.plot.weights(net)
    nn.plot.misclassified(net, x_test, t_test)
    plt.show()

:func:`weight_image` and :func:`confusion_matrix` make arrays and do without matplotlib.

What holds for all pictures:

* They are drawn on `ax` where it is given, and nowhere else. Otherwise a new figure is made. What is returned are the
  Axes, one or (:func:`activation_histograms`, :func:`activation_functions`) an array of them; ``ax.figure`` is the
  figure, ``ax.figure.savefig("name.png")`` writes it. No function shows anything or changes matplotlib's settings.
* A new figure belongs to pyplot if the program has imported ``matplotlib.pyplot``, or runs in IPython or a notebook:
  then ``plt.show()`` and ``plt.savefig()`` find it, and a notebook shows it once, at the end of its cell. A program
  that does not use pyplot, such as a server, gets a figure that nobody else holds on to.
* Samples are rows: x (batch, in), or images (batch, rows, cols) or (batch, 1, rows, cols). Neurons, samples and classes
  are counted from 0, layers from 1, since layer 0 is the input.
* Colours are those of Okabe and Ito [1]_, which colour-blind readers can tell apart, except red and green of weights.
* Text that matplotlib's font has no letters for, such as Hangul, needs another font first:
  ``plt.rcParams["font.family"] = "NanumGothic"``.

.. [1] M. Okabe, K. Ito, "Color Universal Design", 2008.
"""

from __future__ import annotations

from ._classes import confusion, confusion_matrix, decision_boundary
from ._curves import histories, history
from ._descent import descent
from ._functions import activation_functions, activation_histograms
from ._images import images, misclassified, most_activating, weight_image, weights
from ._network import network

__all__ = [
    "activation_functions",
    "activation_histograms",
    "confusion",
    "confusion_matrix",
    "decision_boundary",
    "descent",
    "histories",
    "history",
    "images",
    "misclassified",
    "most_activating",
    "network",
    "weight_image",
    "weights",
]
