"""A basis in which the neighbouring samples of a sound are nearly independent. No TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np


def cosine_basis(size: int) -> np.ndarray[Any, Any]:
    """Returns the orthonormal basis of the discrete cosine transform (DCT-II), float64 `[size, size]`, one a row.

    Row 0 is the mean, and later rows are ever faster oscillations: what is loud in speech, and what is not, are kept
    apart. Source: Ahmed, Natarajan and Rao 1974, «Discrete Cosine Transform».
    """
    positions, frequencies = np.arange(size) + 0.5, np.arange(size)
    basis = np.cos(np.pi / size * np.outer(frequencies, positions)) * np.sqrt(2.0 / size)
    basis[0] /= np.sqrt(2.0)
    return basis
