"""How machine code is called and kept.

structs         named arrays that compiled code takes as one pointer
numba_structs   what Numba has to know of them
entry           kernels that Python calls
machine_code    files of compiled entries, which load without Numba
watch           who is told that one is compiled
"""
