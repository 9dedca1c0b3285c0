"""The programs of "Neural Networks and Deep Learning" against their sample-by-sample selves (tests/courses/nielsen)."""

import copy
import gzip
import json
import pickle
import random

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from course_packages import SAMPLE, alike, edited, nielsen
from course_reference import agree, few, identical, same_error
from nnfast import FormatError
from nnfast.compat.nielsen import _probes, mnist_loader, network, network2

P = nielsen()
PAIRS = {"network": (network, P.network), "network2": (network2, P.network2)}
BOTH = pytest.mark.parametrize("name", PAIRS)
COSTS = pytest.mark.parametrize("cost", ["CrossEntropyCost", "QuadraticCost"])


def samples(n=23, inputs=6, outputs=10, seed=0, kind=np.float32):
    """Three blobs: (x column, y column) pairs."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    x = (rng.random((n, inputs)) + labels[:, None] * 0.5).astype(kind)
    return [
        (np.reshape(row, (inputs, 1)), np.eye(outputs)[:, [label]])
        for row, label in zip(x, labels, strict=True)
    ]


def labelled(data):
    return [(x, np.argmax(y)) for x, y in data]


def made(module, sizes=(6, 8, 10), seed=3, **options):
    np.random.seed(seed)
    return module.Network(list(sizes), **options)


def same_parameters(got, expected, rtol=1e-12):
    for a, b in zip([*got.weights, *got.biases], [*expected.weights, *expected.biases], strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol, rtol)


def twice(call, seed=5):
    """The results of both, and the state of both generators afterwards."""
    results, states = [], []
    for which in (0, 1):
        random.seed(seed)
        np.random.seed(seed)
        results.append(call(which))
        states.append((random.random(), np.random.rand()))
    assert states[0] == states[1]
    return results


# ---------------------------------------------------------------------------------------------- construction
@BOTH
def test_draws_are_all_biases_then_all_weights(name):
    ours, plain = twice(lambda which: PAIRS[name][which].Network([5, 4, 3, 2]))
    for a, b in zip(ours.biases + ours.weights, plain.biases + plain.weights, strict=True):
        identical(a, b)
    assert [b.shape for b in ours.biases] == [(4, 1), (3, 1), (2, 1)]
    assert [w.shape for w in ours.weights] == [(4, 5), (3, 4), (2, 3)]
    assert type(ours.biases) is type(ours.weights) is list


@BOTH
def test_attributes(name):
    ours = PAIRS[name][0]
    sizes = [5, 4, 2]
    net = ours.Network(sizes)
    assert net.num_layers == 3
    assert net.sizes is sizes
    if name == "network2":
        assert net.cost is network2.CrossEntropyCost
        assert ours.Network(sizes, network2.QuadraticCost).cost is network2.QuadraticCost


def test_large_weights_are_those_of_the_first_program():
    np.random.seed(1)
    first = network.Network([5, 4, 2])
    net = network2.Network([5, 4, 2])
    np.random.seed(1)
    net.large_weight_initializer()
    same_parameters(net, first, 0)
    np.random.seed(1)
    net.default_weight_initializer()
    identical(net.weights[0], first.weights[0] / np.sqrt(5))


# ---------------------------------------------------------------------------------------------- one sample
@BOTH
def test_feedforward_takes_a_column_or_several(name):
    ours, plain = (made(module) for module in PAIRS[name])
    x = np.concatenate([x for x, _ in samples()], axis=1)
    for a in (x, x[:, :1], x.astype(float)):
        agree(ours.feedforward(a), plain.feedforward(a))
        assert ours.feedforward(a).shape == (10, a.shape[1])


@BOTH
def test_backprop_gives_lists_shaped_like_the_parameters(name):
    ours, plain = (made(module, (6, 8, 7, 10)) for module in PAIRS[name])
    x, y = samples()[0]
    got, expected = ours.backprop(x, y), plain.backprop(x, y)
    assert type(got) is tuple
    assert [type(part) for part in got] == [list, list]
    for a, b in zip(got[0] + got[1], expected[0] + expected[1], strict=True):
        agree(a, b)
    assert [g.shape for g in got[0]] == [b.shape for b in ours.biases]
    assert [g.shape for g in got[1]] == [w.shape for w in ours.weights]


def test_cost_derivative_is_the_difference():
    net, a, y = made(network), np.array([[0.25], [1.0]]), np.array([[1.0], [0.0]])
    identical(net.cost_derivative(a, y), np.array([[-0.75], [1.0]]))


@COSTS
def test_costs_and_their_deltas(cost):
    z, a, y = np.array([[0.5], [-2.0]]), np.array([[0.3], [0.9]]), np.array([[1.0], [0.0]])
    ours, plain = getattr(network2, cost), getattr(P.network2, cost)
    agree(ours.fn(a, y), plain.fn(a, y))
    agree(ours.delta(z, a, y), plain.delta(z, a, y))
    agree(ours().fn(a, y), plain.fn(a, y))


def test_cross_entropy_of_certainty_is_a_number():
    fn = network2.CrossEntropyCost.fn
    assert fn(np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])) == 0
    assert fn(np.array([[0.0]]), np.array([[1.0]])) == np.finfo(float).max


@BOTH
def test_sigmoid(name):
    ours, plain = PAIRS[name]
    z = np.linspace(-30, 30, 13)
    for f in ("sigmoid", "sigmoid_prime"):
        agree(getattr(ours, f)(z), getattr(plain, f)(z))
        agree(getattr(ours, f)(0.5), getattr(plain, f)(0.5))


@pytest.mark.parametrize("module", [network2, mnist_loader], ids=["network2", "mnist_loader"])
def test_vectorized_result(module):
    column = module.vectorized_result(3)
    assert column.shape == (10, 1)
    assert column.dtype == np.float64
    assert np.flatnonzero(column).tolist() == [3]
    same_error(lambda: P.network2.vectorized_result(10), lambda: module.vectorized_result(10))


# ---------------------------------------------------------------------------------------------- one mini-batch
def step(name, net, batch, eta=0.7):
    net.update_mini_batch(batch, eta) if name == "network" else net.update_mini_batch(batch, eta, 0.4, 60)


@BOTH
def test_update_mini_batch_makes_new_arrays(name):
    ours, plain = (made(module) for module in PAIRS[name])
    held = ours.weights + ours.biases
    before = copy.deepcopy(held)
    for net in (ours, plain):
        step(name, net, samples(7))
    same_parameters(ours, plain)
    for a, b in zip(held, before, strict=True):
        identical(a, b)
    for a, b in zip(ours.weights + ours.biases, held, strict=True):
        assert a is not b
        assert not np.shares_memory(a, b)
        assert a.flags.c_contiguous


@few
@hypothesis.given(
    st.lists(st.integers(1, 9), min_size=2, max_size=4),
    st.integers(1, 12),
    st.sampled_from([np.float32, np.float64, np.uint8, np.int64, bool]),
    st.sampled_from([0.0, 0.3, 5.0]),
    st.sampled_from(["CrossEntropyCost", "QuadraticCost", None]),
    st.integers(0, 2**32 - 1),
)
def test_update_mini_batch_of_anything(sizes, n, kind, lmbda, cost, seed):
    rng = np.random.default_rng(seed)
    batch = [
        ((rng.random((sizes[0], 1)) * 3).astype(kind), rng.random((sizes[-1], 1)).round(1)) for _ in range(n)
    ]
    before = copy.deepcopy(batch)
    nets = []
    for which in (0, 1):
        if cost is None:
            net = made(PAIRS["network"][which], sizes, seed)
            net.update_mini_batch(batch, 0.5)
        else:
            module = PAIRS["network2"][which]
            net = made(module, sizes, seed, cost=getattr(module, cost))
            net.update_mini_batch(batch, 0.5, lmbda, 50)
        nets.append(net)
    same_parameters(*nets)
    np.testing.assert_array_equal([x for x, _ in batch], [x for x, _ in before])


@BOTH
@pytest.mark.parametrize("form", ["fortran", "strided", "float32 weights", "lists", "rows", "label targets"])
def test_mini_batches_in_other_forms(name, form):
    ours, plain = (made(module) for module in PAIRS[name])
    batch = samples(5)
    for net in (ours, plain):
        if form == "fortran":
            net.weights = [np.asfortranarray(w) for w in net.weights]
        if form == "float32 weights":
            net.weights = [w.astype(np.float32) for w in net.weights]
            net.biases = [b.astype(np.float32) for b in net.biases]
    if form == "strided":
        batch = [(np.repeat(x, 2, axis=0)[::2], y[:, ::-1]) for x, y in batch]
    if form == "lists":
        batch = [[x, y] for x, y in batch]
    if form == "rows":  # NumPy makes (8, 8) matrices of these: nonsense, but the same nonsense
        batch = [(np.ravel(x), y) for x, y in batch]
        same_error(lambda: step(name, plain, batch), lambda: step(name, ours, batch))
        return
    if form == "label targets":
        batch = [(x, 1.0) for x, _ in batch]
    for net in (ours, plain):
        step(name, net, batch)
    same_parameters(ours, plain, 1e-5 if form == "float32 weights" else 1e-12)


@BOTH
def test_parameters_that_do_not_fit_fail_as_in_numpy(name):
    ours, plain = (made(module) for module in PAIRS[name])
    for net in (ours, plain):
        net.weights[1] = np.ones((10, 7))
    same_error(lambda: step(name, plain, samples(3)), lambda: step(name, ours, samples(3)))
    same_error(lambda: plain.SGD(samples(), 1, 5, 0.5), lambda: ours.SGD(samples(), 1, 5, 0.5))


@BOTH
def test_mini_batch_errors_are_numpys(name):
    ours, plain = (made(module) for module in PAIRS[name])
    good = samples(3)
    for bad in ([], [*good, (np.ones((5, 1)), good[0][1])], [*good, (good[0][0], np.ones((4, 1)))]):
        same_error(lambda bad=bad: step(name, plain, bad), lambda bad=bad: step(name, ours, bad))
    same_parameters(ours, plain, 0)


# ---------------------------------------------------------------------------------------------- SGD
def test_sgd_prints_what_the_port_prints(capsys):
    data, tests = samples(), labelled(samples(9, seed=1))
    printed = []
    for module in PAIRS["network"]:
        random.seed(2)
        net = made(module)
        assert net.SGD(data, 2, 10, 3.0, test_data=tests) is None
        net.SGD(data, 1, 10, 3.0)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    lines = printed[0].splitlines()
    assert lines[0].startswith("Epoch 0 : ")
    assert lines[0].endswith(" / 9")
    assert lines[2] == "Epoch 0 complete"


@BOTH
@pytest.mark.parametrize("size", [1, 4, 10, 23, 50])
def test_sgd_shuffles_as_python_does_and_leaves_the_callers_list(name, size, capsys):
    data = samples()
    order = [id(x) for x, _ in data]

    def run(which):
        net = made(PAIRS[name][which])
        net.SGD(data, 3, size, 0.5)
        return net

    same_parameters(*twice(run))
    assert [id(x) for x, _ in data] == order


@pytest.mark.parametrize("hidden", [[49], [50], [120, 60], [3, 70]], ids=str)
def test_sgd_of_wide_layers(hidden, capsys):
    def run(which):
        net = made(PAIRS["network2"][which], (6, *hidden, 10))
        net.SGD(samples(), 3, 4, 0.5, 0.1)
        return net

    ours, plain = twice(run)
    same_parameters(ours, plain)
    assert all(w.flags.c_contiguous and w.flags.owndata for w in ours.weights)


@BOTH
@pytest.mark.parametrize(
    "kind", [np.float64, np.float16, np.uint8, np.int64, bool], ids=lambda kind: kind.__name__
)
@pytest.mark.parametrize("sizes", [(6, 8, 10), (6, 60, 5, 10), (6, 10)], ids=str)
def test_sgd_of_any_data(name, kind, sizes, capsys):
    def run(which):
        net = made(PAIRS[name][which], sizes)
        net.SGD(samples(23, kind=kind), 2, 4, 0.5)
        return net

    same_parameters(*twice(run))


@BOTH
def test_sgd_of_a_layer_without_units(name, capsys):
    def run(which):
        net = made(PAIRS[name][which], (6, 0, 10))
        net.SGD(samples(), 1, 4, 0.5)
        return net

    same_parameters(*twice(run))


@BOTH
@pytest.mark.parametrize("form", [iter, tuple, lambda data: zip(*zip(*data, strict=True), strict=True)])
def test_sgd_takes_any_iterable(name, form, capsys):
    def run(which):
        net = made(PAIRS[name][which])
        tests = {"test_data" if name == "network" else "evaluation_data": form(labelled(samples()))}
        net.SGD(form(samples()), 2, 5, 0.5, **tests)
        return net

    same_parameters(*twice(run))
    printed = capsys.readouterr().out.splitlines()
    assert printed[: len(printed) // 2] == printed[len(printed) // 2 :]


@BOTH
def test_sgd_of_nothing(name, capsys):
    for module in PAIRS[name]:
        made(module).SGD([], 1, 5, 0.5)
        made(module).SGD(samples(), 0, 5, 0.5)
    assert len(set(capsys.readouterr().out.splitlines())) == 1


@BOTH
def test_sgd_does_not_touch_the_arrays_it_started_from(name, capsys):
    net = made(PAIRS[name][0])
    held = net.weights + net.biases
    before = copy.deepcopy(held)
    net.SGD(samples(), 2, 5, 0.5)
    for a, b in zip(held, before, strict=True):
        identical(a, b)


@BOTH
@pytest.mark.parametrize("eta", [np.float64(0.5), np.float32(0.5), 1, np.array(0.5)], ids=repr)
def test_sgd_takes_any_rate(name, eta, capsys):
    def run(which):
        net = made(PAIRS[name][which])
        net.SGD(samples(), 1, 5, eta)
        return net

    same_parameters(*twice(run), 1e-6 if isinstance(eta, np.float32) else 1e-12)


OVERRIDES = ["update_mini_batch", "backprop", "cost_derivative", "feedforward", "evaluate"]


@pytest.mark.parametrize("method", OVERRIDES)
@pytest.mark.parametrize("where", ["subclass", "object"])
def test_what_the_user_overrides_is_called(method, where, capsys):
    """And the results are those of the plain program with the same override."""

    def run(which):
        base = PAIRS["network"][which].Network
        calls = []

        def own(self, *arguments):
            calls.append(method)
            result = getattr(base, method)(self, *arguments)
            return 0.5 * result if method == "cost_derivative" else result

        if where == "subclass":
            np.random.seed(3)
            net = type("Mine", (base,), {method: own})([6, 8, 10])
        else:
            net = made(PAIRS["network"][which])
            setattr(net, method, lambda *arguments: own(net, *arguments))
        net.SGD(samples(), 2, 5, 0.5, test_data=labelled(samples(4)))
        return net, calls

    (ours, our_calls), (plain, plain_calls) = twice(run)
    same_parameters(ours, plain)
    assert our_calls == plain_calls
    assert our_calls
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == printed[2:]


@pytest.mark.parametrize("change", ["data", "weights", "float32", "method"])
def test_what_a_method_of_the_users_changes_between_epochs_counts(change, capsys):
    def run(which):
        module = PAIRS["network"][which]
        data = samples()

        class Mine(module.Network):
            def evaluate(self, test_data):
                if change == "data":
                    data[3][0][:] *= 0.5
                elif change == "weights":
                    self.weights[0] = self.weights[0] * 0.9
                elif change == "float32":
                    self.weights = [w.astype(np.float32) for w in self.weights]
                elif change == "method":
                    self.cost_derivative = lambda a, y: 0.5 * (a - y)
                return super().evaluate(test_data)

        np.random.seed(3)
        net = Mine([6, 8, 10])
        net.SGD(data, 4, 5, 0.5, test_data=labelled(samples(4)))
        return net

    same_parameters(*twice(run), 1e-6 if change == "float32" else 1e-12)


@COSTS
def test_the_books_own_cost_classes_are_known_and_edited_ones_are_not(cost):
    plain = getattr(P.network2, cost)
    changed = {
        part: edited(P.network2, cost, old, new)[cost]
        for part, old, new in (("delta", "a - y", "0.9 * (a - y)"), ("fn", "return ", "return 2 * "))
    }
    for name in ("delta", "fn"):
        assert network2._known(plain, name)
        assert network2._is_quadratic(plain, name) == (cost == "QuadraticCost")
        assert network2._known(plain(), name)
        assert not network2._known(changed[name], name)
        assert not network2._known(LogCosh(), name)


def test_what_a_cost_of_the_users_changes_between_epochs_counts(capsys):
    def run(which):
        module = PAIRS["network2"][which]
        data = samples()

        class Mine(module.CrossEntropyCost):
            @staticmethod
            def fn(a, y):
                data[3][0][:] *= 0.99
                return module.CrossEntropyCost.fn(a, y)

        net = made(module, cost=Mine)
        return net, net.SGD(data, 4, 5, 0.5, monitor_training_cost=True)

    (ours, histories), (plain, plain_histories) = twice(run)
    same_parameters(ours, plain)
    np.testing.assert_allclose(histories[2], plain_histories[2], rtol=1e-12)


@COSTS
def test_a_cost_may_be_an_object(cost, capsys):
    def run(which):
        module = PAIRS["network2"][which]
        net = made(module, cost=getattr(module, cost)())
        net.SGD(samples(), 2, 5, 0.5)
        return net

    same_parameters(*twice(run))


def test_another_sigmoid_in_the_module_counts(monkeypatch, capsys):
    for module in PAIRS["network"]:
        monkeypatch.setattr(module, "sigmoid", np.tanh)
        monkeypatch.setattr(module, "sigmoid_prime", lambda z: 1 - np.tanh(z) ** 2)

    def run(which):
        net = made(PAIRS["network"][which])
        net.SGD(samples(), 2, 5, 0.5, test_data=labelled(samples()))
        return net

    same_parameters(*twice(run))
    printed = capsys.readouterr().out.splitlines()
    assert printed[:2] == printed[2:]


class LogCosh:
    """A cost of the user's own: an object, with methods that only know columns."""

    def fn(self, a, y):
        assert a.shape == (10, 1)
        return np.sum(np.log(np.cosh(a - y)))

    def delta(self, z, a, y):
        assert a.shape == (10, 1)
        return np.tanh(a - y) * a * (1 - a)


