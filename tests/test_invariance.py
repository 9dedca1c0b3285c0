"""The same bits: threads, batch splits, positions, layouts, runs, AVX2 and AVX-512; forward, gradients, fits."""

import itertools

import nnfast as nn
import numpy as np
import pytest
from conftest import LAYOUTS, assert_same_bits, bits, thread_counts, use_threads
from nnfast import _core


def mlp(sizes, activation=nn.Relu, dtype=np.float32, seed=1):
    rng = np.random.default_rng(seed)
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Affine(inputs, outputs, dtype=dtype, rng=rng), activation()]
    for layer in layers[::2]:
        layer.b[...] = rng.standard_normal(layer.b.shape)
    return nn.Network(layers[:-1])


def everything(dtype, seed=1):
    """Every kind of layer in one network."""
    rng = np.random.default_rng(seed)
    width = 45
    layers = [
        nn.Affine(70, width, dtype=dtype, rng=rng),
        nn.BatchNormalization(width, dtype=dtype),
        nn.Gelu(),
        nn.Dropout(0.3),
    ]
    layers += [
        nn.Affine(width, width, dtype=dtype, rng=rng),
        nn.LayerNormalization(width, dtype=dtype),
        nn.Silu(),
    ]
    layers += [
        nn.Affine(width, width, dtype=dtype, rng=rng),
        nn.PRelu(width=width, dtype=dtype),
        nn.Affine(width, width, rng=rng, dtype=dtype),
    ]
    layers += [
        nn.Tanh(),
        nn.Affine(width, 11, bias=False, dtype=dtype, rng=rng),
        nn.Mish(),
        nn.Elu(),
        nn.Softmax(),
        nn.Affine(11, 10, dtype=dtype, rng=rng),
    ]
    return nn.Network(layers)


NETWORKS = {
    "784-512": lambda dtype: mlp([784, 512], dtype=dtype),
    "784-512-512-10": lambda dtype: mlp([784, 512, 512, 10], dtype=dtype),
    "300-37": lambda dtype: mlp([300, 37], dtype=dtype),
    "32-128": lambda dtype: mlp([32, 128], dtype=dtype),
    "256-256-256": lambda dtype: mlp([256, 256, 256], nn.Tanh, dtype),
    "7-1-5-1": lambda dtype: mlp([7, 1, 5, 1], nn.Sigmoid, dtype),
    "1-1": lambda dtype: mlp([1, 1], dtype=dtype),
    "65-129-33-17": lambda dtype: mlp([65, 129, 33, 17], nn.Gelu, dtype),
    "30-1100-1100-5": lambda dtype: mlp([30, 1100, 1100, 5], dtype=dtype),
    "4-2000-3": lambda dtype: mlp([4, 2000, 3], nn.LeakyRelu, dtype),
    "everything": everything,
}
every_network = pytest.mark.parametrize("name", list(NETWORKS))


def data(network, rng, dtype, batch, classes=None):
    inputs = network.layers[0].W.shape[0]
    outputs = next(layer.W.shape[1] for layer in reversed(network.layers) if isinstance(layer, nn.Affine))
    return rng.standard_normal((batch, inputs)).astype(dtype), rng.integers(0, classes or outputs, batch)


def family(isa):
    return "fma" if isa.startswith("avx") else isa


def settings():
    for isa, threads in itertools.product(_core.supported_isas(), thread_counts()):
        _core.set_isa(isa)
        use_threads(threads)
        yield isa, threads


# -------------------------------------------------------------------------------------------------- affine
SHAPES = [
    (784, 512, 64),
    (256, 256, 128),
    (32, 128, 64),
    (300, 37, 50),
    (784, 10, 64),
    (64, 1, 64),
    (2048, 300, 33),
]
SHAPES += [(4096, 16, 40), (8, 64, 100), (1, 1, 20)]  # (in, out, batch)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_affine_row_by_row_by_sevens_and_anywhere(shape, dtype, isa, rng):
    inputs, outputs, batch = shape
    x, W = (
        rng.standard_normal((batch, inputs)).astype(dtype),
        rng.standard_normal((inputs, outputs)).astype(dtype),
    )
    b = rng.standard_normal(outputs).astype(dtype)
    expected = _core.affine(x, W, b)
    for rows in (1, 2, 7, 13):
        parts = [_core.affine(x[i : i + rows], W, b) for i in range(0, batch, rows)]
        assert_same_bits(np.concatenate(parts), expected, f"in batches of {rows}")
    order = rng.permutation(batch)
    assert_same_bits(_core.affine(x[order], W, b), expected[order], "rows in another order")
    assert_same_bits(
        _core.affine(np.repeat(x[:1], batch, 0), W, b),
        np.repeat(expected[:1], batch, 0),
        "the same row everywhere",
    )
    columns = rng.permutation(outputs)
    assert_same_bits(
        _core.affine(x, W[:, columns], b[columns]), expected[:, columns], "columns in another order"
    )


