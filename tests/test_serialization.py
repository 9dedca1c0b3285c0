"""Files: what comes back, what other readers see, what is refused, and that a file is whole or not there."""

import copy
import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import time

import nnfast as nn
import numpy as np
import pytest
from conftest import assert_same_bits
from network_samples import Scale
from nnfast import serialization
from nnfast._safetensors import decode, encode


def everything(dtype=np.float32, loss=None):
    layers = [
        nn.Flatten(), nn.Affine(6, 9, rng=1, dtype=dtype), nn.BatchNormalization(9, dtype=dtype, unbiased=True),
        nn.LeakyRelu(0.2), nn.Affine(9, 8, rng=2, dtype=dtype, bias=False),
        nn.LayerNormalization(8, eps=1e-3, dtype=dtype), nn.Gelu("tanh"), nn.Dropout(0.3),
        nn.Affine(np.ones((8, 7), dtype), np.zeros((1, 7), dtype)), nn.PRelu(0.2, 7, dtype=dtype),
        nn.BatchNormalization(7, affine=False, dtype=dtype), nn.HardSigmoid(0.3, 0.4), nn.Selu(), nn.Celu(2.0),
        nn.Silu(1.5), nn.PRelu(0.1, dtype=dtype), nn.LayerNormalization(7, affine=False),
        nn.Affine(7, 4, rng=4, dtype=dtype), nn.Elu(0.5), nn.Identity(), nn.Softplus(),
    ]  # fmt: skip
    return nn.Network(layers, loss, l1=0.001, l2=0.01, seed=2**64 - 1)


def trained(dtype=np.float32, rng=None, **settings):
    rng = rng or np.random.default_rng(0)
    network = everything(dtype, **settings)
    x, t = rng.standard_normal((40, 6)).astype(dtype), rng.integers(4, size=40)
    network.fit(x, t, epochs=2, batch_size=16, optimizer=nn.AdamW(0.01, clip_norm=1.0))
    return network, x, t


def assert_equal_networks(one, two):
    assert one.params.keys() == two.params.keys()
    for key, p in one.params.items():
        assert two.params[key].shape == p.shape
        assert_same_bits(two.params[key], p, key)
    assert_same_bits(two._flat_state, one._flat_state)
    assert repr(one) == repr(two)
    for name in ("dtype", "l1", "l2", "seed", "x_scale", "training_steps", "epochs_trained"):
        assert getattr(one, name) == getattr(two, name), name


# ------------------------------------------------------------------------------------------------- what comes back
WAYS = {
    "file": lambda n, path: (n.save(path, optimizer=True), nn.Network.load(path))[1],
    "copy": lambda n, path: n.copy(),
    "copy.copy": lambda n, path: copy.copy(n),
    "copy.deepcopy": lambda n, path: copy.deepcopy(n),
    "pickle": lambda n, path: pickle.loads(pickle.dumps(n)),
}


@pytest.mark.parametrize("way", WAYS)
def test_everything_comes_back(way, dtype, rng, tmp_path):
    network, x, t = trained(dtype, rng)
    network.x_scale = 0.5
    other = WAYS[way](network, tmp_path / "model.safetensors")
    assert_equal_networks(network, other)
    assert_same_bits(other.predict(x), network.predict(x))
    assert other.evaluate(x, t) == network.evaluate(x, t)
    assert not np.shares_memory(other._flat_params, network._flat_params)
    # Training goes on with the same bits: dropout masks, order, moments.
    for n in (network, other):
        n.fit(x, t, epochs=2, batch_size=16)
    assert_equal_networks(network, other)


@pytest.mark.parametrize("loss", [
    nn.SoftmaxCrossEntropy(class_weight=[1, 2, 3, 4], label_smoothing=0.1, ignore_index=None),
    nn.SigmoidCrossEntropy("batch_mean"), nn.MeanSquaredError(), nn.SumSquaredError(2.0, "mean"),
    nn.MeanAbsoluteError("sum"), nn.Huber(0.3), nn.Hinge(2.0, class_weight=np.ones(4)),
], ids=lambda loss: type(loss).__name__)  # fmt: skip
def test_losses_come_back(loss, rng, tmp_path):
    network = nn.Network([nn.Affine(3, 4, rng=0)], loss)
    network.save(tmp_path / "m")
    other = nn.Network.load(tmp_path / "m")
    assert repr(other.loss_function) == repr(loss)
    x = rng.standard_normal((5, 3))
    t = rng.integers(4, size=5) if loss._over_classes else rng.random((5, 4))
    assert other.loss(x, t) == network.loss(x, t)


