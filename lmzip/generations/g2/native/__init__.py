"""How machine code is called and kept.

structs         named arrays that compiled code takes as one pointer
numba_structs   what Numba has to know of them
machine_code    files of compiled entries, which load without Numba
places          where these are
ahead           another process that compiles
watch           who is told that a kernel is compiled
"""
