"""What weights are worth on documents that were held out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from lmzip.codec.coder.bit_coder import FREQUENCY_BITS, encode_segment
from lmzip.codec.levels import BLOCK_SIZE
from lmzip.codec.loop import Codec
from training.corpus import Documents, Reader, empty_batch
from training.network import Network

STRETCH = 512
"""Bytes that a frozen network is shown at a time."""


@torch.no_grad()
def bits_per_byte(network: Network, documents: Documents, most: int) -> dict[str, float]:
    """Of each kind, what the network alone needs for the first `most` bytes, frozen.

    In stretches of 512 bytes, before which attention sees nothing: a little more than the codec's.
    """
    result = {}
    for kind, pieces in documents.items():
        reader, nats, count = Reader(network.preset, STRETCH), 0.0, 0
        for document in pieces:
            reader.open(document)
            while not reader.done and count < most:
                batch = empty_batch(network.preset, 1, STRETCH)
                n = reader.read_into(batch, 0)
                nats += network.loss(batch).item() * n
                count += n
        result[kind] = nats / count / math.log(2)
    return result


@dataclass(frozen=True)
class Coded:
    """Bits per byte of what a level has coded, by its network alone, which learns, and by all."""

    network: float
    whole: float


def coded_bits_per_byte(level: int, documents: Documents, most: int) -> dict[str, Coded]:
    """Of each kind, what the shipped codec needs for the first `most` bytes.

    Every document by itself, as a file of its own, without what an archive has around its blocks.
    """
    result = {}
    for kind, pieces in documents.items():
        network, whole, count = 0.0, 0, 0
        for document in pieces:
            text = document[: min(most - count, BLOCK_SIZE)]
            if len(text) == 0:
                break
            bits, size = coded_bits(level, text)
            network, whole, count = network + bits, whole + size, count + len(text)
        result[kind] = Coded(network / count, 8 * whole / count)
    return result


def coded_bits(level: int, text: np.ndarray) -> tuple[float, int]:
    """Bits of a text, uint8 [n], by the network alone; bytes of the payload."""
    shares = []

    def note(bits, freq, part, *rest) -> None:
        shares.append(freq[np.arange(len(part)), part] / 2.0**FREQUENCY_BITS)
        encode_segment(bits, freq, part, *rest)

    codec = Codec(level)
    codec.foresight.risks[:] = 0  # the network is asked for every byte
    payload = codec.encode(text.tobytes(), note)
    return float(-np.log2(np.concatenate(shares)).sum()), len(payload)
