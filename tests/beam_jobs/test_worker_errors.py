"""Errors of ours are found again in the text that an engine gives."""

import pytest

from beam_jobs.worker_errors import error_in
from model.errors import CheckpointError, DiskFullError, TryAgainError

TRACEBACK = """generic::unknown: Traceback (most recent call last):
  File "sdk_worker.py", line 311, in _execute
OSError: 403

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
model.errors.DataError: The first. [while running 'A']

model.errors.TryAgainError: Cloud Storage did not answer for gs://a/b (gone). [while running 'B-ptransform-1']
passed through:
==>
"""


def test_the_last_error_is_found_as_it_was_raised():
    found = error_in(TRACEBACK)
    assert type(found) is TryAgainError
    assert str(found) == "Cloud Storage did not answer for gs://a/b (gone)."
    assert type(error_in("model.errors.CheckpointError: x")) is CheckpointError


@pytest.mark.parametrize("text", ["", "ValueError: x", "model.errors.Nonsense: x", "model.errors.ClassVar: x"])
def test_other_errors_are_not_ours(text):
    assert error_in(text) is None


def test_a_full_disk_is_known_by_the_words_of_the_system():
    assert type(error_in("OSError: [Errno 28] No space left on device: 'x'")) is DiskFullError
