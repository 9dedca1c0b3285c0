"""The progress of fit on standard error: a bar of tqdm if that is installed, else a line."""

from __future__ import annotations

import sys
import time
from typing import Any, TextIO


class Progress:
    """Silent unless asked, or unless standard error is a terminal."""

    def __init__(self, wanted: bool | None, epochs: int, steps: int) -> None:
        self._file: TextIO | None = sys.stderr
        self._terminal = self._file is not None and self._file.isatty()
        self.shown = self._file is not None and (self._terminal if wanted is None else wanted)
        self._epochs = epochs
        self._steps = steps
        self._tqdm: Any = None
        self._bar: Any = None
        self._last = 0.0
        if self.shown:
            try:
                from tqdm import tqdm
            except ImportError:
                pass
            else:
                self._tqdm = tqdm

    def begin(self, epoch: int) -> None:
        self._title = f"epoch {epoch + 1}/{self._epochs}"
        self._last = time.monotonic()
        if self._tqdm is not None:
            self._bar = self._tqdm(
                total=self._steps, desc=self._title, file=self._file, unit="step", disable=not self.shown
            )

    def step(self, done: int) -> None:
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif self.shown and self._terminal and time.monotonic() - self._last > 0.1:
            self._last = time.monotonic()
            self._write(f"\r{self._title}  step {done}/{self._steps}")

    def end(self, logs: dict[str, float]) -> None:
        if not self.shown:
            return
        numbers = {name: f"{value:.4g}" for name, value in logs.items() if name not in ("lr", "seconds")}
        if self._bar is not None:
            self._bar.set_postfix(numbers, refresh=False)
            self._bar.update(self._steps - self._bar.n)
            self.close()
        else:
            text = "  ".join(f"{name} {value}" for name, value in numbers.items())
            self._write(
                f"{chr(13) if self._terminal else ''}{self._title}  {text}  {logs['seconds']:.1f} s\n"
            )

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _write(self, text: str) -> None:
        assert self._file is not None
        self._file.write(text)
        self._file.flush()
