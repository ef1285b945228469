"""Data cut into frames: each an archive that can be coded, and found, and decoded by itself."""
