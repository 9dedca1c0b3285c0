"""The process of probe.cpp, compiled for the machine at hand."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("probe.cpp")
STORES = ("plain", "stream")


def build(folder: Path) -> Path:
    binary = folder / "probe"
    compiler = os.environ.get("CXX", "c++")
    command = [compiler, "-std=c++20", "-O3", "-march=native", "-ffp-contract=fast", "-fopenmp"]
    subprocess.run([*command, str(SOURCE), "-o", str(binary)], check=True)
    return binary


class Probe:
    """Takes its turn among the systems, so peak and times are of the same minutes."""

    def __init__(self, binary: Path, threads: int) -> None:
        self.threads = threads
        self._process = subprocess.Popen(
            [str(binary)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def _ask(self, question: str) -> float:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def peak(self, dtype: str, seconds: float) -> float:
        """Multiply-add peak in FLOP/s."""
        return 1e9 * self._ask(f"fma {4 if dtype == 'float32' else 8} {self.threads} {seconds}")

    def copy(self, size: int, stores: str) -> float:
        """Bytes read and written per second."""
        return 1e9 * self._ask(f"copy {size} {self.threads} {stores}")

    def read(self, size: int) -> float:
        """Bytes per second of reading `size` bytes again and again."""
        return 1e9 * self._ask(f"read {size} {self.threads}")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
