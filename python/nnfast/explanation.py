"""A pass of a network, formula by formula: what :meth:`nnfast.Network.explain` prints, in English or Korean.

Names are those of the courses: z of a weighted sum, a of what the next layer gets, dv for the derivative of the loss by
v. With samples as rows ``z = a W + b``, so ``dW = a^T dz`` and ``da = dz W^T``; with ``convention="columns"``
``z = W a + b``, ``dW = dz a^T`` and ``da = W^T dz``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import choice
from ._stages import is_native
from ._tracing import Trace
from .losses import is_native_loss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._glass_box import GlassBox
    from ._tracing import Visit
    from ._typing import Array, ArrayLike

__all__ = ["explain", "lines"]

_WORDS = {
    "en": {
        "forward": "Forward: Network of {layers}, {dtype}, batch of {batch}",
        "layer": "1 layer",
        "layers": "{count} layers",
        "backward": "Backward: from the loss to the input, the chain rule layer by layer",
        "where": "{0} where {1}, else {2}",
        "sum": "sum of {0} over the batch",
        "over_batch": "mean and var over the batch",
        "over_row": "mean and var of each sample",
        "per_sample": "of each sample",
        "mean_of": "mean over the batch of",
        "zeros": "{share} % are 0",
        "penalty": "with the penalty of the weights",
        "weighted": "w the class_weight of each sample's label",
        "ignored": "{ignored} samples are ignored",
        "largest": "the largest of each {pieces} columns of {0}",
        "to_largest": "{0} where {1} was the largest, else 0",
        "why": (
            "Why the transposes: dW{l} has the shape of W{l}. A weight acts in every sample n, so its derivative is a "
            "sum over the samples, and the product takes that sum: {product}."
        ),
        "written": "written in Python",
        "one_hot": "one-hot",
    },
    "ko": {
        "forward": "순전파: {layers}짜리 신경망, {dtype}, 배치 크기 {batch}",
        "layer": "1층",
        "layers": "{count}층",
        "backward": "역전파: 손실에서 입력 쪽으로, 계층마다 연쇄법칙을 적용",
        "where": "{1}인 곳은 {0}, 나머지는 {2}",
        "sum": "{0}의 배치 방향 합",
        "over_batch": "mean과 var는 배치 전체에서 구함",
        "over_row": "mean과 var는 샘플마다 구함",
        "per_sample": "샘플마다",
        "mean_of": "배치 평균:",
        "zeros": "0인 값이 {share} %",
        "penalty": "가중치 감소 항 포함",
        "weighted": "w는 각 샘플 레이블의 class_weight",
        "ignored": "샘플 {ignored}개는 무시됨",
        "largest": "{0}의 열 {pieces}개마다 가장 큰 값",
        "to_largest": "{1}이(가) 가장 컸던 곳은 {0}, 나머지는 0",
        "why": (
            "전치 행렬이 나오는 까닭: dW{l}의 형상은 W{l}의 형상과 같다. 가중치 하나는 모든 샘플 n에 쓰이므로 "
            "그 미분은 샘플에 대한 합이고, 행렬 곱이 그 합을 계산한다: {product}."
        ),
        "written": "파이썬으로 작성된 계층",
        "one_hot": "원-핫",
    },
}  # fmt: skip

# kind -> forward, backward; {x} and {y} are in and out, {dy} is what comes back. Three texts: value, where, else value.
_FORMULAS: dict[str, tuple[str | tuple[str, str, str], str | tuple[str, str, str]]] = {
    "Identity": ("{x}", "{dy}"),
    "Flatten": ("{x}", "{dy}"),
    "Step": ("1 ({x} > 0), 0 ({x} <= 0)", "0"),
    "Relu": ("max(0, {x})", ("{dy}", "{x} > 0", "0")),
    "LeakyRelu": (("{x}", "{x} >= 0", "{alpha:g} {x}"), ("{dy}", "{x} >= 0", "{alpha:g} {dy}")),
    "Elu": (("{x}", "{x} > 0", "{alpha:g} (exp({x}) - 1)"), ("{dy}", "{x} > 0", "{dy} * ({y} + {alpha:g})")),
    "Sigmoid": ("1 / (1 + exp(-{x}))", "{dy} * {y} * (1 - {y})"),
    "Tanh": ("tanh({x})", "{dy} * (1 - {y}^2)"),
    "Softplus": ("log(1 + exp({x}))", "{dy} * sigmoid({x})"),
    "Gelu": ("{x} * Phi({x})", "{dy} * (Phi({x}) + {x} * phi({x}))"),
    "Silu": ("{x} * sigmoid({x})", "{dy} * (sigmoid({x}) + {y} * (1 - sigmoid({x})))"),
    "Dropout": ("{x} * mask / (1 - {ratio:g})", "{dy} * mask / (1 - {ratio:g})"),
    "Softmax": ("exp({x}) / sum(exp({x}))", "{y} * ({dy} - sum({dy} * {y}))"),
    "LogSoftmax": ("{x} - log(sum(exp({x})))", "{dy} - exp({y}) * sum({dy})"),
    "PRelu": (("{x}", "{x} >= 0", "alpha * {x}"), ("{dy}", "{x} >= 0", "alpha * {dy}")),
}


def _number(value: float) -> str:
    return f"{value:.4g}"


def _forward_numbers(values: Any) -> str:
    """What an array holds, in a few words."""
    if values.size == 0:
        return ""
    if values.size <= 6:
        return np.array2string(values, precision=4, separator=", ").replace("\n", "")
    low, high, mean = (float(f(values)) for f in (np.min, np.max, np.mean))
    return f"min {_number(low)}, max {_number(high)}, mean {_number(mean)}"


def _gradient_numbers(values: Array) -> str:
    if values.size <= 6:
        return _forward_numbers(values)
    size = np.abs(values)
    return f"max |.| {_number(float(size.max()))}, mean |.| {_number(float(size.mean()))}"


class _Writer:
    """Makes the lines; names of values are set while the forward pass is written."""

    def __init__(self, trace: Trace, lang: str, columns: bool) -> None:
        self.trace, self.columns = trace, columns
        self.words = _WORDS[lang]
        self.batch = len(trace.y)
        self.width = max([8, *(len(v.name) for v in trace.visits)])
        self.value_names = self._name_values()

    def _name_values(self) -> list[str]:
        """Of what goes into the first layer, and of what each layer gives."""
        names, number = ["x"], 0
        visits = self.trace.visits
        for i, visit in enumerate(visits):
            if visit.number is not None:
                number = visit.number
                names.append(f"z{number}")
            elif number and (i + 1 == len(visits) or visits[i + 1].number is not None):
                names.append(f"a{number}")
            else:
                names.append(names[-1] + "'")
        return names

    def say(self, key: str, *args: Any, **values: Any) -> str:
        return self.words[key].format(*args, **values)

    def shape(self, values: Any) -> str:
        return str(self.oriented(values).shape)

    def bias_shape(self, b: Any) -> str:
        return str((np.size(b), 1) if self.columns else np.shape(b))

    def turned(self, values: Any) -> str:
        return str(self.oriented(values).T.shape)

    def forward_numbers(self, values: Any) -> str:
        return _forward_numbers(self.oriented(values))

    def gradient_numbers(self, values: Any) -> str:
        return _gradient_numbers(self.oriented(values))

    def oriented(self, values: Any) -> Array:
        array = np.asarray(values)
        return array.T if self.columns and array.ndim == 2 else array

    def line(self, name: str, text: str, numbers: str = "") -> str:
        return f"  {name:<{self.width}}  {text}" + (f": {numbers}" if numbers else "")

    def product(self, left: str, right: str) -> str:
        return f"{right} @ {left}" if self.columns else f"{left} @ {right}"

    def formula(self, text: str | tuple[str, str, str], **names: Any) -> str:
        if isinstance(text, str):
            return text.format(**names)
        return self.say("where", *(part.format(**names) for part in text))

    # ---- Forward

    def forward(self, visit: Visit, x: str, y: str) -> Iterator[str]:
        layer, kind = visit.layer, type(visit.layer).__name__
        numbers = self.forward_numbers(visit.y)
        if kind == "Affine" and is_native(layer):
            l = visit.number  # noqa: E741
            text = self.product(f"{x} {self.shape(visit.x)}", f"W{l} {self.shape(layer.W)}")
            text += "" if layer.b is None else f" + b{l} {self.bias_shape(layer.b)}"
        elif not is_native(layer):
            text = f"{kind}({x}), {self.say('written')}"
        elif kind in ("BatchNormalization", "LayerNormalization"):
            text = f"({x} - mean) / sqrt(var + {layer.eps:g})"
            text = text if layer.gamma is None else f"gamma * {text} + beta"
            text += f", {self.say('over_batch' if kind == 'BatchNormalization' else 'over_row')}"
        elif kind == "Dropout" and not layer.training:
            text = x
        elif kind == "Maxout":
            text = self.say("largest", x, pieces=layer.pieces)
        else:
            text = self.formula(_formulas(layer)[0], x=x, **_settings(layer))
            text += f" {self.say('per_sample')}" if "Softmax" in kind else ""
            if kind in ("Relu", "Dropout") and np.size(visit.y) > 6:
                numbers += ", " + self.say(
                    "zeros", share=round(100 * float(np.mean(np.asarray(visit.y) == 0)))
                )
        yield self.line(visit.name, f"{y} {self.shape(visit.y)} = {text}", numbers)

    # ---- Backward

    def backward(self, visit: Visit, x: str, y: str) -> Iterator[str]:
        layer, kind = visit.layer, type(visit.layer).__name__
        dy, dx = f"d{y}", f"d{x}"
        to_x = f"{dx} {self.shape(visit.dx)} = "
        numbers = self.gradient_numbers(visit.dx)
        if kind == "Affine" and is_native(layer):
            l = visit.number  # noqa: E741
            product = self.product(f"{x}^T {self.turned(visit.x)}", f"{dy} {self.shape(visit.dy)}")
            network, dW = self.trace.network, layer.dW
            for factor, term in ((network.l1, f"sign(W{l})"), (network.l2, f"W{l}")):
                product += f" + {factor:g} * {term}" if factor else ""
            if network.l1 or network.l2:
                dW = dW + network.l1 * np.sign(layer.W) + network.l2 * layer.W
            yield self.line(visit.name, f"dW{l} {self.shape(dW)} = {product}", self.gradient_numbers(dW))
            if layer.b is not None:
                yield self.line(
                    "",
                    f"db{l} {self.bias_shape(layer.db)} = {self.say('sum', dy)}",
                    self.gradient_numbers(layer.db),
                )
            product = self.product(f"{dy} {self.shape(visit.dy)}", f"W{l}^T {self.turned(layer.W)}")
            yield self.line("", to_x + product, numbers)
        elif not is_native(layer):
            yield self.line(visit.name, f"{to_x}{kind}.backward({dy})", numbers)
            for name, grad in visit.grads.items():
                yield self.line("", f"d{name} {np.shape(grad)}", self.gradient_numbers(grad))
        elif kind == "Maxout":
            yield self.line(visit.name, to_x + self.say("to_largest", dy, x), numbers)
        elif kind in ("BatchNormalization", "LayerNormalization"):
            normalized = "n" + y
            if layer.gamma is not None:
                for own, text in (("gamma", f"{dy} * {normalized}"), ("beta", dy)):
                    grad = getattr(layer, "d" + own)
                    where = visit.name if own == "gamma" else ""
                    note = (
                        f", {normalized} = ({x} - mean) / sqrt(var + {layer.eps:g})" if own == "gamma" else ""
                    )
                    yield self.line(
                        where,
                        f"d{own} {np.shape(grad)} = {self.say('sum', text)}{note}",
                        self.gradient_numbers(grad),
                    )
            gamma = "" if layer.gamma is None else "gamma * "
            inner = f"{gamma}{dy}"
            text = f"(d - mean(d) - {normalized} * mean(d * {normalized})) / sqrt(var + {layer.eps:g}), d = {inner}"
            yield self.line("" if layer.gamma is not None else visit.name, to_x + text, numbers)
        else:
            back = _formulas(layer)[1]
            text = (
                dy
                if kind == "Dropout" and not layer.training
                else self.formula(back, x=x, y=y, dy=dy, **_settings(layer))
            )
            yield self.line(visit.name, to_x + text, numbers)
            if kind == "PRelu":
                text = f"{dy} * min(0, {x})"
                yield self.line(
                    "",
                    f"dalpha {np.shape(layer.dalpha)} = {self.say('sum', text)}",
                    self.gradient_numbers(layer.dalpha),
                )


def _formulas(layer: Any) -> tuple[str | tuple[str, str, str], str | tuple[str, str, str]]:
    """Forward and backward of a layer without parameters of its own, where they are known by more than their name."""
    kind = type(layer).__name__
    if kind == "Silu" and layer.alpha != 1:
        return "{x} * sigmoid({alpha:g} * {x})", "{dy} * Silu'({x})"
    if kind == "Gelu" and layer.approximate == "tanh":
        return "0.5 * {x} * (1 + tanh(0.797885 * ({x} + 0.044715 * {x}^3)))", "{dy} * Gelu'({x})"
    return _FORMULAS.get(kind, (kind + "({x})", "{dy} * " + kind + "'({x})"))


def _settings(layer: Any) -> dict[str, Any]:
    return {
        name: getattr(layer, name)
        for name in ("alpha", "ratio")
        if isinstance(getattr(layer, name, None), float)
    }


def _loss_lines(
    writer: _Writer, network: GlassBox, y: str, t: Array, loss: float, dy: Array
) -> tuple[str, str]:
    """How the loss comes about, and its derivative by the scores."""
    function = network.loss_function
    kind = type(function).__name__
    shape = writer.shape(t)
    N, cells = writer.batch, dy.size
    reduction = getattr(function, "reduction", "")
    over = {"mean": cells, "batch_mean": N}.get(reduction, 1)
    one = "" if t.ndim == 2 else f" ({writer.say('one_hot')})"
    divided = f" / {over}" if over > 1 else ""
    settings: dict[str, Any] = getattr(function, "_settings", {})
    factor = settings.get("factor", 0.5)
    class_weight = getattr(function, "class_weight", None)
    ignored = (
        t == settings.get("ignore_index")
        if t.ndim == 1 and kind == "SoftmaxCrossEntropy"
        else np.zeros(N, bool)
    )
    counted: float = N - int(np.count_nonzero(ignored))
    weight = ""
    if class_weight is not None and t.ndim == 1:
        counted, weight = float(class_weight[t[~ignored]].sum()), "w * "
    by_batch = f" / {counted:g}" if reduction != "sum" and counted != 1 else ""
    mean_of = f"{writer.say('mean_of')} " if by_batch and not (weight or ignored.any()) else ""
    forms = {
        "SoftmaxCrossEntropy": (
            f"{mean_of}{weight}-sum(t * log(softmax({y})))"
            if mean_of
            else f"sum({weight}-t * log(softmax({y}))){by_batch}",
            f"{weight}(softmax({y}) - t{one}){by_batch}",
        ),
        "SigmoidCrossEntropy": (
            f"-sum(t * log(sigmoid({y})) + (1 - t) * log(1 - sigmoid({y}))){divided}",
            f"(sigmoid({y}) - t){divided}",
        ),
        "MeanSquaredError": (f"sum(({y} - t)^2){divided}", f"2 ({y} - t){divided}"),
        "SumSquaredError": (
            f"{'' if factor == 1 else f'{factor:g} * '}sum(({y} - t)^2){divided}",
            f"{'' if factor == 0.5 else f'{2 * factor:g} * '}({y} - t){divided}",
        ),
        "Huber": (
            f"sum(huber({y} - t)){divided}",
            f"clip({y} - t, -{settings.get('delta', 1):g}, {settings.get('delta', 1):g}){divided}",
        ),
        "MeanAbsoluteError": (f"sum(|{y} - t|){divided}", f"sign({y} - t){divided}"),
    }
    forward, backward = forms.get(kind, (f"{kind}({y}, t)", f"{kind}'({y}, t)"))
    by_names = class_weight is not None and (t.ndim == 2 or kind != "SoftmaxCrossEntropy")
    if not is_native_loss(function) or settings.get("label_smoothing") or by_names:
        forward, backward = f"{kind}({y}, t)", f"{kind}'({y}, t)"
    weighted = f", {writer.say('weighted')}" if weight and not by_names else ""
    weighted += f", {writer.say('ignored', ignored=int(ignored.sum()))}" if ignored.any() else ""
    penalty = f", {writer.say('penalty')}" if network.l1 or network.l2 else ""
    loss_line = writer.line("Loss", f"L = {forward}, t {shape}{weighted}{penalty}", _number(loss))
    dy_line = writer.line(
        "Loss", f"d{y} {writer.shape(dy)} = {backward}{weighted}", writer.gradient_numbers(dy)
    )
    return loss_line, dy_line


def lines(network: GlassBox, x: ArrayLike, t: ArrayLike, *, lang: str = "en") -> list[str]:
    """The lines that :meth:`nnfast.Network.explain` prints."""
    where = "Network.explain"
    choice(where, "lang", lang, tuple(_WORDS))
    inputs, targets = network._batch(where, x, t)
    trace, dy = network._traced(where, inputs, targets, training=True)
    weights = network._class_weight(where, None, targets)
    loss = network._loss_of(where, trace.y, targets, weights, None) + network._penalty()
    writer = _Writer(trace, lang, network.convention == "columns")
    names = writer.value_names
    depth = writer.say("layer") if network.L == 1 else writer.say("layers", count=network.L)
    result = [writer.say("forward", layers=depth, dtype=network.dtype.name, batch=writer.batch)]
    result.append(writer.line("", f"x {writer.shape(trace.x)}", writer.forward_numbers(trace.x)))
    for i, visit in enumerate(trace.visits):
        result += writer.forward(visit, names[i], names[i + 1])
    loss_line, dy_line = _loss_lines(writer, network, names[-1], targets, loss, np.asarray(dy))
    result += [loss_line, writer.say("backward"), dy_line]
    trace.backward(dy)
    for i, visit in reversed(list(enumerate(trace.visits))):
        result += writer.backward(visit, names[i], names[i + 1])
    last = next((v for v in reversed(trace.visits) if v.number is not None and is_native(v.layer)), None)
    if last is not None:
        at = trace.visits.index(last)
        l, x_name, y_name = last.number, names[at], names[at + 1]  # noqa: E741
        sums = f"sum_n {x_name}[n, i] * d{y_name}[n, j]"
        entry = f"dW{l}[i, j] = {sums}"
        if writer.columns:
            entry = f"dW{l}[j, i] = sum_n d{y_name}[j, n] * {x_name}[i, n]"
        result.append(writer.say("why", l=l, product=entry))
    return result


def explain(network: GlassBox, x: ArrayLike, t: ArrayLike, *, lang: str = "en", file: Any = None) -> None:
    """See :meth:`nnfast.Network.explain`."""
    print("\n".join(lines(network, x, t, lang=lang)), file=file)
