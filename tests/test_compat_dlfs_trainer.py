"""The trainers of "Deep Learning from Scratch", both editions, against plain NumPy (tests/courses)."""

import inspect

import numpy as np
import pytest
from course_reference import agree, built, identical, japanese, korean, same_random_state, samples
from nnfast.compat import dlfs as jp
from nnfast.compat.dlfs import multi_layer_net, multi_layer_net_extend, optimizer, trainer
from nnfast.compat.dlfs.kr import trainer as kr_trainer

R, KR = japanese(), korean()
MultiLayerNet, MultiLayerNetExtend = multi_layer_net.MultiLayerNet, multi_layer_net_extend.MultiLayerNetExtend
Trainer = trainer.Trainer
EXTENDS = [
    {"use_batchnorm": True},
    {"use_dropout": True, "dropout_ration": 0.3},
    {"use_batchnorm": True, "use_dropout": True, "weight_decay_lambda": 0.1},
]


def trainers(settings, network=None, n=50, plain=R, ours=trainer, **network_settings):
    x, t = samples(n)
    x_test, t_test = samples(30, seed=1)
    name = network or "MultiLayerNet"
    nets = built(
        getattr(
            getattr(plain, {"MultiLayerNet": "multi_layer_net"}.get(name, "multi_layer_net_extend")), name
        ),
        {"MultiLayerNet": MultiLayerNet}.get(name, MultiLayerNetExtend),
        network_settings,
    )
    modules = plain.trainer, ours
    return [
        module.Trainer(net, x, t, x_test, t_test, **settings)
        for module, net in zip(modules, nets, strict=True)
    ]


def run_both(pair, capsys, what="train"):
    """Both run from one seed; what they print and remember has to be the same."""
    texts = []

    def run(each):
        result = getattr(each, what)()
        texts.append(capsys.readouterr().out)
        return result

    capsys.readouterr()
    same_random_state(lambda: run(pair[0]), lambda: run(pair[1]))
    plain, ours = pair
    assert ours.train_acc_list == plain.train_acc_list
    assert ours.test_acc_list == plain.test_acc_list
    np.testing.assert_allclose(ours.train_loss_list, plain.train_loss_list, rtol=1e-9)
    assert (ours.current_iter, ours.current_epoch) == (plain.current_iter, plain.current_epoch)
    assert type(ours.train_loss_list[0]) is type(plain.train_loss_list[0])
    return texts


def without_digits_of_losses(text):
    return [
        line[: len("train loss:")] if line.startswith("train loss:") else line for line in text.split("\n")
    ]


@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "SGD", "Adam"])
@pytest.mark.parametrize("network", ["MultiLayerNet", "MultiLayerNetExtend"])
def test_training_prints_and_remembers_what_the_plain_one_does(name, network, capsys):
    settings = {"epochs": 4, "mini_batch_size": 10, "optimizer": name}
    pair = trainers(settings, network)
    plain, ours = run_both(pair, capsys)
    assert without_digits_of_losses(ours) == without_digits_of_losses(plain)
    assert ours.count("train loss:") == 20
    assert ours.count("=== epoch:") == 4
    assert "=============== Final Test Accuracy ===============\ntest acc:" in ours
    for p, q in zip(
        [line for line in plain.split("\n") if line.startswith("train loss:")],
        [line for line in ours.split("\n") if line.startswith("train loss:")],
        strict=True,
    ):
        np.testing.assert_allclose(float(q[11:]), float(p[11:]), rtol=1e-9)


@pytest.mark.parametrize("settings", EXTENDS)
def test_training_of_the_extended_network(settings, capsys):
    pair = trainers(
        {"epochs": 5, "mini_batch_size": 20, "optimizer": "adam", "optimizer_param": {"lr": 0.01}},
        "MultiLayerNetExtend",
        **settings,
    )
    plain, ours = run_both(pair, capsys)
    assert without_digits_of_losses(ours) == without_digits_of_losses(plain)


def test_training_with_one_hot_rows(capsys):
    pair = trainers({"epochs": 3, "mini_batch_size": 10})
    for each in pair:
        each.t_train, each.t_test = np.eye(3)[each.t_train], np.eye(3)[each.t_test]
    plain, ours = run_both(pair, capsys)
    assert without_digits_of_losses(ours) == without_digits_of_losses(plain)


def test_training_a_network_of_the_size_of_the_book(capsys, threads):
    rng, results = np.random.default_rng(3), []
    x, t = rng.random((300, 784)).astype(np.float32), rng.integers(0, 10, 300).astype(np.uint8)
    sizes = (784, [50, 40], 10)
    nets = built(R.multi_layer_net_extend.MultiLayerNetExtend, MultiLayerNetExtend, EXTENDS[2], sizes)
    for module, net in zip((R.trainer, trainer), nets, strict=True):
        each = module.Trainer(net, x, t, x[:100], t[:100], 4, 100, "adam", {"lr": 0.001})
        results.append(each)
    plain, ours = run_both(results, capsys)
    assert without_digits_of_losses(ours) == without_digits_of_losses(plain)


def test_the_printed_lines(capsys):
    _, each = trainers({"epochs": 2, "mini_batch_size": 25})
    each.train()
    lines = capsys.readouterr().out.split("\n")
    losses = [f"train loss:{loss}" for loss in each.train_loss_list]
    epochs = [
        f"=== epoch:{i + 1}, train acc:{a}, test acc:{b} ==="
        for i, (a, b) in enumerate(zip(each.train_acc_list, each.test_acc_list, strict=True))
    ]
    final = each.network.accuracy(each.x_test, each.t_test)
    assert lines == [
        losses[0],
        epochs[0],
        losses[1],
        losses[2],
        epochs[1],
        losses[3],
        "=============== Final Test Accuracy ===============",
        f"test acc:{final}",
        "",
    ]


