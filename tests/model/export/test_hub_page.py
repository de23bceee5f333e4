"""The page in the hub's format, by the rules of its validator. `tests/e2e/test_loaders.py` runs the code in it."""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import UsageError
from model.export.evaluation_summary import BackboneResult, EvaluationSummary, SplitResult
from model.export.hub_page import HUB_PAGE_FILE, hub_name, hub_page, page_of_version
from model.export.model_card import model_card
from model.export.release import Release

ADDRESS = "https://storage.googleapis.com/bucket/wav2vec2/saved_model/3.tar.gz"
RELEASE = Release(
    name="base", model_digest="5" * 64, release_digest="6" * 64, files={}, sizes_bytes={},
    source_checkpoint={"name": "tiny | <b> -->", "sha256": "7" * 64}, license="Apache-2.0", language="en",
    sample_rate_hz=16_000, versions={"keras": "3.12.4"}, format="saved_model", version=3,
)  # fmt: skip
SPLIT = SplitResult("test-clean", 0.03456, 0.03, 0.041, "speaker", 2620, 52576, 40)
EVALUATION = EvaluationSummary(
    corpus="LibriSpeech", splits=(SPLIT,), backbone=(), verdict="ACCEPT",
    checks=(("PASS", "The WER is within <b>\n| bounds --> # Module x/y/1"),),
    sha256_by_file={"metrics.json": "1" * 64, "gate.json": "2" * 64},
)  # fmt: skip
BACKBONE = BackboneResult("validation", 2.345, 2.1, 2.6, "speaker", 0.5, 60.0, 128, 100, 9_000, 50)
# The keys of the hub's validator for a SavedModel.
REQUIRED = {"asset-path", "fine-tunable", "format", "task"}
ALLOWED = REQUIRED | {"network-architecture", "colab", "dataset", "language", "license", "interactive-visualizer"}


def read(page):
    """As the hub's validator does: handle, description, metadata, body."""
    first, blank, *lines = page.split("\n")
    handle = re.fullmatch(r"# Module (?P<publisher>[\w-]+)/(?P<name>([\w\.-]+(/[\w\.-]+)*))/(?P<vers>\d+)", first)
    assert handle, first
    assert blank == ""
    description = []
    while lines[0] and not lines[0].startswith("<!--"):
        description.append(lines.pop(0))
    metadata = {}
    while not lines[0].startswith("#"):
        line = lines.pop(0)
        if line:
            found = re.match(r"^<!--(?P<key>(\w|\s|-)+):(?P<value>.+)-->$", line)
            assert found, line
            assert found["key"].strip() not in metadata
            metadata[found["key"].strip()] = found["value"].strip()
    assert metadata.keys() >= REQUIRED
    assert metadata.keys() <= ALLOWED
    return handle, " ".join(description), metadata, "\n".join(lines)


def page(
    release=RELEASE, name="wav2vec2", evaluation: EvaluationSummary | None = EVALUATION, publisher="some-body",
    address=ADDRESS, **changes,
):  # fmt: skip
    return hub_page(dataclasses.replace(release, **changes), name, evaluation, publisher, address)


def test_a_recognisers_page_has_what_the_hub_asks_for():
    handle, description, metadata, body = read(page())
    assert handle.groupdict() == {"publisher": "some-body", "name": "wav2vec2", "vers": "3"}
    assert description == "Wav2Vec2 with a CTC head for speech recognition. Word error rate: 3.5 % on test-clean."
    assert metadata == {
        "asset-path": ADDRESS,
        "task": "audio-stt",
        "network-architecture": "wav2vec2",
        "dataset": "librispeech",
        "language": "en",
        "license": "apache-2.0",
        "fine-tunable": "true",
        "format": "saved_model_2",
    }
    assert "| test-clean | 3.5 % | 3.0 to 4.1 % (over speakers) | 2,620 | 52,576 | 40 |" in body
    assert "- PASS: The WER is within &lt;b> \\| bounds --> # Module x/y/1" in body
    assert "| trained from | tiny \\| &lt;b> --> (sha256 `" in body
    assert f"| release digest | `{'6' * 64}` |" in body
    assert f"| sha256 of the evaluation's metrics.json | `{'1' * 64}` |" in body
    assert body.count(f'hub.load("{ADDRESS}")') == body.count(f'hub.KerasLayer("{ADDRESS}", trainable=True)') == 1
    assert "outputs = model.transcribe(waveforms, num_samples=[20000, 16000])" in body
    assert "| `transcribe` | `waveform` float32 `[batch, samples]`, as recorded, `num_samples`" in body
    assert not re.search(r"(?m)^#+ .*x/y/1", body)
    assert "{" not in re.sub(r"```python\n.*?```", "", body, flags=re.DOTALL)


