"""lmzip: lossless compression by a transformer that learns while it compresses."""
