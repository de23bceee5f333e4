"""The documentation page of a published SavedModel, in the format of TensorFlow Hub: HUB.md.

Source: https://www.tensorflow.org/hub/writing_documentation, and the validator of tfhub.dev
(https://github.com/tensorflow/tfhub.dev, `tools/validator.py` and `tags/*.yaml`), which refuses a value that is not in
its lists. Kaggle Models, where tfhub.dev went, shows the page as it is. Whatever stands in it comes from the release
and its evaluation.
"""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator

from model.errors import UsageError
from model.export.card_sections import kind_of, limits_section, measured_section, origin_section
from model.export.evaluation_summary import EvaluationSummary
from model.export.markdown import cell
from model.export.release import SAVED_MODEL, Release

HUB_PAGE_FILE = "HUB.md"
ARCHIVE_SUFFIX = ".tar.gz"

_PUBLISHER = re.compile(r"[\w-]+", re.ASCII)
_NAME = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)
# White space would break the line, and `-->` would end the comment.
_ADDRESS = re.compile(r"[^\s<>\"\\`]+")
# What the hub's lists hold; `custom`, `other` and no language stand for the rest.
_LICENSES = frozenset(
    "apache-2.0 bsd-2-clause bsd-3-clause gpl-2.0 gpl-3.0 lgpl-2.0 lgpl-2.1 lgpl-3.0 mit mpl-2.0 cddl-1.0 epl-2.0"
    " cc-by-nc-4.0".split()
)
_LANGUAGES = frozenset(
    "ar as bg bn ca cs da de el en es et fa fi fr gu he hi hr hu id it ja ko kn ks lt lv ml mr ms ne nl no or pa pl pt"
    " ro ru sa sd sk sl sr sv ta te th tl tr uk ur vi".split()
)
_OWNER = re.compile(r"(?:kaggle|hf)://([\w-]+)/", re.ASCII)
_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")
_DATASETS = {"librispeech": "librispeech", "librilight": "librilight", "libri-light": "librilight"}

_HEAR = """\
```python
import numpy as np
import tensorflow_hub as hub

model = hub.load({handle})
waveforms = np.zeros([2, 20000], np.float32)  # [batch, samples], {rate} Hz, as recorded, padded at the end
outputs = model.{of_sound}(waveforms, num_samples=[20000, 16000])  # the lengths may be left out
{outputs}
```
"""
_OUTPUTS_OF_RECOGNISER = """\
texts = [text.decode() for text in outputs["text"].numpy()]
logits, num_frames = outputs["logits"], outputs["num_frames"]"""
_OUTPUTS_OF_BACKBONE = """\
states, num_frames = outputs["last_hidden_state"], outputs["num_frames"]"""
_FINE_TUNE = """\
### To fine-tune it

`hub.KerasLayer` is a layer of Keras 2, which is `tf.keras` where `TF_USE_LEGACY_KERAS` says so. The layer takes
waveforms that are normalised to mean 0 and variance 1, and gives `{output}`.

```python
import json
import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import tensorflow_hub as hub

layer = hub.KerasLayer({handle}, trainable=True)
{head}
inputs = tf.keras.Input(shape=(None,))  # or any number of samples, such as 246000
model = tf.keras.Model(inputs, {outputs_of_inputs})


def ctc_loss(labels, logits):
    labels = tf.cast(labels, tf.int32)
    label_lengths = tf.reduce_sum(tf.cast(labels != blank, tf.int32), axis=1)
    frames = tf.fill([tf.shape(logits)[0]], tf.shape(logits)[1])
    return tf.nn.ctc_loss(labels, logits, label_lengths, frames, logits_time_major=False, blank_index=blank)


model.compile(tf.keras.optimizers.Adam(5e-5), loss=ctc_loss)
speech = np.random.default_rng(0).standard_normal([2, 20000]).astype(np.float32)
letters = np.array([[5, 6, 7], [8, 9, blank]])  # ids of the letters, filled up with the blank's
history = model.fit(speech, letters, epochs=2, verbose=0)
```
"""
_HEAD_OF_RECOGNISER = """\
blank = json.loads(tf.io.read_file(layer.resolved_object.vocabulary_file.asset_path).numpy())["<pad>"]"""
_HEAD_OF_BACKBONE = "blank, head = 0, tf.keras.layers.Dense(32)  # letters, the CTC blank among them"
_SIGNATURES = """\
### Signatures, for servers

| signature | inputs | outputs |
|---|---|---|
| `serving_default` | `input_values` float32 `[batch, samples]`, normalised | `{output}`, `num_frames` |
| `with_lengths` | `input_values`, `num_samples` int32 `[batch]` | the same |
| `{of_sound}` | `waveform` float32 `[batch, samples]`, as recorded, `num_samples` int32 `[batch]` | {more}the same |

TensorFlow Serving's gRPC interface lets `num_samples` be left out.
"""


def hub_page(
    release: Release, name: str, evaluation: EvaluationSummary | None, publisher: str, archive_address: str
) -> str:
    """Returns the content of HUB.md.

    Args:
      release: As its published version describes it: `version` is a part of the handle.
      name: Under which it is published.
      evaluation: What was measured, on these very files; None where nothing was, and then the page says so.
      publisher: Who publishes it: letters, digits, `-` and `_`.
      archive_address: Where the archive of that version can be fetched, ends in `.tar.gz`; that of a directory of this
        machine begins with `file://`, and the directory of the version lies beside it.

    Raises:
      UsageError: publisher, name or address are not what the hub takes, or the release has no version.
    """
    _check(release, name, publisher, archive_address)
    return "\n".join(_lines(release, name, evaluation, publisher, archive_address))


