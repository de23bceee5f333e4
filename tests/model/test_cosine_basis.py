"""The basis of the discrete cosine transform."""

import numpy as np
import pytest

from model.cosine_basis import cosine_basis


@pytest.mark.parametrize("size", [1, 2, 10])
def test_it_is_orthonormal_and_begins_with_the_mean(size):
    basis = cosine_basis(size)
    np.testing.assert_allclose(basis @ basis.T, np.eye(size), atol=1e-14)
    np.testing.assert_allclose(basis[0], size**-0.5)


def test_each_row_oscillates_faster():
    changes = [(np.diff(np.sign(row)) != 0).sum() for row in cosine_basis(10)]
    assert changes == list(range(10))