def test_a_backbones_page_says_what_it_gives():
    evaluation = dataclasses.replace(EVALUATION, splits=(), backbone=(BACKBONE,), corpus="tapes")
    _, description, metadata, body = read(page(evaluation=evaluation, head="pretraining"))
    assert description == (
        "Wav2Vec2 pre-trained on speech without transcripts, to be fine-tuned. Contrastive loss: 2.345 nats on"
        " validation."
    )
    assert (metadata["task"], metadata["dataset"]) == ("audio-embedding", "other")
    assert 'outputs["last_hidden_state"]' in body
    assert "tf.keras.Model(inputs, head(layer(inputs)))" in body
    assert "transcribe" not in body.partition("## Measured")[0]


def test_what_was_not_evaluated_says_so():
    _, description, metadata, body = read(page(evaluation=None))
    assert description.endswith(" Not evaluated.")
    assert "dataset" not in metadata
    assert "Nothing: these files were made without an evaluation." in body
    assert "`w2v2 evaluate MODEL --corpus DIR`, of wav2vec2-tfx, measures a release with its SavedModel" in body
    assert "- How many errors it makes is not known" in body
    assert "- No gate has judged it" in body


def test_measured_limits_and_origin_are_those_of_the_model_card():
    for evaluation in (EVALUATION, None):
        card = model_card(RELEASE, "saved_model", "wav2vec2", evaluation)
        shared = card[card.index("## Measured") :]
        assert shared.count("\n## ") == 2
        assert page(evaluation=evaluation).endswith(shared)


@pytest.mark.parametrize(
    ("field", "value", "key", "expected"),
    [
        ("license", "unknown", "license", "custom"),
        ("license", "cc-by-4.0", "license", "custom"),
        ("license", "MIT", "license", "mit"),
        ("language", "gsw", "language", None),
        ("language", "de", "language", "de"),
    ],
)
def test_a_value_that_the_hub_does_not_know_is_put_so_that_it_takes_it(field, value, key, expected):
    _, _, metadata, body = read(page(**{field: value}))
    assert metadata.get(key) == expected
    assert ("The licence of the weights: " in body) == (expected == "custom")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"publisher": "some body"}, r"The publisher of a page must be made of letters, .* not 'some body'; choose"),
        ({"publisher": ""}, r"The publisher of a page must be .* not ''"),
        ({"name": "a b"}, r"The name of a page's model must be .* not 'a b'; choose such a name"),
        ({"name": "x\n<!-- task: y -->"}, r"The name of a page's model must be "),
        ({"address": "https://x/1.zip"}, r"must be one word that ends in \.tar\.gz, not 'https://x/1\.zip'; name the"),
        ({"address": "https://x/ --> 1.tar.gz"}, r"must be one word that ends in \.tar\.gz"),
        ({"version": None}, r"this release has no version; publish it first"),
    ],
)
def test_what_the_hub_would_refuse_is_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        page(**changes)


@given(corpus=st.text(max_size=30), split=st.text(min_size=1, max_size=20), reason=st.text(max_size=40))
def test_nothing_from_elsewhere_breaks_out_of_its_place(corpus, split, reason):
    evaluation = dataclasses.replace(
        EVALUATION, corpus=corpus, splits=(dataclasses.replace(SPLIT, name=split),), checks=(("PASS", reason),)
    )
    told = page(evaluation=evaluation)
    _, description, _, body = read(told)
    assert description.startswith("Wav2Vec2 with a CTC head for speech recognition. Word error rate: 3.5 % on ")
    headings = re.findall(r"(?m)^#.*$", re.sub(r"```python\n.*?```", "", body, flags=re.DOTALL))
    assert headings == [
        "## Overview", "## Use", "### To fine-tune it", "### Signatures, for servers", "## Measured", "## Limits",
        "## Where it comes from",
    ]  # fmt: skip
    assert "<!--" not in body


def test_the_handle_of_a_version_on_this_machine_is_its_directory():
    _, _, metadata, body = read(page(address="file:///a%20b/wav2vec2/saved_model/3.tar.gz"))
    assert metadata["asset-path"] == "file:///a%20b/wav2vec2/saved_model/3.tar.gz"
    assert 'hub.load("/a b/wav2vec2/saved_model/3")' in body
    assert 'hub.KerasLayer("/a b/wav2vec2/saved_model/3", trainable=True)' in body


@pytest.mark.parametrize(
    ("destinations", "publisher"),
    [
        (["/releases/base/saved_model", "hf://jane/speech"], "jane"),
        (["gs://b/base/saved_model", "kaggle://some-body/speech/tensorFlow2/base"], "some-body"),
        (["/releases/base/saved_model"], "unknown"),
    ],
)
def test_the_publisher_is_the_owner_on_a_hub(destinations, publisher):
    release = dataclasses.replace(RELEASE, format=None, version=None)
    handle, _, _, _ = read(page_of_version(release, 7, "my model", EVALUATION, destinations, ADDRESS))
    assert handle.groupdict() == {"publisher": publisher, "name": "my-model", "vers": "7"}
    assert handle[0] == f"# Module {publisher}/my-model/7"


@given(st.text(min_size=1, max_size=20))
def test_every_name_can_be_put_so_that_the_hub_takes_it(name):
    handle, _, _, _ = read(page(name=hub_name(name)))
    assert handle["vers"] == "3"


def test_its_file_is_no_model_card():
    assert HUB_PAGE_FILE == "HUB.md"
