"""The optimizers of "Deep Learning from Scratch", both editions, against plain NumPy (tests/courses)."""

import copy
import pickle

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from course_reference import (
    agree,
    few,
    floats,
    identical,
    japanese,
    korean,
    numbers,
    orders,
    same_error,
    seeds,
)
from nnfast.compat.dlfs import optimizer as M
from nnfast.compat.dlfs.kr import optimizer as KM

R, KR = japanese().optimizer, korean().optimizer
SETTINGS = {
    "SGD": {"lr": 0.1},
    "Momentum": {"lr": 0.05, "momentum": 0.8},
    "Nesterov": {"lr": 0.05, "momentum": 0.8},
    "AdaGrad": {"lr": 0.5},
    "RMSprop": {"lr": 0.02, "decay_rate": 0.9},
    "Adam": {"lr": 0.02, "beta1": 0.8, "beta2": 0.99},
}
DEFAULTS = {
    "SGD": {"lr": 0.01},
    "Momentum": {"lr": 0.01, "momentum": 0.9, "v": None},
    "Nesterov": {"lr": 0.01, "momentum": 0.9, "v": None},
    "AdaGrad": {"lr": 0.01, "h": None},
    "RMSprop": {"lr": 0.01, "decay_rate": 0.99, "h": None},
    "Adam": {"lr": 0.001, "beta1": 0.9, "beta2": 0.999, "iter": 0, "m": None, "v": None},
}
STATES = {
    "SGD": [],
    "Momentum": ["v"],
    "Nesterov": ["v"],
    "AdaGrad": ["h"],
    "RMSprop": ["h"],
    "Adam": ["m", "v"],
}
WITH_STATE = [name for name in STATES if STATES[name]]
editions = pytest.mark.parametrize(("M", "R"), [(M, R), (KM, KR)], ids=["jp", "kr"])
every = pytest.mark.parametrize("name", list(SETTINGS))
every_with_state = pytest.mark.parametrize("name", WITH_STATE)


def problem(dtype=np.float64, seed=0):
    shapes = {"W1": (7, 5), "b1": (5,), "W2": (5, 3), "b2": (3,)}
    return {key: numbers(seed + i, shape, dtype) for i, (key, shape) in enumerate(shapes.items())}


def gradients(params, step):
    """Of a bowl, with zeros among them."""
    return {key: numbers(100 + step, p.shape, p.dtype) + p * (p > 0) for key, p in params.items()}


@st.composite
def problems(draw):
    """Parameters and the gradients of three steps, of any shapes, dtypes and orders."""
    params, steps = {}, [{}, {}, {}]
    for i in range(draw(st.integers(1, 3))):
        shape = tuple(draw(st.lists(st.integers(0, 5), min_size=0, max_size=4)))
        order = draw(orders) if shape else "C"
        params[f"p{i}"] = numbers(draw(seeds), shape, draw(floats), order)
        g_dtype = draw(floats)
        for grads in steps:
            grads[f"p{i}"] = numbers(draw(seeds), shape, g_dtype, draw(orders) if shape else "C")
    return params, steps


@editions
@every
@few
@hypothesis.given(problems())
def test_three_steps_are_the_plain_ones(M, R, name, arguments):
    params, steps = arguments
    plain, ours = getattr(R, name)(**SETTINGS[name]), getattr(M, name)(**SETTINGS[name])
    expected = {key: p.copy() for key, p in params.items()}
    before = dict(params)
    for grads in steps:
        kept = {key: g.copy() for key, g in grads.items()}
        plain.update(expected, grads)
        assert ours.update(params, grads) is None
        for key, p in params.items():
            rounded = [p, grads[key]]
            agree(p, expected[key], 1, key, inputs=rounded)
            identical(grads[key].copy(), kept[key])
            for state in STATES[name]:
                got, wanted = getattr(ours, state)[key], getattr(plain, state)[key]
                agree(np.asarray(got), np.asarray(wanted), 1, state, inputs=rounded)
    assert all(params[key] is before[key] for key in params if params[key].ndim)


@editions
@every
def test_the_callers_arrays_are_changed_in_place(M, R, name):
    params = problem()
    views, kept = {key: p[...] for key, p in params.items()}, copy.deepcopy(params)
    ids = {key: id(p) for key, p in params.items()}
    getattr(M, name)().update(params, gradients(params, 0))
    for key, p in params.items():
        assert id(p) == ids[key]
        identical(views[key], p)
        assert not np.array_equal(p, kept[key])


