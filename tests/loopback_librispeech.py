"""OpenSLR's archives and one checkpoint of the Hugging Face Hub on the loopback, for commands as a README has them.

Nothing in a command names the servers, but for the variables of the environment that everybody may set. What makes the
published sizes small is a start-up hook of Python: the table of what was published, with the sizes, sums and counts of
the archives that are served here, and fewer and smaller steps of training. All else of a recipe stays.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import re
import threading
from pathlib import Path

from beam_jobs.librispeech.published import PUBLISHED
from beam_jobs.synthetic_corpus.corpus import generate
from beam_jobs.synthetic_corpus.settings import SyntheticCorpusSettings
from tests.fake_hub import FakeHub
from tests.fake_mirror import Mirror
from tests.tar_files import tar

ROOT = Path(__file__).parents[1]
# Of a subset; of what is trained on a few more, of what is tested enough for more than one slice.
_SPEAKERS = {name: 3 if name.startswith("train") else 2 for name in PUBLISHED}
_MINUTES_EACH = 0.2

_SITECUSTOMIZE = """\
import dataclasses, json, sys, types
from pathlib import Path

from beam_jobs.librispeech import published

table = json.loads({table!r})
published.PUBLISHED = types.MappingProxyType(
    {{name: published.PublishedSubset(**fields) for name, fields in table.items()}}
)

if any(Path(argument).name == "w2v2" for argument in sys.orig_argv[:3]):
    from pipeline import recipes

    whole = recipes.base_recipe

    def small(*args, **kwargs):
        config = whole(*args, **kwargs)
        gate = dataclasses.replace(config.gate, **json.loads({gate!r}))
        evaluation = dataclasses.replace(config.evaluation, **json.loads({evaluation!r}))
        train = dataclasses.replace(config.train, **json.loads({train!r}))
        return dataclasses.replace(config, train=train, gate=gate, evaluation=evaluation)

    recipes.base_recipe = small
"""


@dataclasses.dataclass(frozen=True)
class Loopback:
    """The servers, and what leads a process to them.

    Attributes:
      mirror: OpenSLR's part.
      hub: The Hugging Face Hub's part.
      environment: Variables for the process of a command.
    """

    mirror: Mirror
    hub: FakeHub
    environment: dict[str, str]


def archives(directory):
    """Speaks a corpus; returns the archive of each subset of LibriSpeech, and what was "published" of each."""
    names = [name for name, count in _SPEAKERS.items() for _ in range(count)]
    settings = SyntheticCorpusSettings(
        minutes=_MINUTES_EACH * len(names), train_speakers=len(names), dev_speakers=0, test_speakers=0
    )
    generate(directory, settings)
    speakers = sorted(path.name for path in (directory / "train-synthetic").iterdir())
    subsets = dict(zip(speakers, names, strict=True))
    table = re.sub(
        r"^(\d+) *\| ([FM]) \| train-synthetic *",
        lambda found: f"{found[1]:<5}| {found[2]} | {subsets[found[1]]:<17}",
        (directory / "SPEAKERS.TXT").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert "train-synthetic" not in table
    genders = dict(re.findall(r"^(\d+) *\| ([FM]) ", table, re.MULTILINE))
    content, published = {}, {}
    for name in _SPEAKERS:
        mine = [speaker for speaker, subset in subsets.items() if subset == name]
        entries: dict[str, bytes | None] = {"LibriSpeech/": None, "LibriSpeech/SPEAKERS.TXT": table.encode()}
        for path in itertools.chain.from_iterable(
            sorted((directory / "train-synthetic" / s).rglob("*.*")) for s in mine
        ):
            inner = path.relative_to(directory / "train-synthetic")
            entries.setdefault(f"LibriSpeech/{name}/{inner.parent.as_posix()}/", None)
            entries[f"LibriSpeech/{name}/{inner.as_posix()}"] = path.read_bytes()
        content[name] = tar(entries)
        lines = [
            line
            for path, text in entries.items()
            if path.endswith(".txt") and text
            for line in text.decode().splitlines()
        ]
        published[name] = {
            "name": name,
            "archive_bytes": len(content[name]),
            "archive_md5": hashlib.md5(content[name]).hexdigest(),
            "utterances": len(lines),
            "words": None if name.startswith("train") else sum(len(line.split()) - 1 for line in lines),
            "hours": round(len(mine) * _MINUTES_EACH / 60, 2),
            "speakers_female": sum(genders[speaker] == "F" for speaker in mine),
            "speakers_male": sum(genders[speaker] == "M" for speaker in mine),
        }
    return content, published


@contextlib.contextmanager
def serving(directory, checkpoint, name, *, train, evaluation, gate):
    """Serves all subsets of LibriSpeech, a minute of speech in all, and one checkpoint.

    Args:
      directory: For what the servers and the commands need.
      checkpoint: Its directory.
      name: Under which it is published, `owner/name`.
      train: What is smaller than in every recipe: fields of its settings.
      evaluation: The same.
      gate: The same.
    """
    content, published = archives(directory / "spoken")
    site = directory / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        _SITECUSTOMIZE.format(
            table=json.dumps(published),
            train=json.dumps(train),
            evaluation=json.dumps(evaluation),
            gate=json.dumps(gate),
        ),
        encoding="utf-8",
    )
    with Mirror.serving() as mirror, FakeHub() as hub:
        mirror.content = content
        hub.name = name
        hub.files = {path.name: path.read_bytes() for path in checkpoint.iterdir()}
        threading.Thread(target=hub.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield Loopback(
                mirror,
                hub,
                {
                    "PYTHONPATH": os.pathsep.join(filter(None, (str(site), str(ROOT), os.environ.get("PYTHONPATH")))),
                    "W2V2_LIBRISPEECH_URL": mirror.url,
                    "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
                    "HF_HOME": str(directory / "hugging_face"),
                    "NO_PROXY": "127.0.0.1",
                },
            )
        finally:
            hub.shutdown()
