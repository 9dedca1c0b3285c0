"""Learning-rate schedules, callbacks, early stopping, checkpoints, history."""

import nnfast as nn
import numpy as np
import pytest
from conftest import assert_same_bits
from network_samples import Scale
from nnfast import schedules


def data(rng, n=96):
    x = rng.standard_normal((n, 4)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(int)


def factors(schedule, total, per_epoch=1):
    return [schedule(step, total, per_epoch) for step in range(total)]


# ------------------------------------------------------------------------------------------------- schedules
def test_constant():
    assert factors(schedules.constant(0.5), 3) == [0.5] * 3


def test_step_and_exponential_change_between_epochs():
    assert factors(schedules.step(2, 0.1), 10, per_epoch=2) == [1.0] * 4 + [0.1] * 4 + [0.1**2] * 2
    assert factors(schedules.exponential(0.5), 6, per_epoch=2) == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_cosine():
    expected = 0.1 + 0.9 * (1 + np.cos(np.pi * np.arange(20) / 20)) / 2
    np.testing.assert_allclose(factors(schedules.cosine(0.1), 20), expected, rtol=1e-14)
    assert schedules.cosine(0.1)(25, 20) == pytest.approx(0.1)


def torch_rates(torch, make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize("total", [10, 37, 1000])
@pytest.mark.parametrize("peak_at", [0.3, 0.5, 0.05])
def test_one_cycle_is_torchs(torch, total, peak_at):
    lr = torch.optim.lr_scheduler
    expected = torch_rates(
        torch, lambda o: lr.OneCycleLR(o, max_lr=1.0, total_steps=total, pct_start=peak_at), total - 1
    )
    got = factors(schedules.one_cycle(peak_at=peak_at, final=1 / 25 / 1e4), total)
    np.testing.assert_allclose(got[:-1], expected, rtol=1e-10)
    assert got[-1] == pytest.approx(4e-6)
    assert max(got) == pytest.approx(1, abs=0.02)


def test_the_others_are_torchs(torch):
    lr = torch.optim.lr_scheduler
    for ours, theirs in [
        (schedules.step(3, 0.5), lambda o: lr.StepLR(o, 3, 0.5)),
        (schedules.exponential(0.9), lambda o: lr.ExponentialLR(o, 0.9)),
        (schedules.cosine(), lambda o: lr.CosineAnnealingLR(o, 30)),
    ]:
        np.testing.assert_allclose(factors(ours, 30), torch_rates(torch, theirs, 30), rtol=1e-10, atol=1e-12)


def test_warm_up():
    assert factors(schedules.warm_up(4), 6) == [0.25, 0.5, 0.75, 1, 1, 1]
    assert factors(schedules.warm_up(0), 2) == [1, 1]
    both = schedules.warm_up(4, schedules.cosine())
    assert factors(both, 14)[4:] == factors(schedules.cosine(), 10)
    in_epochs = schedules.warm_up(2, schedules.step(1, 0.5), unit="epoch")
    assert factors(in_epochs, 12, per_epoch=3) == [i / 6 for i in range(1, 7)] + [1] * 3 + [0.5] * 3
    assert factors(schedules.warm_up(1, lambda step: 0.5**step), 4) == [1, 1, 0.5, 0.25]


def test_one_step_in_all():
    for schedule in (schedules.one_cycle(), schedules.cosine(), schedules.warm_up(5)):
        assert np.isfinite(schedule(0, 1, 1))


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: schedules.constant(-1), "constant: factor is -1"),
        (lambda: schedules.step(0), "step: every is 0"),
        (lambda: schedules.step(1, "x"), "step: factor is 'x'"),
        (lambda: schedules.exponential(np.nan), "exponential: factor is nan"),
        (lambda: schedules.cosine(-0.1), "cosine: final"),
        (lambda: schedules.one_cycle(peak_at=1.5), "one_cycle: peak_at"),
        (lambda: schedules.warm_up(-1), "warm_up: length"),
        (lambda: schedules.warm_up(1.5), "warm_up: length is 1.5"),
        (lambda: schedules.warm_up(1, 0.5), "warm_up: then is 0.5"),
        (lambda: schedules.warm_up(1, unit="batch"), "warm_up: unit is 'batch'"),
    ],
)
def test_schedules_say_what_is_wrong(make, names):
    with pytest.raises((ValueError, TypeError), match=names):
        make()