def test_a_cost_of_the_users_own_is_called_sample_by_sample(capsys):
    def run(which):
        net = made(PAIRS["network2"][which], cost=LogCosh())
        return net, net.SGD(samples(), 2, 5, 0.5, monitor_training_cost=True)

    (ours, histories), (plain, plain_histories) = twice(run)
    same_parameters(ours, plain)
    np.testing.assert_allclose(histories[2], plain_histories[2], rtol=1e-12)


# ---------------------------------------------------------------------------------------------- network2's SGD
MONITORS = {
    f"monitor_{part}_{what}": True for part in ("evaluation", "training") for what in ("cost", "accuracy")
}


@COSTS
@pytest.mark.parametrize("lmbda", [0.0, 0.5])
def test_monitors_print_and_return_four_lists(cost, lmbda, capsys):
    evaluation = labelled(samples(11, seed=4))

    def run(which):
        module = PAIRS["network2"][which]
        net = made(module, cost=getattr(module, cost))
        return net.SGD(samples(), 3, 5, 0.5, lmbda, evaluation, **MONITORS), net

    (ours, net), (plain, plain_net) = twice(run)
    same_parameters(net, plain_net)
    assert type(ours) is tuple
    assert [len(history) for history in ours] == [3] * 4
    assert ours[1] == plain[1]
    assert ours[3] == plain[3]
    for k in (0, 2):
        np.testing.assert_allclose(ours[k], plain[k], rtol=1e-12)
        assert type(ours[k][0]) is type(plain[k][0])
    lines = capsys.readouterr().out.splitlines()
    lines, plain_lines = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    assert len(lines) == 15
    for line, wanted in zip(lines, plain_lines, strict=True):
        if line.startswith("Cost"):
            assert line.partition(": ")[0] == wanted.partition(": ")[0]
            assert float(line.partition(": ")[2]) == pytest.approx(
                float(wanted.partition(": ")[2]), rel=1e-12
            )
        else:
            assert line == wanted
    assert lines[0] == "Epoch 0 training complete"
    assert lines[2].startswith("Accuracy on training data: ")
    assert lines[2].endswith(" / 23")
    assert lines[4].startswith("Accuracy on evaluation data: ")
    assert lines[4].endswith(" / 11")


