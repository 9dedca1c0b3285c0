"""The code of "Neural Networks and Deep Learning" (Nielsen), on nnfast: a mini-batch is one product per layer.

=====================  =============================================================================================
:mod:`.network`        Network: quadratic cost, sigmoid
:mod:`.network2`       Network with cross-entropy or quadratic cost, regularization, monitoring, save and load
:mod:`.mnist_loader`   the data, from ``mnist.pkl.gz`` or from the four files of MNIST
=====================  =============================================================================================

The names, draws, shuffles and printed lines are those of the Python 3 ports of the book's programs. Samples are tuples
of column vectors, as there. What a subclass overrides is called, sample by sample.

Examples
--------
>>> import numpy as np
>>> from nnfast.compat.nielsen.network import Network
>>> net = Network([2, 3, 1])
>>> net.feedforward(np.ones((2, 1))).shape
(1, 1)
"""

__all__: list[str] = []
