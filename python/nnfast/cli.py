"""The command line: ``nnfast demo | run | train | predict | info``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

import nnfast as nn

from .compat._runner import run, run_compared
from .compat._stand_ins import COURSES
from .datasets import load_mnist, load_mnist_sample, read_idx
from .errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._typing import Array

__all__ = ["main"]

OPTIMIZERS = {
    "sgd": nn.SGD,
    "momentum": nn.Momentum,
    "nesterov": nn.Nesterov,
    "adagrad": nn.AdaGrad,
    "rmsprop": nn.RMSprop,
    "adam": nn.Adam,
    "adamw": nn.AdamW,
}
SCHEDULES = {
    "constant": nn.schedules.constant,
    "cosine": nn.schedules.cosine,
    "one_cycle": nn.schedules.one_cycle,
}

DESCRIPTION = """\
Multilayer perceptrons at the speed of the machine.

  nnfast demo                               see it work: half a minute, nothing to download
  nnfast run SCRIPT                         run a course's script, unchanged, on nnfast
  nnfast train --data mnist --epochs 5      train on MNIST, save model.safetensors
  nnfast predict model.safetensors FILE     what the network sees in the images of a file
  nnfast info                               version, processor, threads

nnfast COMMAND --help tells the rest. `python -m nnfast` is the same command."""

DEMO = """\
Trains one network twice, by nnfast and by plain NumPy, from the same weights on the same batches, and prints loss,
test accuracy and time of every epoch: the numbers agree, the times do not. The data, 6,000 images of MNIST, travel with
the package. With matplotlib it writes a picture of the learning curves and of what the first layer has learnt."""

RUN = """\
Runs a script of a course as it stands, from its own folder: where it imports the course's modules (common.layers,
cs231n.optim, network2, ...), functions and classes that are the course's own are replaced by nnfast's. What you have
changed in them stays yours. At the end stderr says what was replaced, what was left, and how long it took."""

RUN_EXAMPLES = """\
examples:
  nnfast run ch05/train_neuralnet.py
  nnfast run --compare ch06/optimizer_compare_mnist.py
  nnfast run --course nielsen my_experiment.py 30 0.5"""

TRAIN = """\
Trains a multilayer perceptron on MNIST, or on anything in the same four IDX files (Fashion-MNIST, KMNIST), and saves
it. After every epoch: mean training loss and accuracy while learning, and the accuracy on the test images."""

TRAIN_EXAMPLES = """\
examples:
  nnfast train --data sample --epochs 5
  nnfast train --data ~/mnist --hidden 512,512 --epochs 10 --out best.safetensors
  nnfast train --download --hidden 256,128 --activation gelu --dropout 0.2 --optimizer adamw --lr 0.002"""

PREDICT = """\
Prints a line per image: its number, the class, the probability, with tabs between. FILE holds the images as IDX
(gzipped or not), as .npy, or as text with commas, one image a line. Whole numbers from 0 to 255 are taken for pixels
and scaled as in training, other numbers are taken as they are."""


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=110)


class _Parser(argparse.ArgumentParser):
    """Errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def _positive(text: str) -> int:
    value = int(text) if text.isascii() and text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return value


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _widths(text: str) -> list[int]:
    """512,512 -> [512, 512]; none -> []."""
    return [] if text in ("", "none") else [_positive(part) for part in text.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="nnfast", description=DESCRIPTION, formatter_class=_Help)
    parser.add_argument("--version", action="version", version=f"nnfast {nn.__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo", help="train a network beside NumPy", description=DEMO, formatter_class=_Help
    )
    demo.set_defaults(run=_demo)
    demo.add_argument(
        "--hidden", type=_widths, default=[512, 512], metavar="N,N", help="widths of hidden layers (512,512)"
    )
    demo.add_argument(
        "--epochs", type=_positive, default=10, metavar="N", help="passes over the 5,000 images (10)"
    )
    demo.add_argument("--batch-size", type=_positive, default=128, metavar="N", help="images per step (128)")
    demo.add_argument("--seed", type=_seed, default=0, metavar="N", help="of starting weights and order (0)")
    demo.add_argument("--threads", type=_positive, metavar="N", help="for nnfast (all processors)")
    demo.add_argument(
        "--out", default="nnfast-demo.png", metavar="FILE", help="the picture (nnfast-demo.png)"
    )

    script = commands.add_parser(
        "run",
        help="run a course's script on nnfast",
        description=RUN,
        epilog=RUN_EXAMPLES,
        formatter_class=_Help,
    )
    script.set_defaults(run=_run)
    script.add_argument("--course", choices=COURSES, help="otherwise seen from what the script imports")
    script.add_argument(
        "--compare", action="store_true", help="run it with plain NumPy too: times, and what differs"
    )
    script.add_argument("--numpy", action="store_true", help="run it with plain NumPy only")
    script.add_argument("--seed", type=_seed, metavar="N", help="for np.random and random (--compare: 0)")
    script.add_argument("--quiet", action="store_true", help="say nothing of it")
    script.add_argument("--times", help=argparse.SUPPRESS)
    script.add_argument("script", metavar="SCRIPT")
    script.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="for the script")

    train = commands.add_parser(
        "train",
        help="train on MNIST and save",
        description=TRAIN,
        epilog=TRAIN_EXAMPLES,
        formatter_class=_Help,
    )
    train.set_defaults(run=_train)
    data = train.add_argument_group("data")
    data.add_argument(
        "--data",
        metavar="DIR",
        help="folder of the four files (NNFAST_DATA, else the download cache), or 'sample': what travels along",
    )
    data.add_argument("--download", action="store_true", help="fetch MNIST if it is not there (11 MB)")
    network = train.add_argument_group("network")
    network.add_argument(
        "--hidden",
        type=_widths,
        default=[512, 512],
        metavar="N,N",
        help="widths of hidden layers (512,512), or none",
    )
    network.add_argument("--activation", default="relu", metavar="NAME", help="relu, gelu, tanh, ... (relu)")
    network.add_argument(
        "--dropout", type=float, default=0.0, metavar="P", help="share that hidden layers drop (0)"
    )
    network.add_argument(
        "--dtype",
        choices=["float32", "float64"],
        default="float32",
        metavar="NAME",
        help="float32 or float64 (float32)",
    )
    training = train.add_argument_group("training")
    training.add_argument("--epochs", type=_positive, default=5, metavar="N", help="passes over the data (5)")
    training.add_argument(
        "--batch-size", type=_positive, default=128, metavar="N", help="images per step (128)"
    )
    training.add_argument(
        "--optimizer",
        choices=OPTIMIZERS,
        default="adam",
        metavar="NAME",
        help=", ".join(OPTIMIZERS) + " (adam)",
    )
    training.add_argument(
        "--lr", type=float, metavar="X", help="learning rate (the optimizer's own: 0.001 for adam)"
    )
    training.add_argument(
        "--schedule",
        choices=SCHEDULES,
        default="cosine",
        metavar="NAME",
        help="how the learning rate goes: " + ", ".join(SCHEDULES) + " (cosine: down to 0)",
    )
    training.add_argument(
        "--weight-decay",
        type=float,
        default=0.0,
        metavar="X",
        help="decay of the parameters, decoupled for adamw (0)",
    )
    training.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="of weights, order and dropout (0)"
    )
    training.add_argument(
        "--threads", type=_positive, metavar="N", help="(all processors); no effect on the result"
    )
    train.add_argument(
        "--out", default="model.safetensors", metavar="FILE", help="the model (model.safetensors)"
    )

    predict = commands.add_parser(
        "predict", help="classify images", description=PREDICT, formatter_class=_Help
    )
    predict.set_defaults(run=_predict)
    predict.add_argument("model", metavar="MODEL", help="a file that train, or Network.save, wrote")
    predict.add_argument("file", metavar="FILE", help="images: IDX, .npy or comma-separated text")
    predict.add_argument(
        "--labels", metavar="FILE", help="the true classes, in the same formats: prints the accuracy"
    )
    predict.add_argument("--limit", type=_positive, metavar="N", help="only the first N images")
    predict.add_argument("--threads", type=_positive, metavar="N", help="(all processors)")

    info = commands.add_parser(
        "info", help="version, processor, threads", description="What this build runs on."
    )
    info.set_defaults(run=_info)
    return parser


