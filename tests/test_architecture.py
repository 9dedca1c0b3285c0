"""What the source tree, the objects and the wheel must look like; HACKING.md says why."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nnfast
import pytest
from nnfast import _core

ROOT = Path(__file__).resolve().parents[1]
CPP = ROOT / "cpp"
SOURCES = sorted(p for p in CPP.rglob("*") if p.suffix in {".cpp", ".hpp"})
CORE = [p for p in SOURCES if CPP / "tests" not in p.parents]

pytestmark = pytest.mark.skipif(not SOURCES, reason="not in a source tree")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def includes(path: Path) -> list[str]:
    """What the file includes, in its own spelling: <vector> or "gemm/blocking.hpp"."""
    return re.findall(r"^\s*#\s*include\s*([<\"][^>\"]+[>\"])", path.read_text(), re.MULTILINE)


def part_of(path: Path) -> str:
    """include, bindings, parallel, or the folder in src/."""
    parts = path.relative_to(CPP).parts
    if parts[0] != "src":
        return parts[0]
    return parts[1] if len(parts) > 2 else path.stem


# bindings -> include/nnfast <- ops, network -> gemm -> dispatch -> kernels/table
ALLOWED = {
    "include": {"include"},
    "bindings": {"bindings", "include"},
    "network": {"network", "ops", "gemm", "dispatch", "table", "include"},
    "ops": {"ops", "gemm", "dispatch", "subnormals", "table", "include"},
    "gemm": {"gemm", "dispatch", "subnormals", "table", "include"},
    "dispatch": {"dispatch", "table", "include"},
    "kernels": {"kernels", "table", "include"},
    "parallel": {"patience", "subnormals", "include"},
    "patience": {"include"},
    "subnormals": {"include"},
    "memory": {"include"},
}


def target_of(path: Path, spelled: str) -> str:
    """The part that an include with quotes leads to."""
    for base in (CPP / "include", CPP / "src", path.parent):
        file = base / spelled
        if file.exists():
            inside = file.resolve().relative_to(CPP)
            if inside.parts[:3] == ("src", "kernels", "table") or inside.name == "kernel_table.hpp":
                return "table"
            return part_of(CPP / inside)
    raise AssertionError(
        f'{name_of(path)} includes "{spelled}", which is neither in cpp/include nor in cpp/src'
    )


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_includes_point_one_way(path):
    allowed = ALLOWED[part_of(path)]
    for spelled in includes(path):
        if spelled.startswith('"'):
            target = target_of(path, spelled.strip('"'))
            assert target in allowed, (
                f"{name_of(path)} may include {sorted(allowed)}, not {spelled} ({target})"
            )


def test_every_part_is_there():
    assert {part_of(p) for p in CORE} >= set(ALLOWED)


def test_only_bindings_know_python():
    users = {name_of(p) for p in CORE for i in includes(p) if i.startswith(("<pybind11", "<Python"))}
    assert users
    assert {u for u in users if not u.startswith("cpp/bindings/")} == set()


def test_only_parallel_knows_openmp():
    pattern = re.compile(r"^\s*#\s*(include\s*<omp|pragma\s+omp)|\bomp_\w+\s*\(", re.MULTILINE)
    assert {name_of(p) for p in SOURCES if pattern.search(p.read_text())} == {"cpp/src/parallel.cpp"}


def test_no_global_openmp_setters():
    text = (CPP / "src" / "parallel.cpp").read_text()
    assert "num_threads(" in text
    assert re.findall(r"\bomp_set_\w+", text) == []


def test_only_vec_names_instructions():
    users = {name_of(p) for p in CORE for i in includes(p) if re.search(r"intrin\.h|arm_neon\.h", i)}
    assert users == {"cpp/src/kernels/vec.hpp"}


def test_kernels_use_no_standard_library():
    """An inline function of the library is a weak symbol: the linker may keep the AVX-512 copy for everybody."""
    harmless = {"<cstddef>", "<cstdint>", "<climits>", "<type_traits>", "<immintrin.h>", "<arm_neon.h>"}
    kernels = [p for p in CORE if part_of(p) == "kernels"]
    assert kernels
    for path in kernels:
        system = {i for i in includes(path) if i.startswith("<")}
        assert system <= harmless, f"{name_of(path)} includes {sorted(system - harmless)}"
    reached = {
        (CPP / "include" / i.strip('"')) for p in kernels for i in includes(p) if i.startswith('"nnfast/')
    }
    for path in reached:
        system = {i for i in includes(path) if i.startswith("<")}
        assert system <= harmless, (
            f"{name_of(path)}, which kernels include, includes {sorted(system - harmless)}"
        )


def test_build_flags_keep_rounding():
    text = (ROOT / "CMakeLists.txt").read_text()
    assert "-ffp-contract=off" in text
    for flag in ("fast-math", "-Ofast", "march=native", "funsafe", "ffinite-math", "fassociative"):
        assert flag not in text


def tracked_files() -> list[Path]:
    """The project's own text files: what git knows, or else what is in the source folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [n for n in listed.stdout.split("\0") if n] if listed.returncode == 0 else []
    files = [ROOT / n for n in names] or [
        p for d in ("cpp", "python", "tests", "benchmarks", "tools", ".ci") for p in (ROOT / d).rglob("*")
    ]
    text = {".cpp", ".hpp", ".py", ".pyi", ".md", ".toml", ".txt", ".json", ".yaml", ".yml", ""}
    return [p for p in files if p.is_file() and p.suffix in text]