def test_without_monitors_there_are_four_empty_lists(capsys):
    assert made(network2).SGD(samples(), 2, 5, 0.5) == ([], [], [], [])


@pytest.mark.parametrize("part", ["evaluation", "training"])
def test_early_stopping(part, capsys):
    def run(which):
        net = made(PAIRS["network2"][which])
        return net.SGD(
            samples(),
            50,
            5,
            1e-6,
            evaluation_data=labelled(samples(11, seed=4)),
            early_stopping_n=3,
            **{f"monitor_{part}_accuracy": True},
        )

    ours, plain = twice(run)
    assert ours == plain
    assert 3 <= len(ours[1] or ours[3]) < 50


def test_early_stopping_needs_an_accuracy():
    with pytest.raises(ValueError, match="early_stopping_n needs monitor_evaluation_accuracy or"):
        made(network2).SGD(samples(), 1, 5, 0.5, early_stopping_n=1)


# ---------------------------------------------------------------------------------------------- evaluation
def test_evaluate_counts_and_takes_what_the_plain_one_takes():
    ours, plain = (made(module) for module in PAIRS["network"])
    data = labelled(samples(1203))
    assert ours.evaluate(data) == plain.evaluate(data)
    assert type(ours.evaluate(data)) is int
    assert ours.evaluate(iter(data)) == plain.evaluate(iter(data))
    assert ours.evaluate([]) == plain.evaluate([]) == 0
    assert ours.evaluate([(x, int(y)) for x, y in data[:50]]) == plain.evaluate(data[:50])
    several = [(np.tile(x, 2), y) for x, y in data[:5]]
    assert ours.evaluate(several) == plain.evaluate(several)
    same_error(lambda: plain.evaluate(samples(4)), lambda: ours.evaluate(samples(4)))
    same_error(lambda: plain.evaluate([(np.ones((5, 1)), 1)]), lambda: ours.evaluate([(np.ones((5, 1)), 1)]))


