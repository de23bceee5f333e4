"""Makes the sounds that the demo offers: sentences of the synthetic corpus, by voices that no model was trained on.

Example:
  $ .venv/bin/python demo/examples/make.py
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from beam_jobs.synthetic_corpus.corpus import generate
from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings

_COUNT = 3


def main() -> None:
    """Writes the first sentence of each of the first test speakers of the default run's corpus."""
    here = Path(__file__).parent
    settings = SyntheticCorpusSettings()
    with tempfile.TemporaryDirectory() as directory:
        generate(Path(directory) / "corpus", settings)
        for transcripts in sorted(Path(directory).glob("corpus/test-synthetic/*/*/*.trans.txt"))[:_COUNT]:
            utterance_id, _, sentence = transcripts.read_text(encoding="utf-8").splitlines()[0].partition(" ")
            name = "-".join(sentence.lower().split()[:4])
            shutil.copyfile(transcripts.with_name(f"{utterance_id}.flac"), here / f"{name}.flac")
            print(f"{name}.flac: {sentence}")


if __name__ == "__main__":
    main()