def page_of_version(
    release: Release,
    version: int,
    name: str,
    evaluation: EvaluationSummary | None,
    destinations: Iterable[str],
    archive_address: str,
) -> str:
    """Returns the page of a SavedModel that is being published.

    Args:
      release: As its RELEASE.json describes it.
      version: Under which it is published.
      name: Under which it is published; what the hub does not take of it becomes `-`.
      evaluation: What was measured; None where nothing was.
      destinations: The addresses of all places where it is published: the owner on a hub among them is the publisher,
        `unknown` where there is none.
      archive_address: As in `hub_page`.
    """
    owners = (_OWNER.match(address) for address in destinations)
    publisher = next((owner[1] for owner in owners if owner), "unknown")
    described = dataclasses.replace(release, format=SAVED_MODEL, version=version)
    return hub_page(described, hub_name(name), evaluation, publisher, archive_address)


def hub_name(name: str) -> str:
    """Returns a model's name as the hub takes it: `-` stands for what it does not take."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII)


def _handle(archive_address: str) -> str:
    """What hub.load takes: the address of an archive; of one on this machine, the directory beside it."""
    address = urllib.parse.urlsplit(archive_address)
    if address.scheme != "file":
        return archive_address
    return urllib.parse.unquote(address.path).removesuffix(ARCHIVE_SUFFIX)


def _check(release: Release, name: str, publisher: str, archive_address: str) -> None:
    if not _PUBLISHER.fullmatch(publisher):
        raise UsageError(
            f"The publisher of a page must be made of letters, digits, '-' and '_', not {publisher!r}; choose such a"
            " name."
        )
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"The name of a page's model must be made of letters, digits, '.', '-' and '_', not {name!r}; choose such"
            " a name."
        )
    if not _ADDRESS.fullmatch(archive_address) or not archive_address.endswith(ARCHIVE_SUFFIX):
        raise UsageError(
            f"The address of a page's archive must be one word that ends in {ARCHIVE_SUFFIX}, not {archive_address!r};"
            " name the file that can be fetched."
        )
    if release.version is None:
        raise UsageError(
            "A page must be that of a published version, and this release has no version; publish it first."
        )


def _lines(
    release: Release, name: str, evaluation: EvaluationSummary | None, publisher: str, archive_address: str
) -> Iterator[str]:
    is_backbone = release.head == "pretraining"
    yield f"# Module {publisher}/{name}/{release.version}"
    yield ""
    yield f"{kind_of(release).SUMMARY}. {_result(evaluation)}"
    yield ""
    for key, value in _metadata(release, evaluation, archive_address):
        yield f"<!-- {key}: {value} -->"
    yield ""
    yield "## Overview"
    yield ""
    yield (
        f"It takes sound of {release.sample_rate_hz} Hz, any number of utterances of any length; an utterance that is"
        " padded gets what it gets alone."
    )
    if release.license.lower() not in _LICENSES:
        yield f"The licence of the weights: {cell(release.license)}."
    yield ""
    yield "## Use"
    yield ""
    values = {
        "{outputs}": _OUTPUTS_OF_BACKBONE if is_backbone else _OUTPUTS_OF_RECOGNISER,
        "{head}": _HEAD_OF_BACKBONE if is_backbone else _HEAD_OF_RECOGNISER,
        "{outputs_of_inputs}": "head(layer(inputs))" if is_backbone else "layer(inputs)",
        "{output}": "last_hidden_state" if is_backbone else "logits",
        "{of_sound}": "encode" if is_backbone else "transcribe",
        "{more}": "" if is_backbone else "`text`, ",
        "{rate}": str(release.sample_rate_hz),
        "{handle}": json.dumps(_handle(archive_address)),
    }
    for part in (_HEAR, _FINE_TUNE, _SIGNATURES):
        yield _PLACEHOLDER.sub(lambda found: values[found[0]], part)
    yield from measured_section(release, evaluation)
    yield from limits_section(release, evaluation)
    yield from origin_section(release, evaluation)


def _result(evaluation: EvaluationSummary | None) -> str:
    """The result in a sentence, for the line that the hub shows in its lists."""
    if evaluation is None:
        return "Not evaluated."
    if evaluation.backbone:
        told = (f"{split.contrastive_loss:.3f} nats on {cell(split.name)}" for split in evaluation.backbone)
        return f"Contrastive loss: {', '.join(told)}."
    told = (f"{100 * split.wer:.1f} % on {cell(split.name)}" for split in evaluation.splits)
    return f"Word error rate: {', '.join(told)}."


def _metadata(
    release: Release, evaluation: EvaluationSummary | None, archive_address: str
) -> Iterator[tuple[str, str]]:
    yield "asset-path", archive_address
    yield "task", "audio-embedding" if release.head == "pretraining" else "audio-stt"
    # HuBERT's is the same.
    yield "network-architecture", "wav2vec2"
    if evaluation is not None:
        corpus = evaluation.corpus.lower()
        yield "dataset", next((known for part, known in _DATASETS.items() if part in corpus), "other")
    if release.language in _LANGUAGES:
        yield "language", release.language
    license_ = release.license.lower()
    yield "license", license_ if license_ in _LICENSES else "custom"
    yield "fine-tunable", "true"
    yield "format", "saved_model_2"