@editions
@every
def test_defaults_and_attributes(M, R, name):
    assert vars(getattr(M, name)()) == DEFAULTS[name] == vars(getattr(R, name)())
    positional = getattr(M, name)(*SETTINGS[name].values())
    assert {key: vars(positional)[key] for key in SETTINGS[name]} == SETTINGS[name]
    assert getattr(M, name).__name__ == name


@editions
@every
def test_python_floats_become_numpy_floats(M, R, name):
    results = []
    for module in (R, M):
        params, optimizer, path = {"x": -7.0, "y": 2.0}, getattr(module, name)(**SETTINGS[name]), []
        for _ in range(30):
            optimizer.update(params, {"x": params["x"] / 10.0, "y": 2.0 * params["y"]})
            path.append((params["x"], params["y"]))
        assert type(params["x"]) is type(params["y"]) is (float if name == "SGD" else np.float64)
        results.append(np.array(path, np.float64))
    agree(results[1], results[0])


@editions
@every
def test_learning_rates_may_be_changed_between_steps(M, R, name):
    results = []
    for module in (R, M):
        params, optimizer = problem(), getattr(module, name)()
        for step in range(4):
            optimizer.lr = 0.1 / (1 + step)
            optimizer.update(params, gradients(params, step))
        results.append(params)
    for key, p in results[0].items():
        agree(results[1][key], p)


@editions
@every
def test_float32_parameters_stay_float32_with_float64_gradients(M, R, name):
    params, expected = problem(np.float32), problem(np.float32)
    grads = {key: p.astype(np.float64) for key, p in gradients(params, 0).items()}
    plain, ours = getattr(R, name)(), getattr(M, name)()
    for _ in range(2):
        plain.update(expected, grads)
        ours.update(params, grads)
    for key, p in params.items():
        assert p.dtype == np.float32
        agree(p, expected[key])


@editions
@every
def test_integer_parameters_fail_like_numpy(M, R, name):
    def run(module):
        getattr(module, name)().update({"W": np.arange(3)}, {"W": np.ones(3)})

    with pytest.raises(TypeError, match="Cannot cast ufunc") as plain:
        run(R)
    with pytest.raises(plain.type, match="Cannot cast ufunc"):
        run(M)


@editions
@every
def test_a_missing_gradient_is_a_key_error(M, R, name):
    params = problem()
    grads = gradients(params, 0)
    del grads["W2"]
    with pytest.raises(KeyError, match="W2"):
        getattr(M, name)().update(params, grads)


@editions
@every
def test_gradients_without_a_parameter_are_ignored(M, R, name):
    params, expected = problem(), problem()
    grads = gradients(params, 0)
    getattr(R, name)().update(expected, grads)
    getattr(M, name)().update(params, {**grads, "other": "not even an array"})
    assert set(params) == set(expected)
    for key, p in params.items():
        agree(p, expected[key])


@editions
@every
def test_a_gradient_of_a_shape_that_does_not_broadcast_fails_like_numpy(M, R, name):
    def run(module):
        getattr(module, name)().update({"W": np.ones((2, 3))}, {"W": np.ones((3, 2))})

    with pytest.raises(ValueError) as plain:
        run(R)
    with pytest.raises(ValueError) as ours:
        run(M)
    assert ours.type is plain.type


@editions
@every
def test_a_gradient_that_broadcasts_is_taken(M, R, name):
    params, expected = {"b": np.ones((1, 4))}, {"b": np.ones((1, 4))}
    plain, ours = getattr(R, name)(), getattr(M, name)()
    for _ in range(2):
        plain.update(expected, {"b": np.arange(4.0)})
        ours.update(params, {"b": np.arange(4.0)})
    agree(params["b"], expected["b"])


@editions
@every_with_state
def test_states_are_dictionaries_with_the_keys_of_the_parameters(M, R, name):
    params, optimizer = problem(), getattr(M, name)()
    optimizer.update(params, gradients(params, 0))
    for state in STATES[name]:
        assert list(getattr(optimizer, state)) == list(params)
        for key, p in params.items():
            assert getattr(optimizer, state)[key].shape == p.shape
            assert not np.shares_memory(getattr(optimizer, state)[key], p)


@editions
@every_with_state
def test_states_may_be_read_and_replaced(M, R, name):
    results = []
    for module in (R, M):
        params, optimizer = problem(), getattr(module, name)()
        for step in range(4):
            optimizer.update(params, gradients(params, step))
            for state in STATES[name]:
                states = getattr(optimizer, state)
                states["W1"] = 0.5 * states["W1"]
                states["b1"][0] = 0.25
        results.append(params)
    for key, p in results[0].items():
        agree(results[1][key], p)


