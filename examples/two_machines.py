"""Two machines exchange a file, and nothing passes between them but the archive.

The machines are played by two processes that compute by different means: another number of
threads, another engine, another instruction set. Every prediction of the model must come out the
same on both, to the bit, or the receiver could not read what the sender wrote. The sender needs
torch: pip install 'lmzip[torch]'.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SENDER = {
    "LMZIP_ENGINE": "float32",  # torch, with products in floating point
    "LMZIP_THREADS": "1",
    "ATEN_CPU_CAPABILITY": "default",  # no AVX
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
}
RECEIVER = {
    "LMZIP_ENGINE": "cpu",  # compiled kernels, with the best instructions there are
    "LMZIP_THREADS": "2",
}


def lmzip(settings: dict[str, str], *arguments: str, stdin: bytes) -> bytes:
    """Run lmzip on one of the machines; return what it writes."""
    command = [sys.executable, "-m", "lmzip", *arguments]
    environment = {**os.environ, **settings}
    with tempfile.TemporaryDirectory() as machine:  # where there is nothing else
        done = subprocess.run(
            command, input=stdin, env=environment, cwd=machine, stdout=subprocess.PIPE, check=True
        )
    return done.stdout


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


text = (Path(__file__).parent / "sea.txt").read_bytes()
print("sender:  ", len(text), "bytes, SHA-256", digest(text))

archive = lmzip(SENDER, "compress", "-1", stdin=text)
print("archive: ", len(archive), "bytes, SHA-256", digest(archive))

received = lmzip(RECEIVER, "decompress", stdin=archive)
print("receiver:", len(received), "bytes, SHA-256", digest(received))
assert received == text

# And the other way round, the archive is the same too.
assert lmzip(RECEIVER, "compress", "-1", stdin=text) == archive