def test_gradients_of_a_tall_batch_over_threads(dtype, rng):
    """B = 60,000, 20 -> 10: where PyTorch changes 39 of 200 bits of dW between one thread and two."""
    x, W, dy = (rng.standard_normal(s).astype(dtype) for s in [(60_000, 20), (20, 10), (60_000, 10)])
    expected = {}
    for isa, threads in settings():
        got = _core.affine_backward(dy, x, W)
        for a, b in zip(got, expected.setdefault(family(isa), got), strict=True):
            assert_same_bits(a, b, f"{isa}, {threads} threads")


# ------------------------------------------------------------------------------------------ whole networks
@every_network
def test_predict(name, dtype, rng):
    network = NETWORKS[name](dtype)
    x, _ = data(network, rng, dtype, 133)
    expected = {}
    for isa, threads in settings():
        y = network.predict(x)
        assert_same_bits(y, expected.setdefault(family(isa), y), f"{isa}, {threads} threads")
        if threads in (1, 3):
            for rows in (1, 7, 50):
                parts = np.concatenate([network.predict(x[i : i + rows]) for i in range(0, 133, rows)])
                assert_same_bits(parts, y, f"{isa}, {threads} threads, in batches of {rows}")
        assert_same_bits(network.predict(x[::-1])[::-1], y, "rows in reversed order")
        assert_same_bits(network.predict(x), y, "second run")
    for layout, form in LAYOUTS.items():
        assert_same_bits(network.predict(form(x)), y, layout)
    assert_same_bits(network.predict(x[3]).ravel(), y[3], "one sample without a batch axis")


@every_network
def test_predict_is_its_layers_one_after_another(name, dtype, isa, rng):
    """Fusing changes no bit."""
    network = NETWORKS[name](dtype)
    x, _ = data(network, rng, dtype, 61)
    y = x
    for layer in network.layers:
        y = (
            layer.forward(y, training=False)
            if isinstance(layer, nn.Dropout | nn.BatchNormalization)
            else layer.forward(y)
        )
    assert_same_bits(network.predict(x), y)


def gradient_bits(network, x, t):
    return {key: np.array(value) for key, value in network.gradient(x, t).items()}


@every_network
def test_gradient(name, dtype, rng):
    x, t = data(NETWORKS[name](dtype), rng, dtype, 133)
    expected = {}
    for isa, threads in settings():
        network = NETWORKS[name](dtype)
        got = gradient_bits(network, x, t)
        first = expected.setdefault(family(isa), got)
        assert first.keys() == got.keys()
        for key, value in got.items():
            assert_same_bits(value, first[key], f"{key} on {isa}, {threads} threads")
    for layout in ("fortran", "strided", "reversed", "misaligned", "big_endian", "read_only"):
        network = NETWORKS[name](dtype)
        for key, value in gradient_bits(network, LAYOUTS[layout](x), LAYOUTS[layout](t)).items():
            assert_same_bits(value, got[key], f"{key}, {layout}")


OPTIMIZERS = {
    "SGD": lambda: nn.SGD(0.05, weight_decay=1e-3, clip_norm=0.5),
    "Momentum": lambda: nn.Momentum(0.05),
    "Nesterov": lambda: nn.Nesterov(0.05, form="torch"),
    "AdaGrad": lambda: nn.AdaGrad(0.05, l1=1e-4),
    "RMSprop": lambda: nn.RMSprop(0.01, clip_value=0.1),
    "Adam": lambda: nn.Adam(0.01),
    "AdamW": lambda: nn.AdamW(0.01, clip_norm=1.0),
}


def parameters(network):
    return np.concatenate([np.ravel(value) for value in network.params.values()])


@pytest.mark.parametrize("name", ["784-512-512-10", "7-1-5-1", "everything"])
@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_train_steps(name, optimizer, dtype, rng):
    x, t = data(NETWORKS[name](dtype), rng, dtype, 97)
    expected = {}
    for isa, threads in settings():
        network, step = NETWORKS[name](dtype), OPTIMIZERS[optimizer]()
        losses = np.array([network.train_step(x[i : i + 32], t[i : i + 32], step) for i in (0, 32, 64, 5)])
        got = losses, parameters(network)
        for a, b in zip(got, expected.setdefault(family(isa), got), strict=True):
            assert_same_bits(a, b, f"{isa}, {threads} threads")


def fit(network, x, t, **keywords):
    history = network.fit(x, t, epochs=2, batch_size=29, optimizer=nn.Adam(0.003), seed=5, **keywords)
    return parameters(network), np.array(history["loss"])


@pytest.mark.parametrize("name", ["784-512-512-10", "300-37", "7-1-5-1", "everything"])
def test_fit(name, dtype, rng):
    x, t = data(NETWORKS[name](dtype), rng, dtype, 200)
    expected = {}
    for isa, threads in settings():
        got = fit(NETWORKS[name](dtype), x, t)
        for a, b in zip(got, expected.setdefault(family(isa), got), strict=True):
            assert_same_bits(a, b, f"{isa}, {threads} threads")
    for layout, form in LAYOUTS.items():
        for a, b in zip(fit(NETWORKS[name](dtype), form(x), form(t)), got, strict=True):
            assert_same_bits(a, b, layout)
    for t_dtype in (np.uint8, np.int32, np.uint64):
        for a, b in zip(fit(NETWORKS[name](dtype), x, t.astype(t_dtype)), got, strict=True):
            assert_same_bits(a, b, str(t_dtype))


