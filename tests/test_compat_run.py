"""`nnfast run`, install and uninstall: a learner's project on the stand-ins, whole or in part."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

import nnfast.compat
import numpy as np
import pytest
from nnfast.compat import _hook, _match, _runner

COURSES = pathlib.Path(__file__).parent / "courses"
SAMPLE = pathlib.Path(nnfast.__file__).parent / "data" / "mnist_sample"


def nnfast_run(*arguments, cwd=None, check=0):
    """`python -m nnfast run ...` in a process of its own."""
    command = [sys.executable, "-m", "nnfast", "run", *map(str, arguments)]
    environment = {**os.environ, "COURSE_MNIST": str(SAMPLE), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment)
    assert done.returncode == check, done.stderr
    return done


@pytest.fixture
def project(tmp_path):
    """A copy of the learner's project that may be edited."""
    shutil.copytree(COURSES / "dlfs", tmp_path / "dlfs")
    return tmp_path / "dlfs"


@pytest.fixture
def forget():
    """install() and what it leaves are gone after the test."""

    def courses():
        return {
            name
            for name in sys.modules
            if re.match(r"(common|dataset|cs231n|network2?|mnist_loader)\b", name)
        }

    path, before = sys.path.copy(), courses()
    yield
    nnfast.compat.uninstall()
    sys.path[:] = path
    for name in courses() - before:
        del sys.modules[name]


# ---- Scripts print the same with NumPy and with nnfast