def test_a_silent_trainer_prints_nothing(capsys):
    pair = trainers({"epochs": 2, "mini_batch_size": 10, "verbose": False})
    assert run_both(pair, capsys) == ["", ""]


def test_epochs_that_are_not_whole_numbers_of_batches_are_evaluated_rarely(capsys):
    pair = trainers({"epochs": 6, "mini_batch_size": 20})
    _, ours = pair
    assert ours.iter_per_epoch == 2.5
    assert ours.max_iter == 15
    plain_text, text = run_both(pair, capsys)
    assert text.count("=== epoch:") == plain_text.count("=== epoch:") == 3
    assert len(ours.train_acc_list) == 3


def test_a_batch_larger_than_the_data(capsys):
    pair = trainers({"epochs": 3, "mini_batch_size": 80})
    assert pair[1].iter_per_epoch == 1
    assert pair[1].max_iter == 3
    run_both(pair, capsys)


def test_evaluation_of_the_first_samples_only(capsys):
    pair = trainers({"epochs": 3, "mini_batch_size": 25, "evaluate_sample_num_per_epoch": 7})
    run_both(pair, capsys)
    assert all(round(7 * accuracy) == pytest.approx(7 * accuracy) for accuracy in pair[1].train_acc_list)


def test_single_steps(capsys):
    pair = trainers({"epochs": 3, "mini_batch_size": 25})
    for _ in range(3):
        plain, ours = run_both(pair, capsys, "train_step")
        assert without_digits_of_losses(ours) == without_digits_of_losses(plain)
    assert pair[1].current_iter == 3


def test_signature_and_attributes_of_the_trainer():
    wanted = inspect.signature(R.trainer.Trainer).parameters
    for module in (trainer, kr_trainer):
        got = inspect.signature(module.Trainer).parameters
        assert [(p.name, p.default) for p in got.values()] == [(p.name, p.default) for p in wanted.values()]
    plain, ours = trainers({})
    for name, value in vars(plain).items():
        if name not in ("network", "optimizer"):
            np.testing.assert_array_equal(getattr(ours, name), value)
    assert type(ours.iter_per_epoch) is type(plain.iter_per_epoch) is int
    assert type(trainers({"mini_batch_size": 20})[1].iter_per_epoch) is float
    assert type(ours.optimizer) is optimizer.SGD
    assert ours.optimizer.lr == 0.01


def test_an_unknown_optimizer_is_a_key_error():
    with pytest.raises(KeyError, match="lion"):
        trainers({"optimizer": "lion"})
    x, t = samples()
    with pytest.raises(KeyError, match="lion"):
        Trainer(MultiLayerNet(6, [5], 3), x, t, x, t, optimizer="Lion")


def test_the_loss_that_is_printed_is_that_of_the_batch_after_the_update():
    calls = []

    class Recorder(MultiLayerNet):
        def gradient(self, x, t):
            calls.append(("gradient", x.copy(), self.params["W1"].copy()))
            return super().gradient(x, t)

        def loss(self, x, t):
            calls.append(("loss", x.copy(), self.params["W1"].copy()))
            return super().loss(x, t)

    x, t = samples()
    each = Trainer(Recorder(6, [5], 3), x, t, x, t, mini_batch_size=8, verbose=False)
    np.random.seed(5)
    each.train_step()
    np.random.seed(5)
    chosen = np.random.choice(20, 8)
    assert calls[0][0] == "gradient"
    assert calls[-1][0] == "loss"
    identical(calls[0][1], x[chosen])
    identical(calls[-1][1], x[chosen])
    assert not np.array_equal(calls[0][2], calls[-1][2])


def test_a_network_written_by_the_user():
    """The trainer needs gradient, loss, accuracy and params, nothing else."""

    class Softmax:
        def __init__(self):
            self.params = {"W": np.zeros((6, 3))}
            self.last = R.layers.SoftmaxWithLoss()

        def loss(self, x, t):
            return self.last.forward(x @ self.params["W"], t)

        def gradient(self, x, t):
            self.loss(x, t)
            return {"W": x.T @ self.last.backward()}

        def accuracy(self, x, t):
            return np.mean((x @ self.params["W"]).argmax(1) == t)

    x, t = samples()
    results = []
    for module in (R.trainer, trainer):
        np.random.seed(5)
        each = module.Trainer(Softmax(), x, t, x, t, epochs=5, mini_batch_size=4, verbose=False)
        each.train()
        results.append(each.network.params["W"])
    agree(results[1], results[0], inputs=[x])


def test_the_korean_trainer_takes_both_spellings(capsys):
    x, t = samples()
    for name in ("rmsprop", "rmsprpo", "RMSprop"):
        each = kr_trainer.Trainer(MultiLayerNet(6, [5], 3), x, t, x, t, 1, 10, name, verbose=False)
        assert type(each.optimizer).__name__ == "RMSprop"
    with pytest.raises(KeyError, match="rmsprop"):
        KR.trainer.Trainer(None, x, t, x, t, optimizer="rmsprop")


def test_the_korean_trainer_uses_the_korean_nesterov(capsys):
    pair = trainers({"epochs": 3, "mini_batch_size": 10, "optimizer": "nesterov"}, plain=KR, ours=kr_trainer)
    run_both(pair, capsys)


def test_trainer_star_import_and_package():
    names = {}
    exec("from nnfast.compat.dlfs.trainer import *", names)
    assert names["Trainer"] is Trainer
    assert names["Adam"] is optimizer.Adam
    assert jp.__name__ == "nnfast.compat.dlfs"
