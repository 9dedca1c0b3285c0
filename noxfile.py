"""``nox`` runs lint and tests; ``nox -l`` lists what else there is. CI runs .ci/run, which needs no nox."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.default_venv_backend = "venv"


def install(session: nox.Session, *groups: str) -> None:
    session.install("--upgrade", "pip>=25.1")  # knows --group
    session.install(".", *(argument for group in groups for argument in ("--group", group)))


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """The Python tests."""
    install(session, "test")
    session.run("pytest", *session.posargs)


@nox.session
def oldest(session: nox.Session) -> None:
    """The Python tests with the oldest NumPy that is supported."""
    install(session, "test")
    session.install("numpy==1.26.*")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Formats, ruff, mypy and stubtest: tools/lint."""
    install(session, "dev")
    session.run("tools/lint", *session.posargs, external=True, env={"PYTHON": "python"})


@nox.session
@nox.parametrize("preset", ["release", "serial", "asan", "tsan"])
def core(session: nox.Session, preset: str) -> None:
    """The C++ tests with one of CMakePresets.json."""
    session.install("cmake>=3.25", "ninja")
    session.run("cmake", "--preset", preset)
    session.run("cmake", "--build", "--preset", preset)
    session.run("ctest", "--preset", preset)


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks beside NumPy: minutes, on a quiet machine."""
    install(session, "bench")
    session.run("pytest", "benchmarks", "--benchmark-columns=median,min,rounds", *session.posargs)
