"""Pictures in JPEG: the bits of their coefficients, predicted as such.

`headers.py` reads what stands before the coefficients, `scan.py` follows the Huffman code bit by
bit, `neighbours.py` makes contexts of the coefficients around, `model.py` predicts and learns.
"""
