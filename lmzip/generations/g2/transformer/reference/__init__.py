"""The transformer in torch: the reference for every kernel, and what runs without Numba."""