@pytest.mark.parametrize("convert", [False, True])
def test_accuracy(convert):
    ours, plain = (made(module) for module in PAIRS["network2"])
    data = samples(1203) if convert else labelled(samples(1203))
    assert ours.accuracy(data, convert=convert) == plain.accuracy(data, convert=convert)
    assert type(ours.accuracy(data, convert)) is int


@COSTS
@pytest.mark.parametrize("convert", [False, True])
def test_total_cost_adds_the_regularization_once(cost, convert):
    ours, plain = (made(module, cost=getattr(module, cost)) for module in PAIRS["network2"])
    data = labelled(samples(1203)) if convert else samples(1203)
    got, expected = (net.total_cost(data, 0.7, convert=convert) for net in (ours, plain))
    assert type(got) is type(expected)
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    norms = sum((w**2).sum() for w in ours.weights)
    np.testing.assert_allclose(got - ours.total_cost(data, 0.0, convert), 0.35 / 1203 * norms, rtol=1e-9)


def test_total_cost_of_other_shapes_is_numpys():
    ours, plain = (made(module, (6, 8, 3)) for module in PAIRS["network2"])
    data = labelled(samples(5))
    same_error(lambda: plain.total_cost(data, 0.1, True), lambda: ours.total_cost(data, 0.1, True))
    same_error(lambda: plain.total_cost([], 0.1), lambda: ours.total_cost([], 0.1))
    flat = [(x, y[:3]) for x, y in samples(5)]
    agree(ours.total_cost(flat, 0.1), plain.total_cost(flat, 0.1))


