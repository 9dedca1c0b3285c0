#!/usr/bin/env python3
# /// script
# dependencies = ["nox>=2025.2.9"]
# ///
"""``nox`` runs lint and tests; ``nox -l`` lists what else there is. CI runs .ci/run, which needs no nox."""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"


def install(session: nox.Session, *groups: str) -> None:
    session.install("--upgrade", "pip>=25.1")  # knows --group
    session.install(".", *(argument for group in groups for argument in ("--group", group)))


@nox.session
def lint(session: nox.Session) -> None:
    """Formats, ruff, mypy and stubtest: tools/lint."""
    install(session, "dev")
    session.run("tools/lint", *session.posargs, external=True, env={"PYTHON": "python"})


@nox.session
def tests(session: nox.Session) -> None:
    """The Python tests."""
    install(session, "test")
    session.run("pytest", *session.posargs)


@nox.session(python=["3.11", "3.12", "3.13", "3.14"], default=False)
def pythons(session: nox.Session) -> None:
    """The Python tests with every version of Python."""
    install(session, "test")
    session.run("pytest", *session.posargs)


@nox.session(default=False)
def oldest(session: nox.Session) -> None:
    """The Python tests with the oldest NumPy that is supported."""
    install(session, "test")
    session.install("numpy==1.26.*")
    session.run("pytest", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """The pages, in build/docs."""
    install(session, "docs")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "build/docs", *session.posargs)


@nox.session(default=False)
@nox.parametrize("preset", ["release", "serial", "asan", "tsan"])
def core(session: nox.Session, preset: str) -> None:
    """The C++ tests with one of CMakePresets.json."""
    session.install("cmake>=3.25")
    session.run("cmake", "--preset", preset)
    session.run("cmake", "--build", "--preset", preset)
    session.run("ctest", "--preset", preset)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """The benchmarks beside NumPy: minutes, on a quiet machine."""
    install(session, "bench")
    session.run("pytest", "benchmarks", "--benchmark-columns=median,min,rounds", *session.posargs)


if __name__ == "__main__":
    nox.main()