@pytest.mark.parametrize("optimizer", [
    nn.SGD(0.1, weight_decay=0.1), nn.Momentum(0.1, 0.5, form="torch"), nn.Nesterov(), nn.AdaGrad(),
    nn.RMSprop(rho=0.9), nn.Adam(eps_form="outside", clip_value=1.0), nn.AdamW(l1=0.1),
], ids=lambda optimizer: type(optimizer).__name__)  # fmt: skip
def test_optimizers_come_back(optimizer, rng, tmp_path):
    network = nn.mlp([3, 4, 2], seed=0)
    x, t = rng.standard_normal((8, 3)), rng.integers(2, size=8)
    for _ in range(3):
        network.train_step(x, t, optimizer)
    network.save(tmp_path / "m", optimizer=optimizer)
    other = nn.Network.load(tmp_path / "m")
    assert repr(other.optimizer) == repr(optimizer)
    assert other.optimizer.iterations == 3
    for _ in range(3):
        network.train_step(x, t, optimizer)
        other.train_step(x, t, other.optimizer)
    assert_same_bits(other.params["W1"], network.params["W1"])


def test_optimizer_is_saved_only_where_asked(tmp_path):
    network, *_ = trained()
    network.save(tmp_path / "m")
    assert nn.Network.load(tmp_path / "m").optimizer is None
    nn.mlp([3, 2], seed=0).save(tmp_path / "n", optimizer=True)
    assert nn.Network.load(tmp_path / "n").optimizer is None


def test_activations_come_back(tmp_path):
    kinds = [nn.Identity, nn.Step, nn.Relu, nn.Mish, nn.Sigmoid, nn.HardSwish, nn.LogSigmoid, nn.Tanh, nn.Softplus,
             nn.Softsign, nn.Softmax, nn.LogSoftmax, nn.Flatten, nn.Swish]  # fmt: skip
    network = nn.Network([*(kind() for kind in kinds), nn.Relu()], nn.MeanSquaredError())
    network.save(tmp_path / "m")
    assert repr(nn.Network.load(tmp_path / "m")) == repr(network)


def test_subclass_comes_back(tmp_path):
    class Mine(nn.Network):
        pass

    network = Mine([nn.Affine(2, 2, rng=0)])
    network.save(tmp_path / "m")
    assert type(Mine.load(tmp_path / "m")) is Mine
    assert type(copy.copy(network)) is Mine


def test_special_values_come_back(tmp_path):
    network = nn.Network([nn.Affine(2, 2, rng=0)])
    network.params["W1"][...] = [[np.nan, np.inf], [-0.0, 1e-45]]
    network.save(tmp_path / "m")
    assert_same_bits(nn.Network.load(tmp_path / "m").params["W1"], network.params["W1"])


def test_arrays_put_in_place_of_views_are_saved(tmp_path):
    network = nn.Network([nn.Affine(2, 2, rng=0)])
    network.layers[0].W = np.ones((2, 2))
    network.save(tmp_path / "m")
    np.testing.assert_array_equal(nn.Network.load(tmp_path / "m").params["W1"], 1)


@pytest.mark.parametrize("way", ["copy", "copy.copy", "copy.deepcopy", "pickle"])
def test_python_parts_are_copied(way, rng, tmp_path):
    x, t = rng.standard_normal((40, 6)), rng.integers(4, size=40)
    network = nn.Network(
        [nn.Affine(6, 4, rng=0), nn.BatchNormalization(4), Scale(np.ones(4)), nn.Affine(4, 4, rng=1)]
    )
    network.fit(x, t, epochs=2)
    other = WAYS[way](network, None)
    assert_equal_networks_values(network, other)
    before = other.params["W1"].copy(), other.params["scale1"].copy()
    network.fit(x, t, epochs=1)
    assert_same_bits(other.params["W1"], before[0])
    assert_same_bits(other.params["scale1"], before[1])
    assert network.layers[0].W is network.params["W1"]


def assert_equal_networks_values(one, two):
    for key, p in one.params.items():
        assert_same_bits(two.params[key], p, key)
    assert_same_bits(two._flat_state, one._flat_state)
    assert (one.training_steps, one.epochs_trained) == (two.training_steps, two.epochs_trained)


