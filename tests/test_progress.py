"""What is told while work goes on."""

from __future__ import annotations

import pytest

from lmzip.codec import code_hash
from lmzip.progress import announce_compilation


@pytest.mark.parametrize("decoding", [False, True])
def test_compilation_is_announced_until_this_versions_kernels_are_cached(
    decoding, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    kernel = "decode_segment" if decoding else "predict_segment"
    index = tmp_path / "codec_1" / f"engine.{kernel}-1.py311.nbi"
    index.parent.mkdir()
    for content, announced in ((None, True), (b"another version", True), (code_hash(), False)):
        if content is not None:
            index.write_bytes(b"stamp " + content)
        announce_compilation(decoding)
        assert ("compiling kernels" in capsys.readouterr().err) == announced
    announce_compilation(not decoding)
    assert "compiling kernels" in capsys.readouterr().err
