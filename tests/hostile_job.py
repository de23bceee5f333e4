"""The whole job of ingest on hostile corpora: sound of all kinds, running it, and what holds of every outcome."""

import dataclasses
import functools
import io
import json
import re
from collections import Counter
from pathlib import Path

import apache_beam as beam
import numpy as np
import soundfile
from hypothesis import strategies as st

from beam_jobs.librispeech import IngestSettings
from beam_jobs.librispeech.ingest import ingest
from model.errors import DataError, UsageError, W2v2Error
from model.examples import read_utterances

MAX_SAMPLES = 2_000
LENIENT = IngestSettings(max_reject_fraction=1.0, max_samples=MAX_SAMPLES, num_shards_per_split=2)
STRICT = dataclasses.replace(LENIENT, max_reject_fraction=IngestSettings().max_reject_fraction)
in_memory = functools.partial(beam.Pipeline, runner="FnApiRunner")


def noise(seed, length=900):
    """Samples that no other seed gives."""
    return np.random.default_rng(seed).integers(-8_000, 8_000, length).astype(np.int16)


def encoded(samples, rate_hz=16_000, kind="FLAC", subtype="PCM_16"):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format=kind, subtype=subtype)
    return buffer.getvalue()


def patched(content, place, new):
    return content[:place] + bytes(new) + content[place + len(new) :]


def shown(name):
    """A name as the list of rejects has it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in name)


@dataclasses.dataclass
class Outcome:
    """What the job made of a corpus: an error, or records and rejects."""

    error: W2v2Error | None = None
    records: dict = dataclasses.field(default_factory=dict)
    rejects: list = dataclasses.field(default_factory=list)


def require_sentence(error):
    assert str(error).isprintable(), str(error)
    assert re.fullmatch(r"[A-Z/-].*\.", str(error)), str(error)


def run(corpus, place, chosen=LENIENT, private=()):
    """Runs the job and checks what holds of every outcome; `private` are paths that no reason may name."""
    output = Path(place) / "out"
    try:
        info = ingest(corpus, output, Path(place) / "staging", chosen, in_memory)
    except (DataError, UsageError) as error:
        require_sentence(error)
        assert not output.exists(), "nothing is published"
        return Outcome(error)
    found = list(read_utterances(map(str, sorted(output.glob("Split-*/*")))))
    records = {utterance.utterance_id: utterance for utterance in found}
    assert len(records) == len(found), "no id is there twice"
    content = (output / "rejects.jsonl").read_bytes().decode("utf-8")
    rejects = [json.loads(line) for line in content.splitlines()]
    for reject in rejects:
        assert reject.keys() == {"utterance_id", "path", "reason", "split"}
        assert all(value.isprintable() for value in reject.values()), reject
        assert re.fullmatch(r".+\.", reject["reason"])
        assert not any(str(path) in value for path in private for value in reject.values()), reject
    assert (info["read"], info["written"], info["rejected"]) == (len(found) + len(rejects), len(found), len(rejects))
    assert json.loads((output / "dataset_info.json").read_bytes()) == info
    assert not (Path(place) / "staging").exists()
    return Outcome(None, records, rejects)


def require_rejects(outcome, expected):
    """Checks that there are these rejects and no others.

    Args:
      outcome: Of the job.
      expected: Id, path, and a regular expression of the reason, of each.
    """
    found = Counter((reject["utterance_id"], reject["path"]) for reject in outcome.rejects)
    wanted = Counter((name, path) for name, path, _ in expected)
    assert found == wanted, f"missing: {wanted - found}; too many: {found - wanted}"
    for reject in outcome.rejects:
        reasons = [why for name, path, why in expected if (name, path) == (reject["utterance_id"], reject["path"])]
        assert any(re.search(why, reject["reason"]) for why in reasons), (reject, reasons)


def poke(content, places):
    changed = bytearray(content)
    for place, change in places:
        changed[place % len(changed)] ^= change
    return bytes(changed)


def with_rate(content, rate_hz):
    # Twenty bits from byte 18 on; the four below are of channels and sample size.
    return patched(content, 18, (rate_hz << 4 | content[20] & 0xF).to_bytes(3, "big"))


def with_channels(content, channels):
    return patched(content, 20, [content[20] & 0xF1 | channels - 1 << 1])


def with_length(content, length):
    return patched(content, 21, [content[21] & 0xF0 | length >> 32, *(length & 0xFFFF_FFFF).to_bytes(4, "big")])


ID3 = b"ID3\x04\x00\x00" + bytes([0, 0, 0, 20]) + bytes(20)
UNDECODABLE = r"can be decoded|promises|holds other sound|must have (one channel|16-bit)"

# Blanks, and what must count as one: between words of a transcript none of them may end a line or a record.
BLANKS = st.sampled_from(
    [" ", "  ", "\t", "\x0b", "\x0c", "\x00", "\x1c", "\x85", "\xa0", "\u2028", "\u2029", "\ufeff", "-", "…"]
)


def rarely(draw, permille, *what):
    """Draws one of several things, each with this probability; mostly, and in the simplest example, None."""
    # Numbers at either end are drawn more often than others.
    number = draw(st.integers(0, 999)) - 200
    return what[number // permille] if 0 <= number < permille * len(what) else None


def normal(text):
    """The normal form, of what is drawn here."""
    return " ".join(re.findall(r"[A-Z']+", text.upper().replace("\u2019", "'")))