@pytest.mark.parametrize("make", [
    lambda: nn.Network([nn.Affine(4, 4, rng=0), Scale(np.ones(4))]),
    lambda: nn.Network([type("Own", (nn.Affine,), {})(4, 4)]),
    lambda: nn.Network([nn.Affine(4, 4, rng=0)], type("Own", (nn.Huber,), {})()),
], ids=["layer", "subclass", "loss"])  # fmt: skip
def test_python_parts_are_not_saved(make, tmp_path):
    network = make()
    path = tmp_path / "m"
    path.write_bytes(b"before")
    with pytest.raises(TypeError, match=r"Network\.save: .*is written in Python"):
        network.save(path)
    assert path.read_bytes() == b"before"


def test_save_needs_an_optimizer_of_nnfast(tmp_path):
    with pytest.raises(TypeError, match=r"Network\.save: optimizer is 3"):
        nn.mlp([2, 2], seed=0).save(tmp_path / "m", optimizer=3)


# ------------------------------------------------------------------------------------------------- the format
def test_others_read_our_files(dtype, tmp_path):
    safetensors = pytest.importorskip("safetensors")
    from safetensors.numpy import load_file

    network, *_ = trained(dtype)
    network.save(tmp_path / "m.safetensors", optimizer=True)
    tensors = load_file(tmp_path / "m.safetensors")
    for name, p in network.params.items():
        assert_same_bits(tensors[name], p, name)
    assert set(tensors) - set(network.params) == {
        "running_mean1", "running_var1", "running_mean2", "running_var2",
        *(f"optimizer.{m}.{name}" for m in "mv" for name in network.params),
    }  # fmt: skip
    with safetensors.safe_open(tmp_path / "m.safetensors", "np") as file:
        assert json.loads(file.metadata()["nnfast"])["version"] == 1