# ---------------------------------------------------------------------------------------------- files
@COSTS
def test_save_and_load(cost, tmp_path):
    net = made(network2, cost=getattr(network2, cost))
    net.save(str(tmp_path / "net.json"))
    data = json.loads((tmp_path / "net.json").read_text())
    assert list(data) == ["sizes", "weights", "biases", "cost"]
    assert data["cost"] == cost
    assert data["sizes"] == [6, 8, 10]
    again = network2.load(str(tmp_path / "net.json"))
    assert again.cost is net.cost
    same_parameters(again, net, 0)
    plain = P.network2.load(str(tmp_path / "net.json"))
    same_parameters(plain, net, 0)
    plain.save(str(tmp_path / "plain.json"))
    assert (tmp_path / "plain.json").read_text() == (tmp_path / "net.json").read_text()
    again.SGD(samples(), 1, 5, 0.5)


def test_save_names_the_class_of_a_cost_that_is_an_object(tmp_path):
    made(network2, cost=network2.QuadraticCost()).save(tmp_path / "net.json")
    assert network2.load(tmp_path / "net.json").cost is network2.QuadraticCost


def test_load_of_an_unknown_cost(tmp_path):
    made(network2, cost=LogCosh()).save(tmp_path / "net.json")
    with pytest.raises(AttributeError, match="LogCosh"):
        network2.load(tmp_path / "net.json")