def test_fit_that_tries_how_many_threads_are_faster(rng):
    """Work worth two threads, of which a few steps alone and a few together are regions of their own."""
    x = rng.standard_normal((32 * 520, 32)).astype(np.float32)
    t = rng.integers(0, 10, len(x))
    results = []
    for threads in (1, 2):
        _core.set_nanoseconds_per_thread(6000)
        use_threads(threads)
        network = nn.mlp([32, 128, 128, 10], seed=0)
        network.fit(x, t, epochs=1, batch_size=32, optimizer=nn.SGD(0.1), step_losses=True)
        t_bad = t.copy()
        t_bad[: 32 * 300] %= 3
        history = network.fit(x, t_bad, epochs=1, batch_size=32, optimizer="adam", step_losses=True)
        results.append([*network.params.values(), np.array(history.step_losses)])
    assert len(results[0][-1]) == 520
    for a, b in zip(*results, strict=True):
        assert_same_bits(a, b)


def test_fit_diverges_at_the_same_step(rng):
    x = rng.standard_normal((32 * 400, 32)).astype(np.float32)
    t = rng.integers(0, 10, len(x))
    x[32 * 300 :] = np.inf
    steps = []
    for threads in (1, 2):
        _core.set_nanoseconds_per_thread(6000)
        use_threads(threads)
        network = nn.mlp([32, 128, 128, 10], seed=0)
        with pytest.raises(nn.DivergedError):
            network.fit(x, t, epochs=1, batch_size=32, optimizer=nn.SGD(0.1), shuffle=False)
        steps.append(network.training_steps)
    assert steps == [300, 300]


def test_fit_is_its_train_steps(dtype, rng):
    """Without shuffling an epoch is nothing but its steps."""
    x, t = data(NETWORKS["300-37"](dtype), rng, dtype, 100)
    one, other = NETWORKS["300-37"](dtype), NETWORKS["300-37"](dtype)
    one.fit(x, t, epochs=2, batch_size=32, optimizer=nn.Momentum(0.1), shuffle=False)
    step = nn.Momentum(0.1)
    for _ in range(2):
        for i in range(0, 100, 32):
            other.train_step(x[i : i + 32], t[i : i + 32], step)
    assert_same_bits(parameters(one), parameters(other))


def test_other_seeds_give_other_bits(dtype, rng):
    """The tests above compare something: a seed, a step or a layer less changes nearly all bits."""
    x, t = data(everything(dtype), rng, dtype, 200)
    one, other = everything(dtype), everything(dtype)
    one.fit(x, t, epochs=1, batch_size=29, optimizer=nn.Adam(0.003), seed=5)
    other.fit(x, t, epochs=1, batch_size=29, optimizer=nn.Adam(0.003), seed=6)
    assert np.mean(bits(parameters(one)) != bits(parameters(other))) > 0.9


def test_evaluate_and_loss(dtype, rng):
    network = NETWORKS["784-512-512-10"](dtype)
    x, t = data(network, rng, dtype, 1500)
    expected = {}
    for isa, threads in settings():
        got = np.array([network.loss(x, t), network.accuracy(x, t)])
        assert_same_bits(got, expected.setdefault(family(isa), got), f"{isa}, {threads} threads")


@pytest.mark.parametrize("cols", [3, 40, 1000, 1024, 1037, 5000])
@pytest.mark.parametrize("function", ["softmax", "log_softmax", "layer_normalization", "loss_backward"])
def test_rows_written_past_the_caches(function, cols, dtype, isa, rng):
    """From 8 MiB on rows are written while the next one is read: the same bits, and nothing beside them."""
    rows = (9 << 20) // (cols * np.dtype(dtype).itemsize)
    x = rng.standard_normal((rows, cols)).astype(dtype)
    labels = rng.integers(0, cols, rows)
    spec = _core.LossSpec("softmax_cross_entropy", reduction="sum")

    def run(part, out=None):
        if function == "loss_backward":
            return _core.loss_backward(spec, "f", x[part], labels[part])[1]
        if function == "layer_normalization":
            return _core.layer_normalization(x[part], None, None, 1e-5)[0]
        return getattr(_core, function)(x[part], -1, out)

    use_threads(1)
    whole = run(slice(None))
    some = max(1, rows // 3)
    for begin in range(0, rows, some):
        part = slice(begin, begin + some)
        assert_same_bits(whole[part], run(part))
    if "softmax" in function:
        for offset in (1, 7):
            memory = np.full(x.size + 100, 7, dtype)
            out = memory[offset : offset + x.size].reshape(x.shape)
            assert_same_bits(run(slice(None), out), whole)
            assert (memory[:offset] == 7).all()
            assert (memory[offset + x.size :] == 7).all()