def test_fit_follows_the_schedule(rng):
    x, t = data(rng)
    rates = []

    class Rates(nn.Callback):
        def on_batch_end(self, batch, logs):
            rates.append(logs["lr"])

    network = nn.mlp([4, 2], seed=0)
    schedule = schedules.warm_up(1, schedules.cosine(), unit="epoch")
    history = network.fit(
        x, t, epochs=3, batch_size=32, optimizer=nn.SGD(0.2), schedule=schedule, callbacks=[Rates()]
    )
    np.testing.assert_allclose(rates, 0.2 * np.array(factors(schedule, 9, 3)), rtol=1e-14)
    assert history["lr"] == rates[2::3]


def test_rates_change_the_steps(rng):
    x, t = data(rng, 64)
    scheduled, by_hand = nn.mlp([4, 2], seed=0), nn.mlp([4, 2], seed=0)
    scheduled.fit(
        x, t, batch_size=32, optimizer=nn.SGD(0.2), shuffle=False, schedule=lambda step: [1, 0.25][step]
    )
    by_hand.train_step(x[:32], t[:32], nn.SGD(0.2))
    by_hand.train_step(x[32:], t[32:], nn.SGD(0.05))
    assert_same_bits(scheduled.params["W1"], by_hand.params["W1"])


def test_repr():
    assert repr(schedules.warm_up(5, schedules.cosine())) == "warm_up(5, cosine(0.0), unit='step')"


# ------------------------------------------------------------------------------------------------- callbacks
class Log(nn.Callback):
    def __init__(self):
        self.calls = []

    def on_train_begin(self, logs):
        self.calls.append(("train begin", dict(logs)))

    def on_epoch_begin(self, epoch, logs):
        self.calls.append((f"epoch {epoch} begins", dict(logs)))

    def on_epoch_end(self, epoch, logs):
        self.calls.append((f"epoch {epoch} ends", dict(logs)))
        logs["norm"] = float(abs(self.network.params["W1"]).max())

    def on_train_end(self, logs):
        self.calls.append(("train end", dict(logs)))


def test_callbacks_are_called_in_order(rng):
    x, t = data(rng)
    network, log = nn.mlp([4, 2], seed=0), Log()
    optimizer = nn.SGD()
    history = network.fit(x, t, epochs=2, optimizer=optimizer, callbacks=[log], validation=0.25)
    assert [name for name, _ in log.calls] == [
        "train begin", "epoch 0 begins", "epoch 0 ends", "epoch 1 begins", "epoch 1 ends", "train end",
    ]  # fmt: skip
    assert log.network is network
    assert log.optimizer is optimizer
    keys = ["loss", "accuracy", "val_loss", "val_accuracy", "lr", "seconds"]
    assert list(log.calls[2][1]) == keys
    assert list(history) == [*keys, "norm"]
    assert history["norm"][-1] == log.calls[-1][1]["norm"] == float(abs(network.params["W1"]).max())
    assert network.history is history
    assert all(len(values) == 2 for values in history.values())


def test_callback_stops_training(rng):
    class Stop(nn.Callback):
        def on_epoch_end(self, epoch, logs):
            self.stop_training = epoch == 1

    x, t = data(rng)
    history = nn.mlp([4, 2], seed=0).fit(x, t, epochs=9, callbacks=[Stop()])
    assert history.epochs == 2
    assert history.stopped == "Stop after epoch 2"