@BOTH
def test_networks_can_be_pickled_and_copied(name, capsys):
    net = made(PAIRS[name][0])
    for again in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        random.seed(1)
        again.SGD(samples(), 1, 5, 0.5)
        random.seed(1)
        other = copy.deepcopy(net)
        other.SGD(samples(), 1, 5, 0.5)
        same_parameters(again, other, 0)


# ---------------------------------------------------------------------------------------------- long runs
def digits(monkeypatch, *counts):
    monkeypatch.setenv("COURSE_MNIST", str(SAMPLE))
    return map(list, P.mnist_loader.load_data_wrapper(*counts))


def test_thousands_of_mini_batches_of_digits(monkeypatch, capsys):
    training, _, tests = digits(monkeypatch, 1000, 100, 300)

    def run(which):
        net = made(PAIRS["network"][which], (784, 30, 10))
        net.SGD(training, 20, 10, 3.0, test_data=tests)
        return net

    same_parameters(*twice(run), 1e-9)
    printed = capsys.readouterr().out.splitlines()
    assert printed[:20] == printed[20:]


@COSTS
def test_a_thousand_mini_batches_with_regularization(cost, monkeypatch, capsys):
    training, validation, _ = digits(monkeypatch, 500, 200, 100)

    def run(which):
        module = PAIRS["network2"][which]
        net = made(module, (784, 30, 10), cost=getattr(module, cost))
        return net.SGD(training, 20, 10, 0.5, 1.0, validation, **MONITORS)

    ours, plain = twice(run)
    assert ours[1] == plain[1]
    assert ours[3] == plain[3]
    np.testing.assert_allclose(ours[0], plain[0], rtol=1e-9)
    np.testing.assert_allclose(ours[2], plain[2], rtol=1e-9)


