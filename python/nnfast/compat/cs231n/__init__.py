"""CS231n's assignment code, ``cs231n``, on nnfast: the same names, arguments, results, draws and printed lines.

==================================  ==================================================================================
:mod:`.layers`                      affine, relu, losses, batch, layer and group normalization, dropout, convolution
:mod:`.layer_utils`                 affine_relu, conv_relu, conv_bn_relu, conv_relu_pool
:mod:`.fast_layers`                 convolution and pooling, without a Cython extension to build
:mod:`.optim`                       sgd, sgd_momentum, rmsprop, adam
:mod:`.solver`                      Solver
:mod:`.gradient_check`              numerical gradients
:mod:`.classifiers.fc_net`          TwoLayerNet, FullyConnectedNet
==================================  ==================================================================================

Where the starter code of the years differs, the keyword that is given decides:

====================================  ==============================================================================
``dropout_keep_ratio=`` (2020 on)     FullyConnectedNet keeps that share of the values; 1 is no dropout
``dropout=`` (2018, 2019)             the same
``dropout=, use_batchnorm=`` (2016)   FullyConnectedNet drops that share; 0 is no dropout
====================================  ==============================================================================

For :func:`.layers.dropout_forward` of 2016, see :mod:`.layers`.

Examples
--------
>>> import numpy as np
>>> from nnfast.compat.cs231n.layers import softmax_loss
>>> loss, dx = softmax_loss(np.zeros((1, 4)), np.array([3]))
>>> print(dx)
[[ 0.25  0.25  0.25 -0.75]]
"""

__all__: list[str] = []
