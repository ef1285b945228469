"""Everything that determines the bits of an archive, and nothing else.

The SHA-256 of this package's sources is the code hash that every archive names.
"""
