"""The transformer in compiled loops: what codes where Numba is installed."""