SCRIPTS = [
    "dlfs/ch04/gradient_simplenet.py",
    "dlfs/ch04/train_neuralnet.py",
    "dlfs/ch05/buy_apple.py",
    "dlfs/ch05/buy_apple_orange.py",
    "dlfs/ch05/train_neuralnet.py 1000 100 50 5000",
    "dlfs/ch06/batch_norm_test.py",
    "dlfs/ch06/hyperparameter_optimization.py",
    "dlfs/ch06/optimizer_compare_mnist.py",
    "dlfs/ch06/optimizer_compare_naive.py",
    "dlfs/ch06/overfit_dropout.py",
    "dlfs/ch06/overfit_weight_decay.py",
    "dlfs/ch06/weight_init_compare.py",
    "dlfs/ch07/apply_filter.py",
    "dlfs/ch07/train_convnet.py",
    "dlfs/ch08/half_float_network.py",
    "dlfs/ch08/misclassified_mnist.py",
    "dlfs/ch08/train_deepnet.py",
    "cs231n/two_layer_net.py",
    "cs231n/fully_connected.py",
    "cs231n/batch_normalization.py",
    "cs231n/dropout.py",
    "cs231n/convnet.py",
    "nielsen/run_network.py",
    "nielsen/run_network2.py",
]
# Differences of differences: noise, which is another one for another order of summation.
CHECKS = [
    "dlfs/ch05/gradient_check.py",
    "dlfs/ch06/batch_norm_gradient_check.py",
    "dlfs/ch07/gradient_check.py",
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_prints_the_same_text(script, tmp_path):
    name, *arguments = script.split()
    course = name.partition("/")[0]
    shutil.copytree(COURSES / course, tmp_path / course)
    done = nnfast_run("--compare", tmp_path / name, *arguments)
    assert "the same output" in done.stderr
    assert "keeps your" not in done.stderr
    assert len(done.stdout.splitlines()) >= 3
    # Accuracies to the last digit: lines without a loss differ in nothing.
    plain = nnfast_run("--numpy", "--seed", 0, tmp_path / name, *arguments).stdout.splitlines()
    for ours, theirs in zip(done.stdout.splitlines(), plain, strict=True):
        if "acc" in ours.lower() and "loss" not in ours.lower():
            assert ours == theirs


def test_weights_in_fortran_order(project):
    nnfast_run("--quiet", project / "ch03/make_sample_weight.py")
    done = nnfast_run("--compare", project / "ch03/neuralnet_mnist.py")
    assert "the same output, 4 lines\n" in done.stderr


@pytest.mark.parametrize("script", CHECKS)
def test_gradient_checks_find_nothing(script, tmp_path):
    shutil.copytree(COURSES / "dlfs", tmp_path / "dlfs")
    ours = nnfast_run("--quiet", tmp_path / script).stdout.splitlines()
    theirs = nnfast_run("--numpy", tmp_path / script).stdout.splitlines()
    assert len(ours) == len(theirs) >= 4
    for line, other in zip(ours, theirs, strict=True):
        name, value = re.split(r"[: ]", line, maxsplit=1)
        assert re.split(r"[: ]", other, maxsplit=1)[0] == name
        # A kink of ReLU is the same kink; the rest is rounding.
        assert float(value) == pytest.approx(
            float(re.split(r"[: ]", other, maxsplit=1)[1]), rel=0.01, abs=1e-8
        )


def test_the_korean_edition(tmp_path):
    shutil.copytree(COURSES / "dlfs", tmp_path / "dlfs")
    shutil.copytree(COURSES / "dlfs_kr", tmp_path / "dlfs", dirs_exist_ok=True)
    done = nnfast_run("--compare", tmp_path / "dlfs/ch06/optimizer_compare_mnist.py")
    assert "the same output" in done.stderr
    script = tmp_path / "dlfs/ch06/nesterov.py"
    script.write_text(
        textwrap.dedent("""
            import sys, os
            sys.path.append(os.pardir)
            from common.optimizer import *
            from common.functions import *
            params, opt = {"w": np.array([1.0])}, Nesterov(lr=0.1)
            for _ in range(3):
                opt.update(params, {"w": 2 * params["w"]})
                print(params["w"])
        """)
    )
    done = nnfast_run("--compare", script)
    assert "the same output, 3 lines" in done.stderr
    assert done.stdout.split() == ["[0.458]", "[0.06424]", "[-0.16913968]"] or "0.458" in done.stdout
    assert "Nesterov" in nnfast_run(script).stderr


def test_what_crashes_in_the_korean_edition_works(tmp_path):
    script = tmp_path / "crash.py"
    script.write_text(
        textwrap.dedent("""
            from common.functions import *
            from common.trainer import Trainer
            print(step_function(np.array([-1.0, 2.0])), relu_grad(np.array([-1.0, 2.0])))
            print(mean_squared_error(np.array([1.0, 2.0]), np.array([0.0, 0.0])))
            class Net:
                params = {}
            x = np.zeros((2, 2))
            print(type(Trainer(Net(), x, x, x, x, optimizer="rmsprop").optimizer).__name__)
        """)
    )
    assert nnfast_run("--course", "dlfs-kr", script).stdout == "[0 1] [0. 1.]\n2.5\nRMSprop\n"


# ---- What is replaced, and what is left


def test_what_is_edited_stays(project):
    layers = project / "common/layers.py"
    text = layers.read_text()
    # A leaky Relu: the same signature, other results.
    text = text.replace("y[self.mask] = 0", "y[self.mask] *= 0.01")
    assert "*= 0.01" in text
    layers.write_text(text)
    optimizer = project / "common/optimizer.py"
    optimizer.write_text(
        optimizer.read_text().replace("class SGD:\n", "class SGD:\n    def reset(self):\n        pass\n\n")
    )
    script = project / "ch06/optimizer_compare_mnist.py"
    done = nnfast_run("--compare", script)
    assert "the same output" in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "common.layers keeps" in line]
    assert line.endswith("common.layers keeps your Relu (other results)")
    assert "common.optimizer keeps your SGD (other signature)" in done.stderr
    assert "MultiLayerNet (uses your Relu)" in done.stderr or "MultiLayerNet (other results)" in done.stderr
    replaced = next(line for line in done.stderr.splitlines() if "nnfast: common.layers:" in line)
    assert "Affine" in replaced
    assert "Relu" not in replaced


def test_a_class_that_uses_an_edited_function_stays(project):
    functions = project / "common/functions.py"
    text = functions.read_text()
    functions.write_text(text + "\n\ndef sigmoid(x):\n    return 0.5 * np.tanh(0.5 * x) + 0.5 + 1e-3\n")
    script = project / "ch06/uses.py"
    script.write_text("import sys, os\nsys.path.append(os.pardir)\nfrom common.layers import *\nprint(1)\n")
    done = nnfast_run(script)
    assert "common.functions keeps your sigmoid (other results)" in done.stderr
    assert "sigmoid_grad (" in done.stderr
    assert re.search(r"common.layers keeps your Sigmoid \((other results|uses your sigmoid)\)", done.stderr)


