"""The transformer: a distribution of the next byte, learned from the bytes before.

Once as compiled kernels, and once as the torch reference that they are compared with.
"""
