"""The memory: what has been read, kept by context. It knows nothing of who asks it."""
