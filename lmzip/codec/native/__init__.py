"""How machine code is called and kept.

structs         named arrays that compiled code takes as one pointer
numba_structs   what Numba has to know of them
machine_code    files of compiled entries, which load without Numba
places          where these are
intrinsics      names of Numba's intrinsics, and one that asks for memory (prefetching)
ahead           another process that compiles
kernel_cache    what Numba keeps, neither trusted nor needed
"""
