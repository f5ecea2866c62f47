"""Damages messages, for the soak and for tests."""

from __future__ import annotations

import numpy as np


def mutated(message: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite, cut, insert, double or swap some bytes; numbers get the values that break programs."""
    data = bytearray(message)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(0, max(1, len(data))))
        match rng.integers(0, 6):
            case 0:
                data[at : at + 1] = bytes([rng.integers(0, 256)])
            case 1:
                extreme = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 30_000, 65_535)[rng.integers(0, 7)]
                at -= at % 4
                data[at : at + 4] = extreme.to_bytes(4, 'little')
            case 2:
                del data[at : at + int(rng.integers(1, 40))]
            case 3:
                data[at:at] = rng.integers(0, 256, rng.integers(1, 40), np.uint8).tobytes()
            case 4:
                data[at:at] = data[at : at + 32]
            case 5:
                data = data[: max(1, at)] if rng.random() < 0.2 else data
    return bytes(data)