@editions
def test_momentum_rebinds_its_velocity_each_step(M, R):
    params, optimizer = problem(), M.Momentum()
    optimizer.update(params, gradients(params, 0))
    first, kept = optimizer.v["W1"], optimizer.v["W1"].copy()
    optimizer.update(params, gradients(params, 1))
    assert optimizer.v["W1"] is not first
    identical(first, kept)


def test_momentum_velocity_takes_the_dtype_of_the_gradient():
    params = {"W": np.ones(3, np.float32)}
    optimizer = M.Momentum()
    optimizer.update(params, {"W": np.ones(3)})
    assert optimizer.v["W"].dtype == np.float64
    assert params["W"].dtype == np.float32


@editions
def test_adam_counts_its_steps(M, R):
    params, optimizer = problem(), M.Adam()
    for step in range(3):
        optimizer.update(params, gradients(params, step))
        assert optimizer.iter == step + 1


def test_epsilon_stands_beside_the_root():
    """For gradients as small as epsilon the places where it could stand differ."""
    g = 1e-7
    for name, expected in [
        ("AdaGrad", 0.01 * g / (g + 1e-7)),
        ("RMSprop", 0.01 * g / (np.sqrt(0.01) * g + 1e-7)),
        ("Adam", 0.001 * np.sqrt(0.001) / 0.1 * 0.1 * g / (np.sqrt(0.001) * g + 1e-7)),
    ]:
        params = {"x": np.array([1.0])}
        getattr(M, name)().update(params, {"x": np.array([g])})
        np.testing.assert_allclose(1 - params["x"], expected, rtol=1e-8)


def nesterov_path(module):
    params, optimizer, path = {"w": np.array([1.0])}, module.Nesterov(lr=0.1), []
    for _ in range(3):
        optimizer.update(params, {"w": 2 * params["w"]})
        path.append(params["w"][0])
    return np.array(path)


def test_nesterov_of_the_two_editions():
    for modules, expected in [((R, M), [0.62, 0.222, -0.108]), ((KR, KM), [0.458, 0.064, -0.169])]:
        np.testing.assert_allclose(nesterov_path(modules[0]), expected, atol=6e-4)
        agree(nesterov_path(modules[1]), nesterov_path(modules[0]))


@every
def test_one_sgd_serves_several_networks_and_state_is_kept_by_name(name):
    results = []
    for module in (R, M):
        optimizer = getattr(module, name)()
        networks = [problem(seed=0), problem(seed=10)]
        for step in range(3):
            for params in networks:
                optimizer.update(params, gradients(params, step))
        results.append(networks)
    for expected, got in zip(*results, strict=True):
        for key, p in expected.items():
            agree(got[key], p)


@every
def test_networks_with_more_keys_are_no_problem_for_sgd_and_a_key_error_for_the_others(name):
    optimizer, params = getattr(M, name)(), problem()
    optimizer.update(params, gradients(params, 0))
    params["W3"] = np.ones((3, 2))
    grads = gradients(params, 1)
    if name == "SGD":
        optimizer.update(params, grads)
        agree(params["W3"], 1 - 0.01 * grads["W3"])
    else:
        with pytest.raises(KeyError, match="W3"):
            optimizer.update(params, grads)


@every
def test_keys_may_leave_and_be_reordered(name):
    results = []
    for module in (R, M):
        optimizer, params = getattr(module, name)(), problem()
        optimizer.update(params, gradients(params, 0))
        params = {key: params[key] for key in ("b2", "W1")}
        optimizer.update(params, gradients(params, 1))
        results.append(params)
    for key, p in results[0].items():
        agree(results[1][key], p)


@every
def test_the_array_of_a_key_may_be_replaced(name):
    """load_params binds new arrays, of another order perhaps; the state goes on."""
    results = []
    for module in (R, M):
        optimizer, params = getattr(module, name)(), problem()
        optimizer.update(params, gradients(params, 0))
        params["W1"] = np.asfortranarray(2 * params["W1"])
        optimizer.update(params, gradients(params, 1))
        results.append(params)
    for key, p in results[0].items():
        agree(results[1][key], p)


@every
def test_parameters_that_overlap_with_their_gradient(name):
    params, expected = {"W": np.linspace(-1, 1, 7)}, {"W": np.linspace(-1, 1, 7)}
    getattr(R, name)().update(expected, {"W": expected["W"].copy()})
    getattr(M, name)().update(params, {"W": params["W"]})
    agree(params["W"], expected["W"])


@every
def test_not_a_number_stays_where_it_is(name):
    params, grads = {"W": np.ones(5)}, {"W": np.array([1.0, np.nan, 0.0, -1.0, 1.0])}
    expected = {"W": np.ones(5)}
    plain, ours = getattr(R, name)(), getattr(M, name)()
    for _ in range(2):
        plain.update(expected, grads)
        ours.update(params, grads)
    agree(params["W"], expected["W"])
    assert np.isnan(params["W"]).tolist() == [False, True, False, False, False]