def test_we_read_files_of_others(dtype, tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    network, x, _ = trained(dtype)
    tensors, metadata = decode(serialization.to_bytes(network), "test")
    save_file(
        {name: np.ascontiguousarray(a) for name, a in tensors.items()}, tmp_path / "m", metadata=metadata
    )
    assert_same_bits(nn.Network.load(tmp_path / "m").predict(x), network.predict(x))


def test_empty_and_scalar_tensors_go_through():
    tensors = {"a": np.ones((0, 3)), "b": np.float32(2).reshape(()), "c": np.arange(3.0)}
    back, metadata = decode(encode(tensors, {"k": "v"}), "test")
    assert metadata == {"k": "v"}
    for name, array in tensors.items():
        assert back[name].shape == array.shape
        assert_same_bits(back[name], array)


def pack(header, body=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + body


def tensor(begin=0, end=8, shape=(2,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


EIGHT = bytes(8)
BROKEN = {
    "empty": (b"", "it has 0 bytes"),
    "seven bytes": (bytes(7), "it has 7 bytes"),
    "length beyond the file": (pack({}, length=100), "the file is cut short"),
    "huge length": (pack({}, length=2**63), "the header's length is 9223372036854775808"),
    "pickle": (pickle.dumps([1, 2, 3] * 10), "this is no such file"),
    "no JSON": (pack(b"{abc"), "the header is not valid JSON"),
    "not UTF-8": (pack(b'{"\xff": 1}'), "the header is not valid JSON"),
    "a list": (pack([]), "the header is not an object"),
    "deep": (pack(b"[" * 100_000), "the header is not valid JSON"),
    "a key twice": (pack(b'{"a": 1, "a": 2}'), "the header has a key twice"),
    "NaN": (pack(b'{"a": NaN}'), "the header contains NaN"),
    "a number of 5000 digits": (pack(b'{"a": 1' + b"0" * 5000 + b"}"), "the header is not valid JSON"),
    "metadata of numbers": (pack({"__metadata__": {"a": 1}}), "__metadata__ is not an object of strings"),
    "metadata a list": (pack({"__metadata__": []}), "__metadata__ is not an object of strings"),
    "tensor a number": (pack({"a": 1}), "tensor 'a' is not described by"),
    "tensor with more": (pack({"a": {**tensor(), "b": 1}}, EIGHT), "tensor 'a' is not described by"),
    "another dtype": (
        pack({"a": tensor(dtype="I64")}, EIGHT),
        "tensor 'a' has dtype 'I64'; expected F32 or F64",
    ),
    "dtype a list": (pack({"a": tensor(dtype=[])}, EIGHT), r"tensor 'a' has dtype \[\]"),
    "negative size": (pack({"a": tensor(shape=(-2,))}, EIGHT), "tensor 'a' has shape"),
    "fractional size": (pack({"a": tensor(shape=(2.0,))}, EIGHT), "tensor 'a' has shape"),
    "true as a size": (pack({"a": tensor(shape=(True,))}, EIGHT), "tensor 'a' has shape"),
    "size of 2^70": (pack({"a": tensor(shape=(2**70,))}, EIGHT), "tensor 'a' has shape"),
    "product of 2^64 + 2": (pack({"a": tensor(shape=(2**62, 8))}, EIGHT), "needs another number"),
    "too many dimensions": (pack({"a": tensor(shape=[1] * 33)}, EIGHT), "tensor 'a' has shape"),
    "three offsets": (
        pack({"a": {**tensor(), "data_offsets": [0, 4, 8]}}, EIGHT),
        r"expected \[begin, end\]",
    ),
    "offsets backwards": (pack({"a": tensor(8, 0)}, EIGHT), r"data_offsets \[8, 0\]"),
    "offset beyond": (pack({"a": tensor(0, 16, (4,))}, EIGHT), "there are 8 bytes of data"),
    "sizes that lie": (pack({"a": tensor(shape=(3,))}, EIGHT), "tensor 'a' has 8 bytes; its shape"),
    "a hole": (
        pack({"a": tensor(), "b": tensor(12, 20)}, bytes(20)),
        "tensor 'b' begins at 12, but .* ends at 8",
    ),
    "overlap": (
        pack({"a": tensor(), "b": tensor(4, 12)}, bytes(12)),
        "tensor 'b' begins at 4, but .* ends at 8",
    ),
    "a hole at the start": (pack({"a": tensor(4, 12)}, bytes(12)), "tensor 'a' begins at 4"),
    "bytes left over": (pack({"a": tensor()}, bytes(9)), "the tensors end at 8, but there are 9 bytes"),
    "no network": (pack({"a": tensor()}, EIGHT), "the metadata has no 'nnfast'"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(name, tmp_path):
    data, message = BROKEN[name]
    path = tmp_path / "broken.safetensors"
    path.write_bytes(data)
    start = time.perf_counter()
    with pytest.raises(nn.FormatError, match=message) as caught:
        nn.Network.load(path)
    assert time.perf_counter() - start < 1
    assert isinstance(caught.value, ValueError)
    assert "broken.safetensors" in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_safetensors_refuses_them_too():
    """What we call broken is broken for the reference reader as well, but for what is ours alone."""
    module = pytest.importorskip("safetensors.numpy")
    ours = {
        "another dtype", "no network", "tensor with more", "a key twice", "too many dimensions", "metadata of numbers",
        "pickle",
    }  # fmt: skip
    for name, (data, _) in BROKEN.items():
        if name not in ours:
            with pytest.raises(Exception, match=r".+"):
                module.load(data)


def change(network, edit):
    """The file of a network with its configuration changed."""
    tensors, metadata = decode(serialization.to_bytes(network, optimizer=True), "test")
    config = json.loads(metadata["nnfast"])
    tensors = dict(tensors)
    edit(config, tensors)
    return encode(tensors, {"nnfast": json.dumps(config)})


def put(*path):
    """Sets config[path[0]][path[1]]... to the last of path."""

    def edit(config, tensors):
        for key in path[:-2]:
            config = config[key]
        config[path[-2]] = path[-1]

    return edit


def drop(*path):
    def edit(config, tensors):
        for key in path[:-1]:
            config = config[key]
        del config[path[-1]]

    return edit


def tensors_edit(function):
    return lambda config, tensors: function(tensors)


CONFIGS = {
    "version 2": (put("version", 2), "the format version is 2; this nnfast reads up to 1"),
    "version 0": (put("version", 0), "the format version is 0; expected 1"),
    "version a text": (put("version", "1"), "version is '1'; expected an integer"),
    "no version": (drop("version"), "has no 'version'"),
    "unknown entry": (put("more", 1), "has an unknown setting 'more'"),
    "dtype": (put("dtype", "float16"), "dtype is 'float16'"),
    "other dtype": (put("dtype", "float64"), "tensor 'W1' has dtype float32; expected float64"),
    "no layers": (put("layers", []), r"layers is \[\]; expected a list of layers"),
    "layers an object": (put("layers", {}), "layers is {}"),
    "a million layers": (put("layers", [{"kind": "Relu"}] * 100_000), "there are 100000 layers; expected <= 10000"),
    "layer a number": (put("layers", 0, 7), r"layers\[0\] is not an object"),
    "unknown layer": (put("layers", 1, {"kind": "Rleu"}), r"layers\[1\] has the unknown kind 'Rleu'"),
    "a class that is no layer": (put("layers", 1, {"kind": "Network"}), "unknown kind 'Network'"),
    "a function": (put("layers", 1, {"kind": "activation"}), "unknown kind 'activation'"),
    "kind a list": (put("layers", 1, {"kind": []}), "unknown kind"),
    "size -1": (put("layers", 0, "in", -1), r"layers\[0\]: in is -1; expected an integer >= 1"),
    "size 0": (put("layers", 0, "out", 0), r"layers\[0\]: out is 0"),
    "size 2^62": (put("layers", 0, "out", 2**62), r"layers\[0\]: out is 4611686018427387904"),
    "size 1.5": (put("layers", 0, "out", 1.5), r"layers\[0\]: out is 1\.5"),
    "size true": (put("layers", 0, "out", True), r"layers\[0\]: out is True"),
    "size null": (put("layers", 0, "out", None), r"layers\[0\]: out is None"),
    "another size": (put("layers", 0, "out", 5), r"tensor 'W1' has shape \(3, 4\); expected \(3, 5\)"),
    "sizes that do not follow": (put("layers", 3, {"kind": "BatchNormalization", "width": 2**31 - 1, "affine": False,
                                                   "eps": 1e-5, "momentum": 0.9, "unbiased": False}),
                                 "there is no tensor 'running_mean2'"),
    "missing setting": (drop("layers", 0, "bias"), r"layers\[0\] has no 'bias'"),
    "setting of another layer": (put("layers", 0, "alpha", 1), r"layers\[0\] has an unknown setting 'alpha'"),
    "momentum 2": (put("layers", 1, "momentum", 2), r"layers\[1\]: BatchNormalization: momentum is 2"),
    "momentum huge": (put("layers", 1, "momentum", 10**400), r"layers\[1\]: momentum is 1000.*; expected a finite"),
    "ratio 1": (put("layers", 3, {"kind": "Dropout", "ratio": 1}), r"layers\[3\]: Dropout: ratio is 1"),
    "softmax in the middle of nothing": (put("loss", {"kind": "Softmax"}), "loss has the unknown kind 'Softmax'"),
    "loss a text": (put("loss", "Huber"), "loss is 'Huber'"),
    "reduction none": (put("loss", "reduction", "none"), "the loss has reduction 'none'"),
    "reduction": (put("loss", "reduction", "average"), "reduction is 'average'"),
    "class weights": (put("loss", "class_weight", ["a"]), "loss: class_weight"),
    "negative class weights": (put("loss", "class_weight", [-1.0, 1.0]), "loss: SoftmaxCrossEntropy: class_weight"),
    "l2": (put("l2", -1), "the configuration: Network: l2"),
    "seed": (put("seed", 2**64), "seed is 18446744073709551616"),
    "steps": (put("training_steps", -1), "training_steps is -1"),
    "optimizer": (put("optimizer", "kind", "Adan"), "optimizer has the unknown kind 'Adan'"),
    "optimizer's rate": (put("optimizer", "settings", "lr", -1), "optimizer: Adam: lr is -1"),
    "optimizer's form": (put("optimizer", "settings", "eps_form", 3), r"optimizer\.settings: eps_form is 3"),
    "optimizer's iterations": (put("optimizer", "iterations", -1), "iterations is -1"),
    "no optimizer": (put("optimizer", None), "there are tensors that belong to nothing: 'optimizer.m.W1'"),
    "missing tensor": (tensors_edit(lambda t: t.pop("b2")), "there is no tensor 'b2'"),
    "missing statistics": (tensors_edit(lambda t: t.pop("running_var1")), "there is no tensor 'running_var1'"),
    "missing moment": (tensors_edit(lambda t: t.pop("optimizer.v.b1")), "there is no tensor 'optimizer.v.b1'"),
    "unknown tensor": (tensors_edit(lambda t: t.update(W9=np.ones(2))), "tensors that belong to nothing: 'W9'"),
    "tensor of another shape": (tensors_edit(lambda t: t.update(b1=np.ones((4, 1), "f4"))), "'b1' has shape"),
    "moment of another shape": (tensors_edit(lambda t: t.update({"optimizer.m.b1": np.ones(3, "f4")})), "m.b1' has"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_broken_configurations(name, tmp_path):
    edit, message = CONFIGS[name]
    network = nn.mlp([3, 4, 2], batch_normalization=True, seed=0)
    network.fit(np.ones((4, 3)), [0, 1, 0, 1], optimizer=nn.Adam())
    (tmp_path / "m").write_bytes(change(network, edit))
    start = time.perf_counter()
    with pytest.raises(nn.FormatError, match=message) as caught:
        nn.Network.load(tmp_path / "m")
    assert time.perf_counter() - start < 1
    assert len(str(caught.value)) < 1000


def test_configuration_of_another_kind(tmp_path):
    for text, message in [("7", "the configuration is not an object"), ("{", "not valid JSON"),
                          ("[" * 100_000, "not valid JSON"), ('{"l1": Infinity}', "contains Infinity"),
                          (" " * 5_000_000, "longer than any network needs")]:  # fmt: skip
        (tmp_path / "m").write_bytes(encode({}, {"nnfast": text}))
        with pytest.raises(nn.FormatError, match=message):
            nn.Network.load(tmp_path / "m")


def test_every_truncation_and_many_flips_are_refused_or_load(rng):
    network = nn.mlp([3, 4, 2], batch_normalization=True, seed=0)
    network.train_step(np.ones((4, 3)), [0, 1, 0, 1], nn.Adam())
    data = serialization.to_bytes(network)
    for end in range(len(data)):
        with pytest.raises(nn.FormatError):
            serialization.from_bytes(data[:end], nn.Network)
    header = int.from_bytes(data[:8], "little") + 8
    refused = 0
    for _ in range(3000):
        position, bit = rng.integers(header), rng.integers(8)
        other = bytearray(data)
        other[position] ^= 1 << bit
        try:
            serialization.from_bytes(bytes(other), nn.Network)
        except nn.FormatError:
            refused += 1
    assert refused > 2000


def test_a_long_file_of_another_kind_is_not_read(tmp_path):
    path = tmp_path / "long"
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        file.truncate(2**40)
    with pytest.raises(nn.FormatError, match="this is no such file"):
        nn.Network.load(path)


def test_pickle_of_a_network_is_checked_as_a_file_is():
    network = nn.mlp([3, 2], seed=0)
    rebuild, (cls, data) = network.__reduce__()
    with pytest.raises(nn.FormatError, match="pickle of a Network"):
        rebuild(cls, data[:-1])


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        nn.Network.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        nn.mlp([2, 2], seed=0).save(tmp_path / "none" / "m")


# ------------------------------------------------------------------------------------------------- writing
@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX'")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_mode_follows_the_umask(mask, tmp_path):
    path = tmp_path / "m"
    before = os.umask(mask)
    try:
        nn.mlp([2, 2], seed=0).save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "m"
    first, second = nn.mlp([2, 2], seed=0), nn.mlp([2, 2], seed=1)
    first.save(path)

    def fail(*args):
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(OSError, match="No space"):
                second.save(path)
        assert [p.name for p in tmp_path.iterdir()] == ["m"]
        assert_same_bits(nn.Network.load(path).params["W1"], first.params["W1"])


def test_link_is_written_through(tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "folder" / "m")
    nn.mlp([2, 2], seed=0).save(link)
    assert link.is_symlink()
    assert (tmp_path / "folder" / "m").stat().st_size > 0


def test_order_of_the_system_calls(tmp_path, monkeypatch):
    """The data are on the disk before the name is, and the name before save returns."""
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os,
            name,
            lambda *args, real=real, name=name: (calls.append((name, describe(args[0]))), real(*args))[1],
        )

    def describe(target):
        return "folder" if isinstance(target, int) and stat.S_ISDIR(os.fstat(target).st_mode) else "file"

    nn.mlp([2, 2], seed=0).save(tmp_path / "m")
    assert calls == [("fsync", "file"), ("replace", "file"), ("fsync", "folder")]


KILLED = """
import sys, nnfast as nn
networks = [nn.mlp([100, 300, 10], seed=s) for s in (0, 1)]
print("ready", flush=True)
while True:
    for network in networks:
        network.save(sys.argv[1])
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_at_any_time_leaves_a_whole_file(tmp_path, rng):
    path = tmp_path / "m"
    wanted = [nn.mlp([100, 300, 10], seed=s).params["W1"] for s in (0, 1)]
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.02 + 0.1 * rng.random())
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if path.exists():  # the first file may not have been finished
            W = nn.Network.load(path).params["W1"]
            assert any(np.array_equal(W, w) for w in wanted)
    assert path.exists()
