"""Options and fixtures for all tests."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.chromium import Chromium

pytest_plugins = [
    "tests.fake_logging",
    "tests.fake_registry",
    "tests.fake_running_dataflow",
    "tests.fake_vertex",
    "tests.fake_dataflow",
    "tests.fake_hub",
    "tests.fake_hugging_face",
    "tests.fake_kaggle",
    "tests.fake_storage",
    "tests.judged_on_vertex",
]


def pytest_addoption(parser):
    parser.addoption(
        "--real-data",
        type=Path,
        help="a directory with LibriSpeech/ and wer_librispeech/; runs the tests that need real data",
    )
    parser.addoption("--browser", type=Path, help="a Chromium or Chrome; runs the tests that open pages in a browser")
    parser.addoption("--zsh", type=Path, help="zsh; runs the tests of completion in it")
    parser.addoption("--node", type=Path, help="Node.js; runs the tests that load a release in JavaScript")


def pytest_sessionstart():
    """Whoever runs the tests may have a terminal of any width; what is tested is the output without one."""
    os.environ.pop("COLUMNS", None)


def pytest_collection_modifyitems(config, items):
    """Tests marked `real_data`, `browser`, `node` or `zsh` are left out; those that are asked for must run."""
    for mark in ("real_data", "browser", "node", "zsh"):
        if config.getoption(f"--{mark.replace('_', '-')}") is None:
            left_out = [item for item in items if item.get_closest_marker(mark)]
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if not item.get_closest_marker(mark)]


def pytest_collection_finish():
    """Modules stay to the end, so the garbage collector need not go through all of theirs, a second, each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def real_data(request):
    """The directory of real data; missing files are a failure, not a skip."""
    directory = request.config.getoption("--real-data").resolve()
    for name in ("LibriSpeech", "wer_librispeech"):
        assert (directory / name).is_dir(), f"--real-data must hold {name}; {directory} does not"
    return directory


@pytest.fixture
def browser(request, tmp_path):
    """A headless browser; where it does not start, the test fails."""
    with Chromium(request.config.getoption("--browser"), tmp_path / "profile") as opened:
        yield opened


@pytest.fixture(scope="session")
def write_corpus():
    """Writes a small corpus in LibriSpeech's layout: tones in place of speech."""

    def write(root, subsets, utterances=3, seconds=0.2):
        """Each subset is a name with its speakers; speakers with an odd id are women."""
        lines = ["; speakers", ";ID  |SEX| SUBSET           |MINUTES| NAME"]
        for subset, speakers in subsets.items():
            for speaker in speakers:
                lines.append(f"{speaker:<5}| {'MF'[int(speaker) % 2]} | {subset:<17}| 0.1   | Someone")
                chapter = root / subset / speaker / "7"
                chapter.mkdir(parents=True)
                transcripts = []
                for number in range(utterances):
                    utterance = f"{speaker}-7-{number:04d}"
                    write_tone(chapter / f"{utterance}.flac", pitch=int(speaker) + number, seconds=seconds)
                    transcripts.append(f"{utterance} WORD NUMBER {'ABCDEFGHIJ'[number % 10]}")
                (chapter / f"{speaker}-7.trans.txt").write_text("\n".join(transcripts) + "\n")
        (root / "SPEAKERS.TXT").write_text("\n".join(lines) + "\n")
        return root

    return write


@pytest.fixture
def make_corpus(write_corpus, tmp_path):
    """Writes such a corpus for one test."""

    def make(subsets, utterances=3, seconds=0.2, root=None):
        return write_corpus(root or tmp_path / "corpus", subsets, utterances, seconds)

    return make


def write_tone(path, pitch, seconds=0.2, rate_hz=16_000, channels=1, subtype="PCM_16"):
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    samples = (np.sin(times * 2 * np.pi * (200 + pitch % 1000)) * 8000).astype(np.int16)
    soundfile.write(path, np.stack([samples] * channels, axis=1), rate_hz, subtype=subtype)


@pytest.fixture
def tone():
    return write_tone
