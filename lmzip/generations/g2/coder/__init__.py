"""The coder: bytes as eight decisions each, and these as a number."""