def test_callback_changes_the_rate(rng):
    class Halve(nn.Callback):
        def on_epoch_end(self, epoch, logs):
            self.optimizer.lr /= 2

    x, t = data(rng)
    history = nn.mlp([4, 2], seed=0).fit(x, t, epochs=3, optimizer=nn.SGD(0.8), callbacks=[Halve()])
    assert history["lr"] == [0.8, 0.4, 0.2]


@pytest.mark.parametrize(
    "method", ["on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end", "on_train_end"]
)
def test_what_a_callback_raises_is_the_callers(method, rng):
    x, t = data(rng)
    network = nn.mlp([4, 2], seed=0)

    def fail(*args):
        raise LookupError(method)

    callback = nn.Callback()
    setattr(callback, method, fail)
    with pytest.raises(LookupError, match=method):
        network.fit(x, t, callbacks=[callback])
    assert np.isfinite(network.fit(x, t)["loss"][0])
    if method == "on_epoch_end":
        assert network.epochs_trained == 2


# ------------------------------------------------------------------------------------------------- early stopping
class Script(nn.Callback):
    """Puts numbers of one's own into the logs, before early stopping looks at them."""

    def __init__(self, values, name="val_loss"):
        self.values, self.name = values, name

    def on_epoch_end(self, epoch, logs):
        logs[self.name] = self.values[epoch]
        self.network.params["W1"][...] = epoch


def run(values, stopper, rng, name="val_loss"):
    x, t = data(rng)
    network = nn.mlp([4, 2], seed=0)
    history = network.fit(
        x,
        t,
        epochs=len(values),
        optimizer=nn.SGD(0.0),
        callbacks=[Script(values, name)],
        early_stopping=stopper,
    )
    return network, history


@pytest.mark.parametrize(
    ("values", "settings", "epochs", "best"),
    [
        ([5, 4, 3, 2, 1], {"patience": 1}, 5, 4),
        ([5, 4, 4, 3, 1], {"patience": 1}, 3, 1),
        ([5, 4, 6, 3, 4, 4, 0], {"patience": 2}, 6, 3),
        ([5, 4.5, 4.2, 0], {"patience": 2, "min_delta": 1}, 3, 0),
        ([5, np.nan, np.nan, 1], {"patience": 2}, 3, 0),
        ([np.nan, np.nan, 1], {"patience": 2}, 2, -1),
        ([1, 2, 3, 2, 2, 9], {"patience": 2, "mode": "max"}, 5, 2),
    ],
)
def test_early_stopping(values, settings, epochs, best, rng):
    stopper = nn.EarlyStopping(**settings)
    network, history = run(values, stopper, rng)
    assert history.epochs == epochs
    assert bool(history.stopped) == (epochs < len(values))
    assert stopper.best_epoch == best
    # The values of the best epoch are back; where there was none, the last ones stay.
    assert network.params["W1"][0, 0] == (best if best >= 0 else epochs - 1)


def test_early_stopping_of_an_accuracy_looks_for_more(rng):
    stopper = nn.EarlyStopping("val_accuracy", patience=1)
    _, history = run([0.5, 0.6, 0.6, 0.9], stopper, rng, "val_accuracy")
    assert history.epochs == 3
    assert stopper.best == 0.6


def test_early_stopping_keeps_the_last_values_if_told(rng):
    network, _ = run([1, 2, 3], nn.EarlyStopping(patience=5, restore_best=False), rng)
    assert network.params["W1"][0, 0] == 2


def test_early_stopping_starts_afresh(rng):
    stopper = nn.EarlyStopping(patience=1)
    run([1, 2, 3], stopper, rng)
    _, history = run([9, 8, 9, 9], stopper, rng)
    assert history.epochs == 3


def test_early_stopping_by_an_integer(rng):
    x, t = data(rng)
    network = nn.mlp([4, 2], seed=0)
    assert network.fit(x, t, epochs=9, optimizer=nn.SGD(0.0), early_stopping=2).epochs == 3
    assert network.fit(x, t, epochs=9, optimizer=nn.SGD(0.0), early_stopping=3, validation=0.2).epochs == 4


