"""The command line, in this process where that does, as a process where signals, pipes and modules matter."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import nnfast as nn
import numpy as np
import pytest
from nnfast.cli import main

SAMPLE = Path(nn.datasets.__file__).parent / "data" / "mnist_sample"
IMAGES = SAMPLE / "t10k-images-idx3-ubyte.gz"
LABELS = SAMPLE / "t10k-labels-idx1-ubyte.gz"


def spawn(*arguments, cwd=None, **options):
    command = [sys.executable, "-m", "nnfast", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, **options
    )


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """``run("train", ...)`` in an empty folder -> (code, lines of stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as end:
            code = end.code
        output = capsys.readouterr()
        return code, output.out.splitlines(), output.err

    return call


@pytest.fixture
def fails(run):
    """``fails(message, "train", ...)``: exit code 2, one line on stderr with the message in it."""

    def call(message, *arguments):
        code, _, err = run(*arguments)
        assert code == 2
        assert err.count("\n") == 1
        assert err.startswith("nnfast")
        assert ": error: " in err
        assert message in err

    return call


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network that has seen the sample once."""
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    assert main(["train", "--data", "sample", "--hidden", "32", "--epochs", "1", "--out", str(path)]) == 0
    return path


# help


def test_help_of_every_command(run):
    code, lines, _ = run("--help")
    assert code == 0
    text = "\n".join(lines)
    for command in ("demo", "train", "predict", "info"):
        assert f"nnfast {command}" in text
        code, own, _ = run(command, "--help")
        assert code == 0
        assert own[0].startswith(f"usage: nnfast {command}")
        assert max(map(len, own)) <= 120


def test_version(run):
    assert run("--version")[:2] == (0, [f"nnfast {nn.__version__}"])


def test_info(run):
    code, lines, _ = run("info")
    assert code == 0
    shown = {line[:16].strip(): line[16:].strip() for line in lines}
    assert shown["version"] == nn.__version__
    assert shown["isa"] == nn.show_config("dicts")["isa"]


# demo


def test_demo(run):
    code, lines, err = run("demo", "--epochs", "2", "--hidden", "24", "--batch-size", "100", "--seed", "3")
    assert (code, err) == (0, "")
    rows = [line.split() for line in lines if line[:5].strip().isdecimal()]
    assert [row[0] for row in rows] == ["1", "2"]
    for row in rows:  # epoch, two losses, two accuracies with their %, two times
        assert float(row[1]) == pytest.approx(float(row[2]), abs=2e-4)
        assert float(row[3]) == pytest.approx(float(row[5]), abs=0.5)
        assert float(row[3]) > 80
        assert float(row[7]) > 0
        assert float(row[8]) > 0
    assert "784-24-10" in lines[1]
    assert float(next(line for line in lines if line.startswith("The loss curves differ")).split()[5]) < 1e-3
    assert "times as fast" in "\n".join(lines)


def test_demo_draws_a_picture(run):
    pytest.importorskip("matplotlib")
    code, lines, _ = run("demo", "--epochs", "1", "--hidden", "8", "--out", "here.png")
    assert code == 0
    assert lines[-1] == "The picture: here.png"
    assert Path("here.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_demo_without_matplotlib(run, monkeypatch):
    from nnfast import demo

    find = demo.importlib.util.find_spec
    monkeypatch.setattr(
        demo.importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )
    code, lines, _ = run("demo", "--epochs", "1", "--hidden", "8")
    assert code == 0
    assert 'pip install "nnfast[plot]"' in lines[-1]
    assert not Path("nnfast-demo.png").exists()


def test_numpy_network_has_the_gradients_of_nnfast(rng):
    from nnfast.demo import NumpyMLP

    network = nn.mlp([20, 16, 12, 5], seed=0, dtype=np.float64)
    by_hand = NumpyMLP(network.params)
    x, t = rng.standard_normal((9, 20)), rng.integers(0, 5, 9)
    loss, grads = by_hand.gradient(x, t)
    assert loss == pytest.approx(network.loss(x, t), rel=1e-12)
    ours = network.gradient(x, t)
    assert set(ours) == set(grads)
    for key, value in grads.items():
        np.testing.assert_allclose(value, ours[key], rtol=1e-9, atol=1e-12)
    optimizer = nn.Adam(lr=by_hand.lr)
    for _ in range(20):
        network.train_step(x, t, optimizer)
        by_hand.train_step(x, t)
    for key, value in by_hand.params.items():
        np.testing.assert_allclose(value, network.params[key], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(by_hand.predict(x), network.predict(x), rtol=1e-7)
    assert by_hand.accuracy(x, t) == network.accuracy(x, t)


def test_numpy_network_stays_in_float32(rng):
    from nnfast.demo import NumpyMLP

    by_hand = NumpyMLP(nn.mlp([20, 16, 5], seed=0).params)
    x, t = rng.random((9, 20), np.float32), rng.integers(0, 5, 9)
    assert {g.dtype for g in by_hand.gradient(x, t)[1].values()} == {np.dtype(np.float32)}
    by_hand.train_step(x, t)
    kept = [*by_hand.params.values(), *by_hand.m.values(), *by_hand.v.values()]
    assert {a.dtype for a in kept} == {np.dtype(np.float32)}


# train


def test_train_saves_what_it_trained(run):
    code, lines, err = run(
        "train", "--data", "sample", "--hidden", "40,20", "--epochs", "2", "--activation", "gelu", "--dropout", "0.1",
        "--optimizer", "adamw", "--lr", "0.002", "--weight-decay", "0.01", "--batch-size", "100", "--seed", "7",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert lines[0] == "5,000 images to train on, 1,000 to test on"
    assert "784-40-20-10, gelu" in lines[1]
    assert "AdamW(lr=0.002" in lines[1]
    epochs = [line for line in lines if line.startswith("epoch")]
    assert [line.split()[1] for line in epochs] == ["1/2", "2/2"]
    network = nn.Network.load("model.safetensors")
    _, (x, t) = nn.datasets.load_mnist_sample(normalize=False)
    assert f"test {100 * network.accuracy(x, t):5.2f} %" in epochs[-1]
    assert network.accuracy(x, t) > 0.85


def test_train_same_seed_same_model(run):
    for name, threads in (("a", 1), ("b", 2), ("c", 1)):
        seed = 6 if name == "c" else 5
        arguments = [
            "--hidden",
            "16",
            "--epochs",
            "1",
            "--dropout",
            "0.2",
            "--seed",
            seed,
            "--threads",
            threads,
        ]
        assert run("train", "--data", "sample", *arguments, "--out", name)[0] == 0
    assert Path("a").read_bytes() == Path("b").read_bytes()
    assert Path("a").read_bytes() != Path("c").read_bytes()


def test_train_from_a_folder_and_without_hidden_layers(run):
    options = ["--hidden", "none", "--epochs", "1", "--optimizer", "sgd", "--lr", "0.1"]
    code, lines, _ = run("train", "--data", SAMPLE, *options)
    assert code == 0
    assert "784-10, relu: 7,850 parameters" in lines[1]


def test_train_float64(run):
    assert run("train", "--data", "sample", "--hidden", "8", "--epochs", "1", "--dtype", "float64")[0] == 0
    assert nn.Network.load("model.safetensors").dtype == np.float64


def test_train_says_what_is_wrong(fails, monkeypatch, tmp_path):
    monkeypatch.delenv("NNFAST_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fails("NNFAST_DATA", "train")
    fails("are not in", "train", "--data", tmp_path)
    fails("--epochs: '0' is not a whole number from 1 on", "train", "--epochs", "0")
    fails("--epochs: '1.5' is not", "train", "--epochs", "1.5")
    fails("--hidden: 'x' is not", "train", "--hidden", "3,x")
    fails("--seed: '-1' is not", "train", "--seed=-1")
    fails("--threads: '0' is not", "train", "--threads", "0")
    fails("--optimizer: invalid choice: 'lion'", "train", "--optimizer", "lion")
    fails("--lr: invalid float value: 'fast'", "train", "--lr", "fast")
    fails("lr is -1", "train", "--data", "sample", "--lr=-1")
    fails("activation is 'rely'", "train", "--data", "sample", "--activation", "rely")
    fails("ratio is 1.5", "train", "--data", "sample", "--dropout", "1.5")
    fails("COMMAND", "tarin")
    fails("COMMAND")


def test_train_checks_the_output_first(fails, tmp_path):
    began = time.perf_counter()
    fails("nowhere: there is no such folder", "train", "--data", "sample", "--out", "nowhere/model")
    fails("is a folder, expected the name of a file", "train", "--data", "sample", "--out", ".")
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o500)
        fails("nothing may be written there", "train", "--data", "sample", "--out", "locked/model")
    assert time.perf_counter() - began < 5


def test_train_broken_data(fails, tmp_path):
    for file in SAMPLE.glob("*.gz"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    victim = tmp_path / "train-images-idx3-ubyte.gz"
    victim.write_bytes(victim.read_bytes()[:5000])
    fails(f"{victim}: broken gzip file", "train", "--data", tmp_path)


def test_train_that_diverges_saves_nothing(fails):
    fails("the loss is", "train", "--data", "sample", "--hidden", "8", "--optimizer", "sgd", "--lr", "1e30")
    assert not Path("model.safetensors").exists()


# predict


def rows_of(lines):
    assert lines[0].split("\t")[:3] == ["image", "class", "probability"]
    return [line.split("\t") for line in lines[1:] if "\t" in line]


def test_predict(run, model):
    code, lines, err = run("predict", model, IMAGES, "--labels", LABELS)
    assert (code, err) == (0, "")
    rows = rows_of(lines)
    network = nn.Network.load(model)
    _, (x, t) = nn.datasets.load_mnist_sample(normalize=False)
    assert [int(row[0]) for row in rows] == list(range(1000))
    np.testing.assert_array_equal([int(row[1]) for row in rows], network.classify(x))
    np.testing.assert_allclose(
        [float(row[2]) for row in rows], network.predict_proba(x).max(axis=1), atol=5.1e-5
    )
    np.testing.assert_array_equal([int(row[3]) for row in rows], t)
    right = int(np.sum(network.classify(x) == t))
    assert lines[-1] == f"accuracy {right / 10:.2f} % ({right:,} of 1,000)"


@pytest.mark.parametrize(
    "form", ["idx", "idx.gz", "npy", "npy int64", "npy floats", "npy 4-D", "csv", "csv with heading"]
)
def test_predict_reads(run, model, tmp_path, form):
    expected = rows_of(run("predict", model, IMAGES, "--limit", "20")[1])
    _, (pixels, _) = nn.datasets.load_mnist_sample(normalize=False)
    pixels = pixels[:20]
    path = tmp_path / "images"
    if form.startswith("idx"):
        content = bytes([0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 28, 0, 0, 0, 28]) + pixels.tobytes()
        path.write_bytes(gzip.compress(content) if form.endswith("gz") else content)
    elif form.startswith("npy"):
        kinds = {
            "npy": pixels,
            "npy int64": pixels.astype(np.int64),
            "npy 4-D": pixels.reshape(20, 1, 28, 28),
        }
        with path.open("wb") as file:
            np.save(file, kinds.get(form, pixels.astype(np.float32) / 255))
    else:
        text = "\n".join(",".join(map(str, row)) for row in pixels)
        heading = ",".join(f"pixel{i}" for i in range(784)) + "\n"
        path.write_text((heading if "heading" in form else "") + text + "\n")
    code, lines, _ = run("predict", model, path)
    assert code == 0
    got = rows_of(lines)
    assert [row[:2] for row in got] == [row[:2] for row in expected]
    np.testing.assert_allclose([float(r[2]) for r in got], [float(r[2]) for r in expected], atol=2e-4)


def test_predict_labels_as_text(run, model, tmp_path):
    _, (_, t) = nn.datasets.load_mnist_sample()
    (tmp_path / "labels.csv").write_text("\n".join(map(str, t)))
    first = run("predict", model, IMAGES, "--labels", LABELS, "--limit", "50")
    second = run("predict", model, IMAGES, "--labels", "labels.csv", "--limit", "50")
    assert first == second
    assert len(first[1]) == 52


def test_predict_two_classes_from_one_output(run, tmp_path, rng):
    network = nn.Network([nn.Affine(3, 1, rng=0)], nn.SigmoidCrossEntropy())
    network.save("two.safetensors")
    x = rng.standard_normal((6, 3))
    np.save("x.npy", x)
    code, lines, _ = run("predict", "two.safetensors", "x.npy")
    assert code == 0
    p = network.predict_proba(x)[:, 0]
    for row, one in zip(rows_of(lines), p, strict=True):
        assert int(row[1]) == (one > 0.5)
        assert float(row[2]) == pytest.approx(max(one, 1 - one), abs=1e-4)


def test_predict_wants_one_class_per_image(fails, rng):
    nn.Network([nn.Affine(3, 2, rng=0)], nn.SigmoidCrossEntropy()).save("two.safetensors")
    np.save("x.npy", rng.standard_normal((6, 3)))
    fails("answers 2 questions", "predict", "two.safetensors", "x.npy")


def test_predict_says_what_is_wrong(fails, model, tmp_path, rng):
    (tmp_path / "words.csv").write_text("1,2\n3,four\n")
    (tmp_path / "ragged.csv").write_text("1,2\n3\n")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "binary").write_bytes(bytes(range(200, 256)) * 9)
    np.save("short.npy", rng.random((4, 783)))
    np.save("words.npy", np.array(["a", "b"]))
    np.save("objects.npy", np.array([{}, 1], dtype=object))
    np.save("number.npy", np.float64(3))
    np.save("halves.npy", np.full(1000, 0.5))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "short.npy").read_bytes()[:200])
    (tmp_path / "cut.idx").write_bytes(gzip.decompress(IMAGES.read_bytes())[:5000])
    fails("none: No such file", "predict", "none", IMAGES)
    fails("none: No such file", "predict", model, "none")
    fails("words.csv: could not convert string 'four'", "predict", model, "words.csv")
    fails("ragged.csv: ", "predict", model, "ragged.csv")
    fails("empty: no numbers in it", "predict", model, "empty")
    fails("binary: neither IDX nor .npy nor text", "predict", model, "binary")
    fails("expected (batch, 784)", "predict", model, "short.npy")
    fails("words.npy: elements of <U1, expected numbers", "predict", model, "words.npy")
    fails("objects.npy: broken .npy file", "predict", model, "objects.npy")
    fails("number.npy: a single number", "predict", model, "number.npy")
    fails("cut.npy: broken .npy file", "predict", model, "cut.npy")
    fails("cut.idx: shape (1000, 28, 28) of uint8 needs 784000 bytes", "predict", model, "cut.idx")
    fails("1000 labels for 4 images", "predict", model, "short.npy", "--labels", LABELS)
    fails("halves.npy: the labels are not whole numbers", "predict", model, IMAGES, "--labels", "halves.npy")
    fails("--limit: '0' is not", "predict", model, IMAGES, "--limit", "0")
    fails("t10k-images", "predict", IMAGES, IMAGES)  # that is no model
    fails("", "predict", model, tmp_path)


# as a process


def test_module():
    assert spawn("--version").communicate() == (f"nnfast {nn.__version__}\n", "")


def test_console_script():
    script = Path(sys.executable).with_name("nnfast")
    if not script.exists():
        pytest.skip("nnfast is not installed in this environment")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"nnfast {nn.__version__}\n"


def test_error_exit_of_the_process(tmp_path):
    process = spawn("predict", "none", "none", cwd=tmp_path)
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err == "nnfast predict: error: none: No such file or directory\n"


@pytest.mark.parametrize("command", ["train", "demo"])
def test_interrupt_is_one_line_and_130(command, tmp_path):
    arguments = ["--epochs", "2000", *(["--data", "sample"] if command == "train" else [])]
    # A shell that runs the tests in the background has SIGINT ignored, and children inherit that.
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = spawn(command, *arguments, cwd=tmp_path, preexec_fn=listen)
    seen = []
    while not (seen and seen[-1].split()[0] in ("1", "epoch") and len(seen) > 2):
        line = process.stdout.readline()
        assert line, process.stderr.read()
        if line.strip():
            seen.append(line)
    time.sleep(0.3)  # somewhere within an epoch
    process.send_signal(signal.SIGINT)
    began = time.perf_counter()
    _, err = process.communicate(timeout=60)
    assert time.perf_counter() - began < 10
    assert (process.returncode, err) == (130, "nnfast: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_reader_that_has_seen_enough(model):
    process = spawn("predict", model, IMAGES)
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    assert process.wait(timeout=60) in (0, 141)  # 0: all fitted into the pipe
    assert process.stderr.read() == ""
    process.stderr.close()