# ---------------------------------------------------------------------------------------------- mnist_loader
def test_files_of_mnist_are_read_as_the_books_data():
    training, validation, test = mnist_loader.load_data(SAMPLE)
    for x, y in (training, validation, test):
        assert x.shape == (len(y), 784)
        assert x.dtype == np.float32
        assert y.dtype == np.int64
        assert x.min() == 0
        assert x.max() == 1
    assert len(validation[0]) == (len(training[0]) + len(validation[0])) // 6
    training, validation, test = mnist_loader.load_data_wrapper(SAMPLE)
    assert type(training) is list
    x, y = training[0]
    assert x.shape == (784, 1)
    assert y.shape == (10, 1)
    for part in (validation, test):
        assert part[0][0].shape == (784, 1)
        assert np.ndim(part[0][1]) == 0


def book_pickle(folder, content, protocol=2):
    (folder / "mnist.pkl.gz").write_bytes(gzip.compress(pickle.dumps(content, protocol)))


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("where", [".", "data"])
def test_the_books_pickle_is_found_and_read(where, protocol, tmp_path, monkeypatch):
    content = tuple(
        (np.random.default_rng(k).random((5, 784)).astype(np.float32), np.arange(5)) for k in range(3)
    )
    (tmp_path / "src").mkdir()
    (tmp_path / "data").mkdir()
    book_pickle(tmp_path / (where if where == "data" else "src"), content, protocol)
    monkeypatch.chdir(tmp_path / "src")
    for got, expected in zip(mnist_loader.load_data(), content, strict=True):
        assert type(got) is tuple
        identical(got[0], expected[0])
        np.testing.assert_array_equal(got[1], expected[1])


def test_a_pickle_of_python_2_is_read(tmp_path):
    """Protocol 2 as Python 2 wrote it: names of NumPy 1, byte strings."""
    x, y = np.arange(4, dtype=np.float32).reshape(2, 2), np.array([3, 1])

    def array(a):
        header = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n("
        shape = b"".join(b"I%d\n" % n for n in a.shape)
        kind = (
            b"tcnumpy\ndtype\n(S'%s'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\n"
            % a.dtype.str[1:].encode()
        )
        return header + shape + kind + b"S" + repr(a.tobytes())[1:].encode() + b"\ntb"

    part = b"(" + array(x) + array(y) + b"t"
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(b"(" + 3 * part + b"t."))
    for images, labels in mnist_loader.load_data(tmp_path):
        identical(images, x)
        np.testing.assert_array_equal(labels, y)


class Evil:
    def __reduce__(self):
        return print, ("pwned",)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (Evil(), r"__builtin__\.print"),
        ((np.array([Evil()], dtype=object),), r"__builtin__\.print"),
        (random.Random(1), r"random\.Random"),
        (np.random.RandomState(1), r"numpy\.random"),
    ],
    ids=["function", "in an array", "class", "of numpy"],
)
def test_a_pickle_of_anything_else_is_refused_by_name(content, named, tmp_path, capsys):
    book_pickle(tmp_path, content)
    with pytest.raises(FormatError, match=named):
        mnist_loader.load_data(tmp_path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [1, (1, 2), ((1, 2), (3, 4)), ((1, 2, 3), (1, 2), (1, 2))], ids=repr)
