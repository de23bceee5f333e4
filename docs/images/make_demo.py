"""Makes the pictures of the demo that the documentation shows, with a headless Chromium, at two widths.

The model is what `w2v2 export tiny DIR --format onnx` writes. It is no good recogniser: what it hears in the pictures
are two utterances of its own kind, random words, chosen among those that it hears without an error by themselves.

Example:
  $ .venv/bin/w2v2 export tiny exported --format onnx && .venv/bin/python -m docs.images.make_demo --model exported
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from beam_jobs.synthetic_corpus.corpus import generate
from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings
from model.errors import UsageError, W2v2Error
from tests.chromium import Chromium
from tests.demo_process import ROOT, DemoProcess

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_DIRECTORY = Path(__file__).parent
# The name of each picture, and the size of its window, in pixels.
_PICTURES = (("demo.png", 1280, 860), ("demo-phone.png", 390, 844))
_CORPUS = SyntheticCorpusSettings(text="broad", minutes=28)
_UTTERANCES = ("20027-120027-0002", "20027-120027-0026")
_MAX_BYTES = 150_000


def main() -> None:
    """Makes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a release")
    parser.add_argument("--browser", default="", help="a Chromium or Chrome; else the one on PATH")
    options = parser.parse_args()
    browser = options.browser or next(filter(None, map(shutil.which, _BROWSERS)), "")
    if not browser:
        raise UsageError(f"A browser must be on PATH ({', '.join(_BROWSERS)}), and none is; give one with --browser.")
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        sound = root / "recording.flac"
        _speak(root / "corpus", sound)
        with DemoProcess(["-m", "demo.serve", "--model", options.model.resolve()], ROOT, root / "log.txt") as demo:
            for name, width, height in _PICTURES:
                with Chromium(browser, root / name) as window:
                    window.open(demo.address, width, height)
                    window.wait_for("!!document.querySelector('#w2v2-sound input[type=file]')")
                    window.choose_file("#w2v2-sound input[type=file]", sound)
                    window.wait_for("!!document.querySelector('.w2v2-done')")
                    # The player draws its own waveform some time after the answer.
                    window.wait_for("new Promise(done => setTimeout(() => done(true), 2000))")
                    if width < 600:
                        window.evaluate("document.querySelector('#w2v2-start').scrollIntoView()")
                    picture = window.picture()
                if len(picture) > _MAX_BYTES:
                    raise UsageError(f"{name} must have {_MAX_BYTES} bytes at most, and has {len(picture)}.")
                (_DIRECTORY / name).write_bytes(picture)
                print(f"{name}: {len(picture) / 1000:.0f} kB")


def _speak(corpus: Path, sound: Path) -> None:
    """Writes the utterances one after another."""
    import numpy as np
    import soundfile

    generate(corpus, _CORPUS)
    spoken = [soundfile.read(next(corpus.rglob(f"{name}.flac")))[0] for name in _UTTERANCES]
    soundfile.write(sound, np.concatenate([spoken[0], np.zeros(6_400), *spoken[1:]]), 16_000)


if __name__ == "__main__":
    try:
        main()
    except W2v2Error as error:
        sys.exit(str(error))
