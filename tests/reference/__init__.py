"""The parts of `reference_decoder.py`: docs/FORMAT.md in NumPy and plain Python.

Nothing here imports torch, Numba or lmzip, and nothing is made to be fast: it is a second
reading of the format, which the tests hold against the first.
"""
