"""What is measured. A case is plain data, for it travels to the processes of the systems as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any


def forward_flop(sizes: tuple[int, ...], batch: int) -> float:
    return float(sum(2 * batch * inner * outer for inner, outer in pairwise(sizes)))


@dataclass(frozen=True)
class Net:
    """A multilayer perceptron with softmax cross-entropy, and how it is trained."""

    name: str
    sizes: tuple[int, ...]
    activation: str
    batch: int
    optimizer: str
    lr: float

    def forward_flop(self, batch: int) -> float:
        return forward_flop(self.sizes, batch)

    def weight_bytes(self) -> int:
        """In float32."""
        return 4 * sum(inner * outer for inner, outer in pairwise(self.sizes))

    def step_flop(self, batch: int) -> float:
        """Forward, dW and dx; nobody needs the dx of the first layer."""
        return 3 * self.forward_flop(batch) - 2.0 * batch * self.sizes[0] * self.sizes[1]


NETS = {
    net.name: net
    for net in (
        Net("book", (784, 50, 10), "relu", 100, "sgd", 0.1),
        Net("rl", (8, 64, 64, 4), "tanh", 64, "adam", 0.001),
        Net("tab", (32, 128, 128, 10), "relu", 256, "adam", 0.001),
        Net("mnist", (784, 512, 512, 10), "relu", 128, "adam", 0.001),
        Net("deep", (256, *[256] * 8, 10), "relu", 128, "sgd", 0.01),
        Net("wide", (784, 2048, 2048, 10), "relu", 1024, "momentum", 0.01),
    )
}

BATCHES = 4  # different batches that a training job goes through, again and again


@dataclass(frozen=True)
class Case:
    """A result is `scale` times the time of a call. What it takes at least: `flop`, `traffic` (bytes to and from
    memory), `reads` (bytes, wherever they lie)."""

    group: str
    name: str
    dtype: str
    params: dict[str, Any] = field(default_factory=dict)
    systems: tuple[str, ...] | None = None  # None: all that can
    flop: float = 0.0
    traffic: float = 0.0
    reads: int = 0
    scale: float = 1.0
    heavy: bool = False  # fewer rounds will do
    single_calls: bool = False  # quantiles of single calls, besides

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


PEERS = ("numpy", "torch", "jax", "sklearn", "onnxruntime")
SYSTEMS = ("nnfast", *PEERS)
PRODUCTS = ("nnfast", "numpy", "torch")


def train_cases(dtype: str = "float32") -> list[Case]:
    systems = None if dtype == "float32" else PRODUCTS
    group = "train" if dtype == "float32" else "train64"
    return [
        Case(group, net.name, dtype, {"net": net.name, "batch": net.batch}, systems, net.step_flop(net.batch))
        for net in NETS.values()
    ]


def infer_cases() -> list[Case]:
    return [
        Case(
            "infer",
            f"{net.name} x{batch}",
            "float32",
            {"net": net.name, "batch": batch},
            flop=net.forward_flop(batch),
            reads=net.weight_bytes(),
            single_calls=(net.name, batch) == ("rl", 1),
        )
        for net in NETS.values()
        for batch in (1, 32, 1024)
    ]


FRACTIONS = 10  # an epoch is taken in so many turns


def epoch_cases() -> list[Case]:
    flop = 60_000 / NETS["mnist"].batch * NETS["mnist"].step_flop(NETS["mnist"].batch)
    return [
        Case("epoch", "mnist", "float32", {"net": "mnist"}, flop=flop, scale=FRACTIONS, heavy=True),
        Case("epoch", "fit: per step", "float32", {"fit": "rl"}, ("nnfast",)),
        Case("epoch", "train_step", "float32", {"net": "rl", "batch": 64}, ("nnfast",)),
    ]


def gemm_shapes() -> list[tuple[str, int, int, int]]:
    """(kind, m, n, k): C (m, n) of k terms each. The second operand of NT, and the first of TN, are transposed."""
    shapes: list[tuple[str, int, int, int]] = []
    for net in NETS.values():
        for inner, outer in dict.fromkeys(pairwise(net.sizes)):
            shapes.append(("NN", net.batch, outer, inner))
            if inner != net.sizes[0]:
                shapes.append(("NT", net.batch, inner, outer))
            shapes.append(("TN", inner, outer, net.batch))
        shapes.append(("NN", 1, net.sizes[1], net.sizes[0]))
    squares = (16, 64, 128, 256, 512, 1024, 2048)
    odd = ((7, 13, 5), (31, 29, 33), (101, 103, 97), (255, 253, 257), (509, 521, 503))
    thin = ((1, 8, 8), (4096, 16, 16), (16, 4096, 64), (64, 64, 4096), (10000, 1, 100), (512, 512, 1))
    for m, n, k in [*((s, s, s) for s in squares), *odd, *thin]:
        shapes += [(kind, m, n, k) for kind in ("NN", "NT", "TN")]
    shapes.append(("NN", 4096, 4096, 4096))
    return list(dict.fromkeys(shapes))


def gemm_case(group: str, kind: str, m: int, n: int, k: int, dtype: str) -> Case:
    params = {"kind": kind, "m": m, "n": n, "k": k}
    flop = 2.0 * m * n * k
    reads = (4 if dtype == "float32" else 8) * (m * k + k * n)
    return Case(group, f"{kind} {m}x{n}x{k}", dtype, params, PRODUCTS, flop, reads=reads, heavy=flop > 5e9)


def gemm_cases() -> list[Case]:
    return [gemm_case("gemm", *shape, dtype) for dtype in ("float32", "float64") for shape in gemm_shapes()]


ELEMENTWISE = ("relu", "sigmoid", "tanh", "gelu", "silu", "elu", "softplus")
ROWWISE = ("softmax", "log_softmax", "layer_norm")
EXP_LIKE = ("sigmoid", "tanh", "gelu", "silu", "elu", "softplus", "softmax", "log_softmax")


def elementwise_cases() -> list[Case]:
    cases = []
    for place, shape in (("cache", (64, 256)), ("memory", (16384, 1024))):
        for name in ELEMENTWISE + ROWWISE:
            traffic = 2.0 * 4 * math.prod(shape)
            params = {"function": name, "shape": shape, "place": place}
            cases.append(Case("elementwise", f"{name} {place}", "float32", params, PRODUCTS, traffic=traffic))
    return cases


def loss_cases() -> list[Case]:
    return [
        Case("loss", f"{batch}x{classes}", dtype, {"batch": batch, "classes": classes}, PRODUCTS)
        for dtype in ("float32", "float64")
        for batch, classes in ((128, 10), (1024, 10), (1024, 1000))
    ]


def thread_cases() -> list[Case]:
    """Of nnfast alone, where two threads could hurt: from work for one thread to work for many."""
    cases = []
    for net in NETS.values():
        for batch in sorted({8, 32, 128, net.batch}):
            params = {"net": net.name, "batch": batch}
            cases.append(
                Case("threads", f"train {net.name} x{batch}", "float32", params, flop=net.step_flop(batch))
            )
        for batch in (1, 8, 32, 128, 1024):
            params = {"net": net.name, "batch": batch, "predict": True}
            cases.append(
                Case(
                    "threads", f"predict {net.name} x{batch}", "float32", params, flop=net.forward_flop(batch)
                )
            )
    sizes = (8, 16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512, 768, 1024, 2048)
    cases += [gemm_case("threads", "NN", n, n, n, "float32") for n in sizes]
    for rows in (1, 4, 16, 64, 256, 1024, 4096):
        shape = {"shape": (rows, 256), "place": "cache"}
        cases += [
            Case("threads", f"{name} {rows}x256", "float32", {"function": name, **shape})
            for name in ("relu", "tanh", "softmax")
        ]
    return cases


GROUPS = {
    "train": train_cases,
    "train64": lambda: train_cases("float64"),
    "infer": infer_cases,
    "epoch": epoch_cases,
    "gemm": gemm_cases,
    "elementwise": elementwise_cases,
    "loss": loss_cases,
    "threads": thread_cases,
    "memory": list,
    "import": list,
}
