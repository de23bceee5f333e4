"""Two systems on a handful of utterances."""

import numpy as np
import pytest

from tests.evaluated import evaluated, large, transcripts

SAID = {
    "1-1-0001": "a cat sat on the mat",
    "1-1-0002": "the dog sleeps",
    "2-1-0001": "nobody is at home",
    "2-1-0002": "yes",
    "2-1-0003": "it rains again today",
}
HEARD = {
    "1-1-0001": "a bat sat on the mat down",
    "1-1-0002": "the dog sleeps",
    "2-1-0001": "nobody at home",
    "2-1-0002": "",
    "2-1-0003": "it rains again today",
}
BEFORE = {
    "1-1-0001": "a bat sat on a mat",
    "1-1-0002": "the fog sleeps",
    "2-1-0001": "nobody is at home",
    "2-1-0002": "yes",
    "2-1-0003": "it rains a gain today",
}


@pytest.fixture(scope="session")
def alone():
    """Metrics and rows without a baseline."""
    return evaluated({"test-a": transcripts(SAID)}, HEARD)


@pytest.fixture(scope="session")
def compared():
    """Metrics and rows with a baseline."""
    return evaluated({"test-a": transcripts(SAID)}, HEARD, BEFORE)


@pytest.fixture
def tones():
    """A second of sound by id."""
    samples = (8_000 * np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000)).astype(np.int16)
    return dict.fromkeys(SAID, samples)


@pytest.fixture(scope="session")
def test_other():
    """Metrics and rows of as many utterances as test-other has, as long as those of LibriSpeech."""
    return large(2_939)