def test_printed_text_counts_as_behaviour(project):
    trainer = project / "common/trainer.py"
    text = trainer.read_text()
    assert '"train loss:"' in text
    trainer.write_text(text.replace('"train loss:"', '"my loss: "'))
    done = nnfast_run(project / "ch06/hyperparameter_optimization.py")
    assert "common.trainer keeps your Trainer (other results)" in done.stderr


EDITS = {
    "Affine that keeps more": (
        "layers",
        "self.x = x.reshape",
        "self.seen = x\n        self.x = x.reshape",
        "Affine",
    ),
    "epsilon of Adam": ("optimizer", "1e-7", "1e-8", "Adam"),
    "a mean": (
        "functions",
        "return 0.5 * np.sum((y - t) ** 2)",
        "return np.sum((y - t) ** 2) / len(y)",
        "sum_squared",
    ),
    "one more activation": (
        "multi_layer_net",
        '"relu": Relu',
        '"tanh": Sigmoid, "relu": Relu',
        "MultiLayerNet",
    ),
    "another scale": ("multi_layer_net", "np.sqrt(1.0 /", "np.sqrt(1.5 /", "MultiLayerNet"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_small_edits_are_noticed(project, edit):
    name, old, new, kept = EDITS[edit]
    path = project / "common" / f"{name}.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    script = project / "ch06/edited.py"
    script.write_text(f"import sys, os\nsys.path.append(os.pardir)\nimport common.{name}\n")
    assert re.search(rf"common\.{name} keeps your .*{kept}", nnfast_run(script).stderr)


def test_softmax_without_the_shift_is_noticed(project):
    path = project / "common/functions.py"
    path.write_text(
        path.read_text() + "\n\ndef softmax(x):\n    return (np.exp(x).T / np.exp(x).sum(axis=-1)).T\n"
    )
    script = project / "ch06/edited.py"
    script.write_text("import sys, os\nsys.path.append(os.pardir)\nimport common.functions\n")
    assert re.search(r"common\.functions keeps your .*softmax \(other results\)", nnfast_run(script).stderr)


def test_a_failed_run_is_not_compared(tmp_path):
    script = tmp_path / "fails.py"
    script.write_text("raise SystemExit(3)\n")
    done = nnfast_run("--compare", script, check=3)
    assert "ended with exit code 3" in done.stderr
    assert "same output" not in done.stderr
    assert "times as fast" not in done.stderr


def test_functions_of_ones_own_are_not_touched(project):
    layers = project / "common/layers.py"
    layers.write_text(
        layers.read_text() + "\n\nclass Tanh:\n    def forward(self, x):\n        return np.tanh(x)\n"
    )
    script = project / "ch05/own.py"
    script.write_text(
        "import sys, os\nsys.path.append(os.pardir)\nfrom common.layers import *\n"
        "print(Tanh.__module__, Relu.__module__, np.__name__)\n"
    )
    assert nnfast_run(script).stdout == "common.layers nnfast.compat.dlfs.layers numpy\n"


def test_a_script_without_a_project(tmp_path):
    script = tmp_path / "alone.py"
    script.write_text(
        "from common.multi_layer_net import MultiLayerNet\nimport common.optimizer as o\n"
        "print(MultiLayerNet.__module__, o.SGD.__module__, o.np.__name__)\n"
    )
    done = nnfast_run(script)
    assert done.stdout == "nnfast.compat.dlfs.multi_layer_net nnfast.compat.dlfs.optimizer numpy\n"
    assert "common.optimizer: all of it is nnfast's" in done.stderr


def test_a_default_that_the_user_has_changed_stays(project):
    optimizer = project / "common/optimizer.py"
    optimizer.write_text(optimizer.read_text().replace("lr=0.01, momentum=0.9", "lr=0.5, momentum=0.8"))
    layers = project / "common/layers.py"
    layers.write_text(layers.read_text().replace("pool_w, stride=2", "pool_w, stride=1"))
    script = project / "ch06/defaults.py"
    script.write_text(
        "import sys, os\nsys.path.append(os.pardir)\nfrom common.layers import *\n"
        "from common.optimizer import *\nimport pickle\n"
        "momentum, pool = Momentum(), pickle.loads(pickle.dumps(Pooling(2, 2)))\n"
        "print(momentum.lr, momentum.momentum, pool.stride, Momentum.__mro__[1], Pooling.__mro__[1])\n"
    )
    done = nnfast_run(script)
    assert "keeps" not in done.stderr
    assert done.stdout == (
        "0.5 0.8 1 <class 'nnfast.compat.dlfs.optimizer.Momentum'> <class 'nnfast.compat.dlfs.layers.Pooling'>\n"
    )


# ---- The process that the script sees


def test_arguments_folder_and_exit_code(tmp_path):
    script = tmp_path / "sub" / "script.py"
    script.parent.mkdir()
    (script.parent / "beside.py").write_text("value = 42\n")
    script.write_text(
        textwrap.dedent("""
            import os, sys
            from beside import value
            print(sys.argv, os.path.basename(os.getcwd()), os.path.basename(sys.path[0]), __name__, value)
            print(os.path.basename(__file__), sys.modules["__main__"].value)
            import pickle
            class Here: pass
            print(type(pickle.loads(pickle.dumps(Here()))).__name__)
            sys.exit(7)
        """)
    )
    done = nnfast_run(script, "a", "--b", "-1", cwd=tmp_path, check=7)
    assert done.stdout.splitlines() == [
        "['script.py', 'a', '--b', '-1'] sub sub __main__ 42",
        "script.py 42",
        "Here",
    ]
    assert "nothing was replaced" in done.stderr
    assert not nnfast_run("--quiet", script, cwd=tmp_path, check=7).stderr


def test_errors_look_like_pythons(tmp_path):
    script = tmp_path / "fails.py"
    script.write_text("def f():\n    raise KeyError('no')\n\nf()\n")
    done = nnfast_run(script, check=1)
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert 'File "fails.py", line 4, in <module>' in lines[1]
    assert "KeyError: 'no'" in lines
    script.write_text("import sys\nsys.exit('stopped')\n")
    assert nnfast_run(script, check=1).stderr.startswith("stopped\n")


def test_no_such_script(tmp_path):
    done = nnfast_run(tmp_path / "missing.py", check=2)
    assert done.stderr.endswith("missing.py: No such file or directory\n")
    assert len(done.stderr.splitlines()) == 1


def test_seed(tmp_path):
    script = tmp_path / "draws.py"
    script.write_text("import numpy as np, random\nprint(np.random.rand(), random.random())\n")
    one, two, other = (nnfast_run("--seed", seed, script).stdout for seed in (3, 3, 4))
    assert one == two != other
    done = nnfast_run("--compare", script)
    assert "the same output, 1 lines" in done.stderr


def test_compare_tells_the_first_difference(project):
    script = project / "ch05/differs.py"
    script.write_text(
        "import sys, os\nsys.path.append(os.pardir)\nfrom common.layers import Relu\nprint('same')\n"
        "print(Relu.__module__)\nprint('later')\n"
    )
    done = nnfast_run("--compare", script, check=1)
    assert done.stdout == "same\nnnfast.compat.dlfs.layers\nlater\n"
    assert "line 2 differs\n  NumPy:  common.layers\n  nnfast: nnfast.compat.dlfs.layers\n" in done.stderr
    assert re.search(r"NumPy \d+\.\d\d s, nnfast \d+\.\d\d s", done.stderr)


@pytest.mark.parametrize(
    ("theirs", "ours", "difference", "rounded"),
    [
        (["loss 0.5"], ["loss 0.5"], "", 0),
        (["loss 0.500000000000001 a"], ["loss 0.500000000000002 a"], "", 1),
        (["loss 0.5"], ["loss 0.5001"], "line 1 differs", 0),
        (["a"], ["a", "b"], "NumPy prints 1 lines, nnfast 2", 0),
        (["nan 1"], ["nan 1.0000000000001"], "", 1),
        (["loss: 1.406211"], ["loss: 1.406210"], "", 1),
        (["acc 0.9012"], ["acc 0.9013"], "line 1 differs", 0),
        (["W1:1.1516785e-10"], ["W1:1.1518342e-10"], "", 1),
    ],
)
def test_lines_are_compared_up_to_rounding(theirs, ours, difference, rounded):
    found, count = _runner.compare(theirs, ours)
    assert found.startswith(difference)
    assert bool(found) == bool(difference)
    assert count == rounded


@pytest.mark.parametrize(
    ("text", "course"),
    [
        ("from common.layers import *", "dlfs"),
        ("import common.trainer", "dlfs"),
        ("from cs231n.classifiers.fc_net import *", "cs231n"),
        ("from cs231n import optim", "cs231n"),
        ("def f():\n    import network2", "nielsen"),
        ("import beside", "cs231n"),
        ("import os", None),
        ("print 'Python 2'", None),
    ],
)
def test_the_course_is_seen_from_the_imports(tmp_path, text, course):
    (tmp_path / "beside.py").write_text("from cs231n.solver import Solver\n")
    script = tmp_path / "script.py"
    script.write_text(text + "\n")
    assert _runner.detect(script) == course


# ---- install and uninstall


def test_install_puts_stand_ins_where_there_is_nothing(forget):
    nnfast.compat.install("dlfs")
    import common.layers
    from common.functions import sigmoid

    assert common.layers.Affine.__module__ == "nnfast.compat.dlfs.layers"
    assert sigmoid(np.zeros(1)) == 0.5
    nnfast.compat.uninstall()
    assert "common.layers" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        import common.layers


def test_install_reaches_what_is_imported_and_uninstall_puts_it_back(forget):
    sys.path.insert(0, str(COURSES / "dlfs"))
    import common.layers
    import common.optimizer

    own = common.layers.Affine
    nnfast.compat.install()
    assert common.layers.Affine.__module__ == "nnfast.compat.dlfs.layers"
    assert common.optimizer.Adam.__module__ == "nnfast.compat.dlfs.optimizer"
    nnfast.compat.uninstall()
    assert common.layers.Affine is own
    assert not any(isinstance(finder, _hook.Hook) for finder in sys.meta_path)


def test_without_a_course_nothing_is_made_up(forget):
    nnfast.compat.install()
    with pytest.raises(ModuleNotFoundError):
        import common.layers  # noqa: F401
    with pytest.raises(ModuleNotFoundError):
        import network2  # noqa: F401


def test_install_twice_is_install_once(forget):
    nnfast.compat.install("dlfs")
    nnfast.compat.install("cs231n")
    assert sum(isinstance(finder, _hook.Hook) for finder in sys.meta_path) == 1
    import cs231n.optim

    assert cs231n.optim.sgd.__module__ == "nnfast.compat.cs231n.optim"
    nnfast.compat.uninstall()
    nnfast.compat.uninstall()


def test_unknown_course(forget):
    with pytest.raises(
        ValueError, match=r"course is 'fastai'; expected one of 'dlfs', 'dlfs-kr', 'cs231n', 'nielsen'"
    ):
        nnfast.compat.install("fastai")


def test_notebook_extension(forget):
    sys.path.insert(0, str(COURSES / "dlfs"))
    nnfast.load_ipython_extension(None)
    from common.layers import Relu

    assert Relu.__module__ == "nnfast.compat.dlfs.layers"
    nnfast.unload_ipython_extension(None)


def test_probes_leave_random_numbers_and_warnings_alone(forget):
    np.random.seed(5)
    state = np.random.get_state()[1].copy()
    sys.path.insert(0, str(COURSES / "dlfs"))
    nnfast.compat.install("dlfs")
    import common.multi_layer_net_extend
    import common.trainer  # noqa: F401

    np.testing.assert_array_equal(np.random.get_state()[1], state)


# ---- Signatures and results


def test_signatures():
    def f(x, y=1):
        pass

    def g(x, y=2):
        pass

    class A:
        def forward(self, x):
            pass

    class B(A):
        def _private(self):
            pass

    class C(A):
        def extra(self):
            pass

    class D(A):
        def __call__(self):
            pass

    assert _match.signature_of(f) == _match.signature_of(g)
    assert _match.signature_of(f) != _match.signature_of(lambda x, z=1: None)
    assert _match.signature_of(A) == _match.signature_of(B)
    assert len({repr(_match.signature_of(cls)) for cls in (A, C, D)}) == 3


def test_results_are_compared():
    def found(theirs):
        ours = {"f": lambda: np.array([1.0, 2.0])}
        return _match.behaviour(lambda m: m.f(), {"f": theirs}, ours)

    assert found(lambda: np.array([1.0, 2.0])) == ""
    assert found(lambda: np.array([1.0, 2.0 + 1e-7])) == ""
    assert found(lambda: np.array([1.0, 2.1])) == "other results"
    assert found(lambda: np.array([1.0, 2.0], np.float32)) == "other results"
    assert found(lambda: np.array([[1.0, 2.0]])) == "other results"
    assert found(lambda: None) == "other results"
    assert found(lambda: print("x") or np.array([1.0, 2.0])) == "other results"
    assert found(lambda: 1 / 0) == "an error"