def test_no_paths_of_one_machine():
    somebodys = re.compile(r"(?<![\w.$}-])/" + r"(home|root|Users|work|farm|tmp/w)/\w")
    found = {
        f"{name_of(p)}: {line.strip()}"
        for p in tracked_files()
        for line in p.read_text(errors="replace").splitlines()
        if somebodys.search(line)
    }
    assert found == set()


def test_files_stay_short():
    files = [
        p
        for p in tracked_files()
        if p.suffix in {".cpp", ".hpp", ".py"} and p.parts[len(ROOT.parts)] != "tests"
    ]
    assert files
    assert {name_of(p): n for p in files if (n := len(p.read_text().splitlines())) > 600} == {}


@pytest.mark.slow
def test_coefficients_are_what_their_tool_makes():
    pytest.importorskip("mpmath")
    tool = CPP / "tools" / "make_coefficients.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_versions_agree():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert nnfast.__version__ == _core.__version__ == version
    assert (
        re.search(r"project\(nnfast .*VERSION ([\d.]+)\)", (ROOT / "CMakeLists.txt").read_text())[1]
        == version
    )
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


# what import does


def run_python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


FLUSHED = """
import threading
import numpy as np
tiny = np.nextafter(np.float64(0), np.float64(1)), np.nextafter(np.float32(0), np.float32(1))
def flushed():
    return [bool(t * type(t)(1) == 0) or bool(np.array([t, t])[0] / 1 == 0) for t in tiny]
before = flushed()
import nnfast
from nnfast import _core
after = flushed()
_core.set_num_threads(2)
x = np.full((2000, 300), 1e-42, np.float32)
y = _core.activation(_core.ACTIVATIONS["relu"], x)
z = _core.gemm(x, np.eye(300, dtype=np.float32))
later = flushed()
others = []
thread = threading.Thread(target=lambda: others.extend(flushed()))
thread.start(); thread.join()
print(before, after, later, others, bool((y == x).all()), bool((z == 0).all()))
"""


def test_denormals_stay_after_import():
    kept = [False, False]
    assert run_python(FLUSHED, OMP_NUM_THREADS="2") == f"{kept} {kept} {kept} {kept} True True"


def test_import_is_light():
    """Only NumPy and the standard library come along, and of that nothing that costs tens of milliseconds."""
    code = "import sys, numpy; before = set(sys.modules); import nnfast; print(*sorted(set(sys.modules) - before))"
    new = set(run_python(code).split())
    heavy = (
        "matplotlib torch scipy sklearn pandas tqdm safetensors urllib.request http.client argparse asyncio"
    )
    assert new & set(heavy.split()) == set()


@pytest.mark.slow
def test_import_is_quick():
    """At most 30 ms of processor time more than NumPy alone; the best of eleven tries."""
    clock = "time.process_time()"
    code = f"import numpy, time; t = {clock}; import nnfast; print(({clock} - t) * 1e3)"
    assert min(float(run_python(code)) for _ in range(11)) <= 30.0


# the objects of the instruction sets


@pytest.fixture(scope="module")
def isa_objects(tmp_path_factory):
    """{isa: object files}, built as the wheel builds them."""
    cmake = shutil.which("cmake")
    if cmake is None or shutil.which("nm") is None or shutil.which("objdump") is None:
        pytest.skip("needs cmake, nm and objdump")
    build = tmp_path_factory.mktemp("objects")
    options = ["-DNNFAST_PYTHON=OFF", "-DNNFAST_TESTS=OFF", "-DCMAKE_BUILD_TYPE=Release"]
    subprocess.run([cmake, "-S", ROOT, "-B", build, *options], check=True, capture_output=True)
    targets = [f"kernels_{isa}" for isa in _core.compiled_isas()]
    subprocess.run(
        [cmake, "--build", build, "-j", "2", "--target", *targets], check=True, capture_output=True
    )
    return {isa: sorted(build.glob(f"CMakeFiles/kernels_{isa}.dir/**/*.o")) for isa in _core.compiled_isas()}


def output_of(tool: str, *arguments: str | Path) -> str:
    return subprocess.run([tool, *arguments], check=True, capture_output=True, text=True).stdout


def symbols(files: list[Path], *options: str) -> list[tuple[str, str]]:
    """(type, name) of the objects' symbols."""
    text = output_of("nm", *options, *files)
    return [(m[1], m[2]) for m in re.finditer(r"^[0-9a-f ]{16} (\S) (.+)$", text, re.MULTILINE)]