def test_a_pickle_of_other_containers_is_refused(content, tmp_path):
    book_pickle(tmp_path, content)
    with pytest.raises(FormatError, match="three pairs"):
        mnist_loader.load_data(tmp_path)


def test_what_is_no_pickle_is_refused(tmp_path):
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(b"no pickle"))
    with pytest.raises(FormatError, match="not a pickle of arrays"):
        mnist_loader.load_data(tmp_path)


def test_missing_data_says_what_was_looked_for(tmp_path, monkeypatch):
    (tmp_path / "src").mkdir()
    monkeypatch.chdir(tmp_path / "src")
    with pytest.raises(FileNotFoundError, match=r"mnist\.pkl\.gz.*train-images-idx3-ubyte\.gz"):
        mnist_loader.load_data()


# ---------------------------------------------------------------------------------------------- in the user's classes
@BOTH
@pytest.mark.parametrize(
    "methods",
    [
        ("update_mini_batch", "backprop", "cost_derivative"),
        ("SGD",),
        ("SGD", "update_mini_batch", "backprop", "cost_derivative", "evaluate", "accuracy", "feedforward"),
    ],
    ids=["step", "SGD", "all"],
)
def test_methods_serve_in_the_users_own_class(name, methods, capsys):
    ours, plain = PAIRS[name]

    class Mine(plain.Network):
        pass

    for method in methods:
        if hasattr(ours.Network, method):
            setattr(Mine, method, getattr(ours.Network, method))

    def run(which):
        np.random.seed(3)
        net = (Mine, plain.Network)[which]([6, 8, 10])
        if name == "network":
            net.SGD(samples(), 3, 5, 0.5, test_data=labelled(samples(9)))
        else:
            net.SGD(samples(), 3, 5, 0.5, 0.1, labelled(samples(9)), monitor_evaluation_accuracy=True)
        return net

    same_parameters(*twice(run))
    printed = capsys.readouterr().out.splitlines()
    assert printed[: len(printed) // 2] == printed[len(printed) // 2 :]


GROUPS = [(module, group) for module, groups in _probes.PROBES.items() for group in groups]


@pytest.mark.parametrize(("module", "group"), GROUPS, ids=str)
def test_probe_takes_the_books_program_for_what_it_is(module, group):
    ours, plain = PAIRS[module]
    assert alike(_probes.PROBES[module][group], vars(plain), vars(ours))


EDITS = [
    (
        "network",
        "Network",
        "eta / len(mini_batch)",
        "eta",
        {"Network", "Network.update_mini_batch", "Network.SGD"},
    ),
    ("network", "Network", "random.shuffle(training_data)", "pass", {"Network", "Network.SGD"}),
    ("network", "Network", "{j} : {", "{j}: {", {"Network", "Network.SGD"}),
    ("network", "Network", "return output_activations - y", "return 2 * (output_activations - y)", None),
    ("network", "Network", "np.random.randn(y, x)", "np.random.randn(y, x) / 2", {"Network"}),
    (
        "network",
        "Network",
        "sum(int(x == y)",
        "1 + sum(int(x == y)",
        {"Network", "Network.SGD", "Network.evaluate"},
    ),
    ("network2", "Network", "(1 - eta * (lmbda / n))", "(1 - eta * lmbda)", None),
    ("network2", "Network", "/ np.sqrt(x)", "", {"Network"}),
    ("network2", "Network", "        cost += 0.5 * (lmbda", "            cost += 0.5 * (lmbda", None),
    ("network2", "CrossEntropyCost", "return a - y", "return 2 * (a - y)", None),
]


@pytest.mark.parametrize(
    ("module", "name", "old", "new", "noticed"), EDITS, ids=[str(i) for i in range(len(EDITS))]
)
def test_probe_notices_what_a_reader_edits(module, name, old, new, noticed):
    ours, plain = PAIRS[module]
    changed = edited(plain, name, old, new)
    different = {
        group[0] for group, probe in _probes.PROBES[module].items() if not alike(probe, changed, vars(ours))
    }
    assert different
    assert noticed is None or different == noticed


def test_the_port_that_adds_the_regularization_per_sample_keeps_that_alone():
    changed = edited(
        P.network2, "Network", "        cost += 0.5 * (lmbda", "            cost += 0.5 * (lmbda"
    )
    same = {
        group: alike(probe, changed, vars(network2)) for group, probe in _probes.PROBES["network2"].items()
    }
    assert [group[0] for group, one in same.items() if not one] == ["Network", "Network.total_cost"]
