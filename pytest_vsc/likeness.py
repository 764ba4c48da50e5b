"""Which pictures look alike: perceptual hashes of 64 bits, and correlation. It opens no file and knows no case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Measured on the 522 pictures of `mini`. Copies made as JPEG of quality 20, at half the size or with noise (sigma 8)
# are at most 4 bits away and correlate by 0.996 or more. Of different pairs 81 couples lie within 6 bits, nearly all
# words on white, of which the hash sees the layout only; none of them correlates above 0.9.
NEAR_BITS = 6  # of 64
NEAR_CORRELATION = 0.95
FLAT = 4.0  # standard deviation of 0..255; `mini` has none below 17, and below this a hash tells noise
HASHED_SIDE, KEPT_SIDE = 32, 8
BLOCK = 256  # rows compared at once: 3,600 pictures need some ten megabytes


def luminances(written: Sequence[bytes]) -> NDArray[np.float64]:
    """N x 32 x 32 luminances of 0..255."""
    import numpy as np

    whole = np.frombuffer(b"".join(written), dtype=np.uint8)
    return whole.reshape(len(written), HASHED_SIDE, HASHED_SIDE).astype(np.float64)


def look_alikes(greys: NDArray[np.float64]) -> Iterator[tuple[int, int, int]]:
    """The pictures that look alike, as two indices, the lower first, and the bits between their hashes."""
    import numpy as np

    flat = greys.std(axis=(1, 2)) < FLAT
    index = np.flatnonzero(~flat)
    hashes, even = perceptual_hashes(greys[index]), _normalised(greys[index])
    for start in range(0, len(index), BLOCK):
        apart = _bits(hashes[start : start + BLOCK, None] ^ hashes[None, start:])
        rows, columns = np.nonzero(apart <= NEAR_BITS)
        for row, column in zip(rows[columns > rows], columns[columns > rows], strict=True):
            if float(even[start + row] @ even[start + column]) >= NEAR_CORRELATION:
                yield int(index[start + row]), int(index[start + column]), int(apart[row, column])


def perceptual_hashes(greys: NDArray[np.float64]) -> NDArray[np.uint64]:
    """64 bits for each of N x 32 x 32 luminances: which of the 8 x 8 lowest DCT coefficients exceed their median.

    The median leaves out the constant term, as in pHash (Zauner, Implementation and Benchmarking of Perceptual Image
    Hash Functions, 2010).
    """
    import numpy as np
    from scipy.fft import dctn

    waves = dctn(greys, axes=(1, 2), norm="ortho")[:, :KEPT_SIDE, :KEPT_SIDE].reshape(len(greys), KEPT_SIDE**2)
    bits = waves > np.median(waves[:, 1:], axis=1, keepdims=True)
    hashes: NDArray[np.uint64] = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    return hashes


def _normalised(greys: NDArray[np.float64]) -> NDArray[np.float32]:
    """Rows whose products are correlations. None of the pictures may be flat."""
    import numpy as np

    flat = greys.reshape(len(greys), HASHED_SIDE**2)
    centred = flat - flat.mean(axis=1, keepdims=True)
    rows: NDArray[np.float32] = (centred / np.linalg.norm(centred, axis=1, keepdims=True)).astype(np.float32)
    return rows


def _bits(words: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """The number of bits set in each word, by a table of 16 bits: numpy counts bits itself from 2.0 on only."""
    import numpy as np

    table = np.unpackbits(np.arange(2**16, dtype=np.uint16).view(np.uint8).reshape(-1, 2), axis=1).sum(1)
    quarters = np.ascontiguousarray(words)[..., None].view(np.uint16)
    counted: NDArray[np.uint8] = table.astype(np.uint8)[quarters].sum(-1, dtype=np.uint8)
    return counted
