"""nnfast and its peers in turns:  python -m benchmarks.compare --help

cases.py     what is measured: networks, shapes, their floating-point operations and bytes
oracle.py    the same in NumPy float64, which every result is held against
systems/     one file per library, each set up as its own experts would
jobs.py      a case for a system: what is called, and the check that comes first
worker.py    the process of one system; answers requests
turns.py     the processes take turns
comparison.py    groups, one after the other
probe.cpp    what the machine can do: multiply-add peak, copy bandwidth
memory.py, imports.py    figures of fresh processes
goals.py, report.py, chart.py    what becomes of it
"""
