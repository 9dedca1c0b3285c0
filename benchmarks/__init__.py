"""Measurements of nnfast: a pytest-benchmark suite, and ``python -m benchmarks.compare``."""