def test_early_stopping_restores_running_statistics_and_python_layers(rng):
    x, t = data(rng)
    seen = []

    class Watch(nn.Callback):
        def on_epoch_end(self, epoch, logs):
            seen.append((network.layers[0].params["scale"].copy(), network.layers[1].running_var.copy()))
            logs["val_loss"] = [3, 1, 2][epoch]

    network = nn.Network([Scale(np.ones(4)), nn.BatchNormalization(4), nn.Affine(4, 2, rng=0)])
    network.fit(x, t, epochs=3, callbacks=[Watch()], early_stopping=nn.EarlyStopping(patience=3))
    np.testing.assert_array_equal(network.layers[0].params["scale"], seen[1][0])
    np.testing.assert_array_equal(network.layers[1].running_var, seen[1][1])
    assert (seen[1][0] != seen[2][0]).any()


def test_monitor_that_is_not_there(rng):
    x, t = data(rng)
    with pytest.raises(
        ValueError, match="no 'val_loss' in loss, accuracy, lr, seconds; give fit some validation"
    ):
        nn.mlp([4, 2], seed=0).fit(x, t, callbacks=[nn.EarlyStopping()])


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: nn.EarlyStopping(patience=0), "EarlyStopping: patience is 0"),
        (lambda: nn.EarlyStopping(mode="best"), "EarlyStopping: mode is 'best'"),
        (lambda: nn.EarlyStopping(min_delta=-1), "EarlyStopping: min_delta"),
        (lambda: nn.Checkpoint("x", mode="least"), "Checkpoint: mode"),
        (lambda: nn.Checkpoint(3), "int"),
    ],
)
def test_callbacks_say_what_is_wrong(make, names):
    with pytest.raises((ValueError, TypeError), match=names):
        make()


# ------------------------------------------------------------------------------------------------- checkpoints
def test_checkpoint_of_every_epoch(rng, tmp_path):
    x, t = data(rng)
    network = nn.mlp([4, 8, 2], seed=0, dropout=0.3)
    checkpoint = nn.Checkpoint(tmp_path / "model-{epoch}.safetensors", save_best=False)
    network.fit(x, t, epochs=3, optimizer=nn.Adam(), callbacks=[checkpoint])
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"model-{i}.safetensors" for i in (1, 2, 3)]
    # From any of them training goes on with the same bits.
    for epoch in (1, 2):
        again = nn.Network.load(tmp_path / f"model-{epoch}.safetensors")
        again.fit(x, t, epochs=3 - epoch)
        assert_same_bits(again.params["W1"], network.params["W1"])


def test_checkpoint_of_the_best(rng, tmp_path):
    x, t = data(rng)
    network = nn.mlp([4, 2], seed=0)
    path = tmp_path / "best.safetensors"
    checkpoint = nn.Checkpoint(path, optimizer=False)
    network.fit(x, t, epochs=4, optimizer=nn.SGD(), callbacks=[Script([3, 1, 2, 4]), checkpoint])
    best = nn.Network.load(path)
    assert best.params["W1"][0, 0] == 1
    assert best.optimizer is None
    assert (checkpoint.best, checkpoint.best_epoch) == (1, 1)


# ------------------------------------------------------------------------------------------------- history
def test_history(rng):
    history = nn.History()
    assert history.epochs == 0
    history["val_accuracy"] = [0.5, 0.9, 0.7]
    history["val_loss"] = [3.0, 2.0, 1.0]
    assert (history.best("val_accuracy"), history.best()) == (1, 2)
    with pytest.raises(KeyError, match="there is no 'loss'; expected one of val_accuracy, val_loss"):
        history.best("loss")


def test_step_losses_only_where_asked(rng):
    x, t = data(rng)
    network = nn.mlp([4, 2], seed=0)
    assert network.fit(x, t, batch_size=32).step_losses is None
    assert network.fit(x, t, batch_size=32, epochs=2, step_losses=True).step_losses.shape == (6,)