@pytest.mark.slow
def test_isa_objects_export_tables_only(isa_objects):
    for isa, files in isa_objects.items():
        assert len(files) == len(list((CPP / "src" / "kernels").glob("*.cpp")))
        exported = symbols(files, "--demangle", "--extern-only", "--defined-only")
        assert f"nnfast::{isa}::tables" in {name for _, name in exported}
        for kind, name in exported:
            assert re.fullmatch(rf"nnfast::{isa}::(tables|[a-z_]+_f(32|64))", name), (isa, name)
            assert kind in "RD", (isa, name, kind)  # data; D: constant once the loader has put addresses in


@pytest.mark.slow
def test_isa_objects_have_nothing_weak_and_need_nothing(isa_objects):
    for isa, files in isa_objects.items():
        found = symbols(files)
        assert [name for kind, name in found if kind in "wWvVu"] == [], isa
        needed = {name for kind, name in found if kind == "U"} - {name for kind, name in found if kind != "U"}
        # what a compiler may put in place of a loop or an initialiser
        assert needed <= {"memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_"}, isa


@pytest.mark.slow
def test_isa_objects_run_nothing_at_start(isa_objects):
    """An initialiser would run before the instruction set is chosen."""
    for isa, files in isa_objects.items():
        sections = output_of("objdump", "-h", *files)
        assert ".text" in sections
        assert re.findall(r"\.(?:init_array|ctors|preinit_array)\S*", sections) == [], isa
        assert [name for _, name in symbols(files) if "_GLOBAL__sub_I" in name] == [], isa


@pytest.mark.slow
def test_isa_objects_hold_no_wider_registers(isa_objects):
    forbidden = {"avx2": "zmm", "sse42": "[yz]mm"}
    checked = 0
    for isa in forbidden.keys() & isa_objects.keys():
        code = output_of("objdump", "-d", *isa_objects[isa])
        assert re.search(rf"%{forbidden[isa]}\d", code) is None, isa
        checked += 1
    if not checked:
        pytest.skip("not an x86-64 build")


MODE = """
import ctypes, threading
import numpy as np
libm = ctypes.CDLL("libm.so.6")
def mode():
    environment = (ctypes.c_uint32 * 8)()  # fenv_t: the control word of the x87, ..., MXCSR
    libm.fegetenv(environment)
    return environment[0] & 0xFFFF, environment[7] & ~0x3F  # without the flags of what has happened
modes = [mode()]
import nnfast
from nnfast import _core
modes.append(mode())
def job():
    x = np.full((2000, 300), 1e-42, np.float32)
    for threads in (1, 2):
        _core.set_num_threads(threads)
        _core.gemm(x, np.eye(300, dtype=np.float32))
        nnfast.Adam().update({"x": x}, {"x": x.copy()})
        modes.append(mode())
job()
thread = threading.Thread(target=job)
thread.start(); thread.join()
print(len(set(modes)), len(modes))
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64",
    reason="knows where fenv_t has MXCSR",
)
def test_module_leaves_the_floating_point_mode_alone():
    """Products and updates switch it for themselves (subnormals.hpp) and back again; nothing switches it for others."""
    assert run_python(MODE, OMP_NUM_THREADS="2") == "1 6"


@pytest.mark.slow
def test_module_does_not_touch_the_x87():
    if shutil.which("objdump") is None:
        pytest.skip("needs objdump")
    code = subprocess.run(
        ["objdump", "-d", _core.__file__], check=True, capture_output=True, text=True
    ).stdout
    assert len(code) > 10000
    assert re.findall(r"\bfldcw\b", code) == []


# the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that NNFAST_WHEEL names, or one made now."""
    given = os.environ.get("NNFAST_WHEEL")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_wheel_is_small(wheel):
    assert wheel.stat().st_size <= 3_000_000


@pytest.mark.slow
def test_wheel_holds_what_it_needs_and_no_more(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        binary = archive.read(next(n for n in names if re.fullmatch(r"nnfast/_core\.[^/]*so", n)))
        metadata = archive.read(next(n for n in names if n.endswith(".dist-info/METADATA"))).decode()
    modules = {p.relative_to(ROOT / "python").as_posix() for p in (ROOT / "python" / "nnfast").rglob("*.py")}
    sample = {
        f"nnfast/data/mnist_sample/{split}-{kind}-ubyte.gz"
        for split in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    }
    assert names >= modules | sample | {"nnfast/py.typed", "nnfast/_core.pyi"}
    assert any(n.endswith(".dist-info/licenses/LICENSE") for n in names)
    assert {n.split("/")[0] for n in names if not n.startswith("nnfast/")} == {
        f"nnfast-{nnfast.__version__}.dist-info"
    }
    kinds = {Path(n).suffix for n in names if n.startswith("nnfast/")}
    assert kinds == {".py", ".pyi", ".typed", ".so", ".gz", ".md"}
    assert str(ROOT).encode() not in binary
    assert re.findall(r"^Requires-Dist: ([\w-]+)(?!.*extra ==)", metadata, re.MULTILINE) == ["numpy"]


def test_numpy_is_the_only_requirement():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [re.match(r"[\w-]+", d)[0] for d in project["dependencies"]] == ["numpy"]