# The commands


def _demo(options: argparse.Namespace) -> None:
    from .demo import run

    _check_writeable(options.out)
    run(
        hidden=options.hidden,
        epochs=options.epochs,
        batch_size=options.batch_size,
        seed=options.seed,
        picture=options.out,
    )


class _Report(nn.Callback):
    """A line per epoch."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        print(
            f"epoch {epoch + 1:>{len(str(self.epochs))}}/{self.epochs}   loss {logs['loss']:.4f}   "
            f"accuracy {100 * logs['accuracy']:5.2f} %   test {100 * logs['val_accuracy']:5.2f} %   "
            f"{logs['seconds']:.2f} s",
            flush=True,
        )


def _run(options: argparse.Namespace) -> int:
    script = Path(options.script)
    with script.open("rb"):  # an error that names the file
        pass
    if options.compare:
        return run_compared(
            script, options.arguments, options.course, quiet=options.quiet, seed=options.seed or 0
        )
    return run(
        script,
        options.arguments,
        options.course,
        plain=options.numpy,
        quiet=options.quiet,
        seed=options.seed,
        times=options.times,
    )


def _train(options: argparse.Namespace) -> None:
    _check_writeable(options.out)
    if options.data == "sample":
        (x_train, t_train), (x_test, t_test) = load_mnist_sample(normalize=False)
    else:
        loaded = load_mnist(options.data, normalize=False, download=options.download)
        (x_train, t_train), (x_test, t_test) = loaded
    sizes = [x_train.shape[1], *options.hidden, 10]
    network = nn.mlp(
        sizes, activation=options.activation, dropout=options.dropout, dtype=options.dtype, seed=options.seed
    )
    settings: dict[str, float] = {} if options.lr is None else {"lr": options.lr}
    if options.weight_decay:
        settings["weight_decay"] = options.weight_decay
    optimizer = OPTIMIZERS[options.optimizer](**settings)
    count = sum(value.size for value in network.params.values())
    print(f"{len(x_train):,} images to train on, {len(x_test):,} to test on")
    print(
        f"{'-'.join(map(str, sizes))}, {options.activation}: {count:,} parameters of {options.dtype}; {optimizer!r}"
    )
    network.fit(
        x_train,
        t_train,
        epochs=options.epochs,
        batch_size=options.batch_size,
        optimizer=optimizer,
        validation=(x_test, t_test),
        seed=options.seed,
        schedule=SCHEDULES[options.schedule](),
        callbacks=[_Report(options.epochs)],
        progress=False,
    )
    network.save(options.out)
    print(f"saved {options.out} ({Path(options.out).stat().st_size / 1e6:.1f} MB)")


def _predict(options: argparse.Namespace) -> None:
    network = nn.Network.load(options.model)
    x = _read_array(options.file)
    if x.ndim == 0:
        raise FormatError(f"{options.file}: a single number, expected a row of numbers for each image")
    x = x[: options.limit]
    x = x.reshape(len(x), -1) if x.size else x.reshape(len(x), int(np.prod(x.shape[1:])))
    labels = None
    if options.labels:
        labels = _read_array(options.labels)
        if labels.dtype.kind not in "iu":
            raise FormatError(f"{options.labels}: the labels are not whole numbers")
        labels = labels.reshape(-1)[: options.limit]
        if len(labels) != len(x):
            raise FormatError(f"{options.labels}: {len(labels)} labels for {len(x)} images")
    classes, probability = _classify(network, x)
    columns = ["image", "class", "probability"] + ([] if labels is None else ["label"])
    print(*columns, sep="\t")
    for row in range(len(x)):
        line = f"{row}\t{classes[row]}\t{probability[row]:.4f}"
        print(line if labels is None else f"{line}\t{labels[row]}")
    if labels is not None and len(x):
        right = int(np.sum(classes == labels))
        print(f"accuracy {100 * right / len(x):.2f} % ({right:,} of {len(x):,})")


def _info(options: argparse.Namespace) -> None:
    nn.show_config()


# Files


def _check_writeable(path: str) -> None:
    """Before minutes of training rather than after: `path` can become a file."""
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(21, "is a folder, expected the name of a file", path)
    if not target.parent.is_dir():
        raise FileNotFoundError(2, "there is no such folder", str(target.parent))
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(13, "nothing may be written there", str(target.parent))


def _read_array(path: str) -> Array:
    """IDX, .npy or text with commas; whole numbers 0 to 255 become uint8, other whole numbers int64."""
    with Path(path).open("rb") as file:
        start = file.read(6)
    if start[:2] in (b"\x1f\x8b", b"\0\0"):
        array = read_idx(path)
    elif start == b"\x93NUMPY":
        try:
            array = np.load(path, allow_pickle=False)
        except (ValueError, EOFError, SyntaxError) as error:
            raise FormatError(f"{path}: broken .npy file ({_one_line(error)})") from error
    else:
        array = _read_text(path)
    if array.dtype.kind not in "fiu":
        raise FormatError(f"{path}: elements of {array.dtype}, expected numbers")
    if array.dtype.kind in "iu" and array.dtype != np.uint8 and array.size:
        pixels = array.min() >= 0 and array.max() <= 255
        array = array.astype(np.uint8 if pixels else np.int64)
    return array


def _read_text(path: str) -> Array:
    """Lines of numbers with commas; a first line that is no numbers is a heading."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: neither IDX nor .npy nor text") from error
    rows = [line for line in lines if line.strip()]
    if rows and not _is_number(rows[0].split(",")[0]):
        rows = rows[1:]
    if not rows:
        raise FormatError(f"{path}: no numbers in it")
    try:
        array = np.loadtxt(rows, delimiter=",", ndmin=2, comments=None)
    except ValueError as error:
        raise FormatError(f"{path}: {_one_line(error)}") from error
    whole = np.isfinite(array).all() and (array == np.rint(array)).all() and np.abs(array).max() < 2**53
    return array.astype(np.int64) if whole and array.max() > 1 else array


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _classify(network: nn.Network, x: Array) -> tuple[Array, Array]:
    """Classes, and the probability that the network gives them."""
    rows = network.convention == "rows"
    probabilities = network.predict_proba(x) if rows else network.predict_proba(x.T).T
    classes = network.classify(x)
    if classes.ndim > 1:
        raise ValueError(
            f"the network answers {classes.shape[1]} questions with yes or no, and not with one class"
        )
    if probabilities.shape[1] == 1:
        return classes, np.where(classes > 0, probabilities[:, 0], 1 - probabilities[:, 0])
    return classes, np.take_along_axis(probabilities, classes[:, None], axis=1)[:, 0]


# Errors


def _one_line(error: BaseException) -> str:
    """The message of an error in one line, the file before what is wrong with it."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code: 0, 2 after an error, 130 after Ctrl-C; of ``run``, the script's."""
    options: Any = _parser().parse_args(arguments)
    try:
        if getattr(options, "threads", None):
            nn.set_num_threads(options.threads)
        code = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("nnfast: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever reads has seen enough; the interpreter must not try to flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, TypeError, IndexError, ArithmeticError, OSError, MemoryError) as error:
        print(f"nnfast {options.command}: error: {_one_line(error)}", file=sys.stderr)
        return 2
    return code or 0
