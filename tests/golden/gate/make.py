"""Makes the errors by which the gate is simulated, from the output of two real recognisers.

    .venv/bin/python tests/golden/gate/make.py DIR/wer_librispeech

`errors.csv` has a row for each of the 2,620 utterances of LibriSpeech's test-clean, in the order of their ids: the
number of its speaker, its words, and the errors of the two systems. It holds no text. The systems are `test-clean.b1`
and `test-clean.b2` of https://github.com/facebookresearch/fbai-speech, is21_deep_bias, under the MIT licence, copyright
Facebook, Inc. and its affiliates; LibriSpeech (Panayotov et al. 2015) is under CC BY 4.0.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from model.metrics import count_word_errors


def main() -> None:
    """Writes the rows."""
    directory = Path(sys.argv[1])
    texts = []
    for name in ("ref", "b1.hyp", "b2.hyp"):
        lines = (directory / f"test-clean.{name}.tsv").read_text(encoding="utf-8").splitlines()
        texts.append(dict(line.split("\t") for line in lines))
    references, *systems = texts
    with (Path(__file__).parent / "errors.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["speaker", "words", "errors_1", "errors_2"])
        for one in sorted(references):
            counts = [count_word_errors(references[one], system[one]) for system in systems]
            rows.writerow([one.split("-")[0], counts[0].reference, *(count.errors for count in counts)])


if __name__ == "__main__":
    main()