@every
def test_infinite_gradients(name):
    params, expected = {"W": np.ones(3)}, {"W": np.ones(3)}
    grads = {"W": np.array([np.inf, -np.inf, 1.0])}
    with np.errstate(all="ignore"):
        getattr(R, name)().update(expected, grads)
        getattr(M, name)().update(params, grads)
    np.testing.assert_array_equal(params["W"][:2], expected["W"][:2])
    agree(params["W"][2], expected["W"][2])


@every
def test_read_only_parameters_fail_like_numpy(name):
    def run(module):
        p = np.ones(3)
        p.flags.writeable = False
        getattr(module, name)().update({"W": p}, {"W": np.ones(3)})

    same_error(lambda: run(R), lambda: run(M))


@every
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_copies_go_on_with_the_state(name, copied):
    optimizer, params = getattr(M, name)(), problem()
    optimizer.note = "mine"
    optimizer.update(params, gradients(params, 0))
    twin, other = copied(optimizer), copy.deepcopy(params)
    for step in (1, 2):
        optimizer.update(params, gradients(params, step))
        twin.update(other, gradients(other, step))
    assert twin.note == "mine"
    assert type(twin) is type(optimizer)
    for key, p in params.items():
        identical(other[key], p)


@every
def test_subclasses_extend_update(name):
    class Decayed(getattr(M, name)):
        def update(self, params, grads):
            super().update(params, grads)
            for p in params.values():
                p *= 0.5

    params, expected = problem(), problem()
    grads = gradients(params, 0)
    optimizer = Decayed()
    assert isinstance(optimizer, getattr(M, name))
    optimizer.update(params, grads)
    getattr(M, name)().update(expected, grads)
    for key, p in params.items():
        identical(p, 0.5 * expected[key])


@every
@pytest.mark.parametrize("kind", [np.int64, np.float16, bool, "scalar", "python"])
def test_gradients_of_other_kinds(name, kind):
    g = (
        {"scalar": np.float64(0.5), "python": 0.5}[kind]
        if isinstance(kind, str)
        else numbers(1, (4, 3), kind)
    )
    params, expected = {"W": np.ones((4, 3))}, {"W": np.ones((4, 3))}
    plain, ours = getattr(R, name)(), getattr(M, name)()
    for _ in range(2):
        plain.update(expected, {"W": g})
        ours.update(params, {"W": g})
    agree(params["W"], expected["W"], inputs=[np.asarray(g)])


@every
@pytest.mark.parametrize("lr", [1, np.float32(0.1), np.array(0.1), np.array([0.1, 0.2, 0.3])], ids=repr)
def test_learning_rates_of_other_kinds(name, lr):
    params, expected = {"W": np.ones((4, 3))}, {"W": np.ones((4, 3))}
    grads = {"W": numbers(1, (4, 3), np.float64)}
    plain, ours = getattr(R, name)(lr=lr), getattr(M, name)(lr=lr)
    for _ in range(2):
        plain.update(expected, grads)
        ours.update(params, grads)
    agree(params["W"], expected["W"], inputs=[lr])


@every
def test_half_precision_parameters(name):
    params, expected = {"W": np.ones((4, 3), np.float16)}, {"W": np.ones((4, 3), np.float16)}
    grads = {"W": numbers(1, (4, 3), np.float16)}
    getattr(R, name)().update(expected, grads)
    getattr(M, name)().update(params, grads)
    agree(params["W"], expected["W"])


def test_adam_goes_on_from_a_count_that_was_set():
    results = []
    for module in (R, M):
        params, optimizer = problem(), module.Adam()
        optimizer.iter = 50
        for step in range(2):
            optimizer.update(params, gradients(params, step))
        results.append(params)
    for key, p in results[0].items():
        agree(results[1][key], p)


@every
def test_one_array_under_two_keys_is_updated_twice(name):
    results = []
    for module in (R, M):
        shared = np.linspace(-1, 1, 6)
        params, optimizer = {"W1": shared, "W2": shared}, getattr(module, name)()
        for _ in range(2):
            optimizer.update(params, {"W1": np.ones(6), "W2": np.arange(6.0)})
        results.append(shared)
    agree(results[1], results[0])


@pytest.mark.parametrize("module", ["nnfast.compat.dlfs.optimizer", "nnfast.compat.dlfs.kr.optimizer"])
def test_the_star_import_brings_np(module):
    names = {}
    exec(f"from {module} import *", names)
    assert names["np"] is np
    assert set(SETTINGS) <= set(names)
