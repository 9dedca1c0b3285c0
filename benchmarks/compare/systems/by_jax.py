from __future__ import annotations

from functools import partial
from itertools import cycle
from typing import Any

import jax
import jax.numpy as jnp

from . import System, Unsupported

# A queue for another thread costs more than small networks do.
jax.config.update("jax_cpu_enable_async_dispatch", False)


def forward(params: Any, x: Any, tanh: bool) -> Any:
    for W, b in params[:-1]:
        x = x @ W + b
        x = jnp.tanh(x) if tanh else jax.nn.relu(x)
    W, b = params[-1]
    return x @ W + b


def loss_of(params: Any, x: Any, t: Any, tanh: bool) -> Any:
    scores = jax.nn.log_softmax(forward(params, x, tanh))
    return -jnp.take_along_axis(scores, t[:, None], axis=1).mean()


@partial(jax.jit, static_argnames=("kind", "lr", "tanh"), donate_argnums=(0,))
def train_step(state: Any, x: Any, t: Any, kind: str, lr: float, tanh: bool) -> Any:
    params, m, v, count = state
    loss, grads = jax.value_and_grad(loss_of)(params, x, t, tanh)
    count = count + 1
    each = jax.tree.map
    if kind == "sgd":
        params = each(lambda p, g: p - lr * g, params, grads)
    elif kind == "momentum":
        m = each(lambda m, g: 0.9 * m + g, m, grads)
        params = each(lambda p, m: p - lr * m, params, m)
    else:
        m = each(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
        v = each(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
        c1, c2 = 1 - 0.9**count, 1 - 0.999**count
        params = each(lambda p, m, v: p - lr * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), params, m, v)
    return (params, m, v, count), loss


class Jax(System):
    """jit, with the state donated. XLA takes as many threads as it may use processors, see turns.py."""

    def version(self) -> str:
        return str(jax.__version__)

    def train(self, net: Any, dtype: str, weights: Any, batches: Any) -> Any:
        if dtype != "float32":
            raise Unsupported
        params = [tuple(map(jnp.array, layer)) for layer in weights]
        m, v = (
            jax.tree.map(jnp.zeros_like, params) if used else ()
            for used in (net.optimizer != "sgd", net.optimizer == "adam")
        )
        state: Any = (params, m, v, jnp.float32(0))
        step = partial(train_step, kind=net.optimizer, lr=net.lr, tanh=net.activation == "tanh")
        pairs = cycle([(jnp.asarray(x), jnp.asarray(t)) for x, t in batches])

        def run() -> float:
            nonlocal state
            x, t = next(pairs)
            state, loss = step(state, x, t)
            return float(loss)

        return run

    def infer(self, net: Any, dtype: str, weights: Any, x: Any) -> Any:
        if dtype != "float32":
            raise Unsupported
        params = [tuple(map(jnp.array, layer)) for layer in weights]
        predict = jax.jit(partial(forward, tanh=net.activation == "tanh"))
        device_x = jnp.asarray(x)
        return lambda: predict(params, device_x).block_until_ready()


SYSTEM = Jax
