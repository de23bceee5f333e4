"""Makes the reference values of this directory with NIST's sclite and sc_stats (SCTK 2.4.10).

    apt-get install sctk    # Debian's package; `sctk` on PyPI is another program, for single cells
    python3 tests/golden/sclite/make.py

`reference.json` holds, of each set, made-up sentences, what two made-up systems heard, sclite's alignments and counts
(hits, substitutions, deletions, insertions), and the matched-pairs test of sc_stats. The sets: `plain`, with as many
errors as recognisers make; `unicode`, in Czech and Greek; `heavy`, with more errors than most, and a sentence for which
sclite, whose weights are 4 for a substitution and 3 for a deletion or an insertion, counts more than the fewest.

With `--real-data DIR`, `librispeech.json` is made instead: the totals on the recognisers' output that lies in
DIR/wer_librispeech (facebookresearch/fbai-speech, is21_deep_bias, MIT).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ENGLISH = """the of and to a in that it he was his with for on as at by had not but from this she her they were all one
there said would out so when up who what them then into could time man little some only now over upon very like down
before such after made where great way old must day never came long through""".split()
OTHERS = """příliš žluťoučký kůň úpěl ďábelské ódy řeka šumí ještě čtyři naše město ένα δύο τρία σπίτι θάλασσα ουρανός
ήλιος βουνό κήπος μέρα νύχτα""".split()
# Of each set: words, sentences, and the share of words that the systems get wrong.
SETS = {
    "plain": (ENGLISH, 150, (0.10, 0.07)),
    "unicode": (OTHERS, 40, (0.18, 0.06)),
    "heavy": (ENGLISH[:12], 60, (0.6, 0.7)),
}
SYSTEMS = ("one", "two")
# Five substitutions are the fewest errors; three deletions and three insertions cost sclite less.
SHIFTED = {"8-0-0000": ["of the and to a with", "to a in that it with", "of the and to a with"]}


def main() -> None:
    """Writes the values."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, default=Path("/usr/lib/sctk/bin"), help="where they are")
    parser.add_argument("--real-data", type=Path)
    options = parser.parse_args()
    if options.real_data is not None:
        texts = read_real(options.real_data / "wer_librispeech")
        found = measure(texts, options.programs)
        for system in SYSTEMS:
            del found[system]["alignments"]
        write(HERE / "librispeech.json", found)
        return
    draw = random.Random(6)
    values = {}
    for name, (words, sentences, rates) in SETS.items():
        texts = make_texts(draw, words, sentences, rates)
        if name == "heavy":
            texts |= SHIFTED
        values[name] = {"texts": texts, **measure(texts, options.programs)}
    write(HERE / "reference.json", values)


def make_texts(draw, words, sentences, rates):
    """Returns reference and both hypotheses by id."""
    texts = {}
    for number in range(sentences):
        reference = [draw.choice(words) for _ in range(draw.randint(1, 18))]
        heard = [corrupt(draw, reference, words, rate) for rate in rates]
        texts[f"{number % 8}-0-{number:04d}"] = [" ".join(text) for text in (reference, *heard)]
    return texts


def corrupt(draw, reference, words, rate):
    """Returns what a system heard."""
    heard = []
    for word in reference:
        if draw.random() >= rate:
            heard.append(word)
            continue
        kind = draw.choice(("substitute", "substitute", "substitute", "delete", "insert"))
        if kind == "substitute":
            heard.append(draw.choice([other for other in words if other != word]))
        elif kind == "insert":
            heard += draw.choice(([draw.choice(words), word], [word, draw.choice(words)]))
    return heard


def read_real(directory):
    """Returns reference and both hypotheses by id."""
    columns = []
    for name in ("ref", "b1.hyp", "b2.hyp"):
        lines = (directory / f"test-clean.{name}.tsv").read_text(encoding="utf-8").splitlines()
        columns.append(dict(line.split("\t") for line in lines))
    return {one: [column[one] for column in columns] for one in sorted(columns[0])}


def measure(texts, programs):
    """Returns what sclite and sc_stats say."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        for column, name in enumerate(("ref", *SYSTEMS)):
            lines = [f"{text[column]} ({one})\n" for one, text in texts.items()]
            (directory / f"{name}.trn").write_text("".join(lines), encoding="utf-8")
        found = {}
        paths = ""
        for system in SYSTEMS:
            command = [programs / "sclite", "-r", "ref.trn", "trn", "-h", f"{system}.trn", "trn", system, "-i",
                       "spu_id", "-e", "utf-8", "-o", "sgml", "stdout"]  # fmt: skip
            output = subprocess.run(command, cwd=directory, capture_output=True, check=True).stdout.decode()
            paths += output[output.index("<SYSTEM") :]
            found[system] = read_alignments(output)
        command = [programs / "sc_stats", "-p", "-t", "mapsswe", "-v", "-n", "-"]
        piped = subprocess.run(command, cwd=directory, input=paths.encode(), capture_output=True, check=True)
        return {**found, "mapsswe": read_test(piped.stdout.decode())}


def read_alignments(output):
    """Returns sclite's alignment of each utterance, a letter for each step, and the counts of all."""
    alignments, counts = {}, {}
    for one, path in re.findall(r'<PATH id="\(([^)]*)\)"[^>]*>\n(.*?)\n?</PATH>', output, flags=re.DOTALL):
        alignments[one] = "".join(step[0] for step in path.split(":") if step)
        counts[one] = [alignments[one].count(kind) for kind in "CSDI"]
    return {"alignments": alignments, "counts": [sum(column) for column in zip(*counts.values(), strict=True)]}


def read_test(output):
    """Returns the numbers of the matched-pairs test."""
    line = " ".join(next(line for line in output.splitlines() if line.startswith("MTCH_PR_RESULTS")).split())
    return {
        "segments": int(re.search(r"# segs: (\d+)", line)[1]),
        "mean": float(re.search(r"mean: (-?[\d.]+)", line)[1]),
        "standard_deviation": float(re.search(r"std dev: ([\d.]+)", line)[1]),
        "z": float(re.search(r"Z Stat: (-?[\d.]+)", line)[1]),
        "differs": re.search(r"Stat Diff: (\w+)", line)[1] == "Yes",
    }


def write(path, values):
    """Writes values, a line for each utterance."""
    text = json.dumps(values, ensure_ascii=False, indent=None, separators=(",", ":"))
    path.write_text(re.sub(r'("\d+-\d+-\d+":)', r"\n\1", text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
