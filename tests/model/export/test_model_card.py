"""The model card: its metadata is what was measured, and nothing in it can break out of its place."""

import dataclasses
import json

import pytest
import yaml
from huggingface_hub import ModelCard

from model.errors import ReleaseError
from model.export.model_card import model_card, read_evaluation
from model.export.release import Release
from model.storage import sha256_of_file

RELEASE = Release(
    name="base", model_digest="5" * 64, release_digest="6" * 64, files={}, sizes_bytes={},
    source_checkpoint={"name": "tiny | <b>", "sha256": "7" * 64}, license="cc-by-4.0", language="en",
    sample_rate_hz=16_000, versions={"keras": "3.12.4"},
)  # fmt: skip
SPEAKERS = {"low": 0.03, "high": 0.041, "unit": "speaker"}
UTTERANCES = {"low": 0.2, "high": 0.4, "unit": "utterance"}
WORDS = {"wer": 0.03456, "utterances": 2620, "words": 52576}
CLEAN = {"words": WORDS, "interval": SPEAKERS, "speakers": 40}
OTHER = {"words": {"wer": 0.31, "utterances": 9, "words": 80}, "interval": UTTERANCES}


@pytest.fixture
def write(tmp_path):
    def write(splits, checks=(), corpus="LibriSpeech", measured="6" * 64, judged="6" * 64, verdict="ACCEPT", **more):
        metrics = {"splits": splits, "corpus": {"root_name": corpus}, "release_digest": measured, **more}
        gate = {"verdict": verdict, "checks": list(checks), "release_digest": judged}
        (tmp_path / "metrics.json").write_text(json.dumps(metrics))
        (tmp_path / "gate.json").write_text(json.dumps(gate))
        return tmp_path

    return write


def parts(card):
    _, front_matter, body = card.split("---\n", 2)
    return yaml.safe_load(front_matter), body


def test_the_metadata_are_what_was_measured(write):
    evaluation = read_evaluation(write({"test-clean": CLEAN, "test-other": OTHER}), RELEASE)
    metadata, _ = parts(model_card(RELEASE, "onnx", "wav2vec2-base", evaluation))
    task = {"type": "automatic-speech-recognition", "name": "Automatic Speech Recognition"}
    command = "w2v2 evaluate . --corpus LibriSpeech --split test-clean --split test-other"
    assert metadata == {
        "language": ["en"],
        "license": "cc-by-4.0",
        "library_name": "onnx",
        "pipeline_tag": "automatic-speech-recognition",
        "tags": ["automatic-speech-recognition", "audio", "speech", "wav2vec2", "ctc"],
        "datasets": ["LibriSpeech"],
        "metrics": ["wer"],
        "model-index": [
            {
                "name": "wav2vec2-base",
                "results": [
                    {
                        "task": task,
                        "dataset": {"name": "LibriSpeech test-clean", "type": "LibriSpeech", "split": "test-clean"},
                        "metrics": [
                            {
                                "type": "wer",
                                "value": 3.46,
                                "name": "WER (95 % interval 3.0 to 4.1 %)",
                                "args": {
                                    "command": command,
                                    "interval_95_percent": [3.0, 4.1],
                                    "interval_over": "speaker",
                                },
                            }
                        ],
                    },
                    {
                        "task": task,
                        "dataset": {"name": "LibriSpeech test-other", "type": "LibriSpeech", "split": "test-other"},
                        "metrics": [
                            {
                                "type": "wer",
                                "value": 31.0,
                                "name": "WER (95 % interval 20.0 to 40.0 %)",
                                "args": {
                                    "command": command,
                                    "interval_95_percent": [20.0, 40.0],
                                    "interval_over": "utterance",
                                },
                            }
                        ],
                    },
                ],
            }
        ],
    }


def test_the_page_tells_results_limits_and_origin(write):
    directory = write({"test-clean": CLEAN, "test-synthetic": OTHER}, [{"verdict": "PASS", "reason": "All is well."}])
    evaluation = read_evaluation(directory, RELEASE)
    pages = {
        format_: parts(model_card(RELEASE, format_, "wav2vec2-base", evaluation))[1]
        for format_ in ("saved_model", "onnx")
    }
    for page in pages.values():
        assert "| test-clean | 3.5 % | 3.0 to 4.1 % (over speakers) | 2,620 | 52,576 | 40 |" in page
        assert "On the test splits of the corpus LibriSpeech, other parts" in page
        assert "| test-synthetic | 31.0 % | 20.0 to 40.0 % (over utterances) | 9 | 80 | unknown |" in page
        assert "The gate's verdict was ACCEPT:\n\n- PASS: All is well.\n" in page
        assert "About 31 errors in 100 words of test-synthetic." in page
        assert page.count("is not spoken by people") == 1
        assert page.count("has too few speakers") == 1
        assert f"| trained from | tiny \\| &lt;b> (sha256 `{'7' * 64}`) |" in page
        assert f"| release digest | `{'6' * 64}` |" in page
        assert f"| sha256 of the evaluation's metrics.json | `{sha256_of_file(directory / 'metrics.json')}` |" in page
        assert "| keras | 3.12.4 |" in page
    assert "hub.KerasLayer" in pages["saved_model"]
    assert "Transcriber(" in pages["onnx"]
    for file in ("onnx/model.onnx", "onnx/model_quantized.onnx", "onnx_asr/"):
        assert f"`{file}`" in pages["onnx"]


def test_what_waited_for_a_person_was_approved_by_one(write):
    directory = write({"test-clean": CLEAN}, verdict="NEEDS_REVIEW")
    page = model_card(RELEASE, "onnx", "one", read_evaluation(directory, RELEASE))
    assert "The gate's verdict was NEEDS_REVIEW, and a person approved it:\n" in page


def test_a_name_from_a_corpus_stays_in_its_place(write):
    hostile = 'test-"}\n---\n<script>|x'
    card = model_card(RELEASE, "onnx", "base", read_evaluation(write({hostile: CLEAN}, corpus=hostile), RELEASE))
    metadata, body = parts(card)
    assert metadata["datasets"] == [hostile]
    assert metadata["model-index"][0]["results"][0]["dataset"]["split"] == hostile
    assert "<script>" not in body
    assert '| test-"} --- &lt;script>\\|x | 3.5 % |' in body


def test_a_split_without_an_interval_says_so(write):
    card = model_card(RELEASE, "onnx", "base", read_evaluation(write({"test": {**CLEAN, "interval": None}}), RELEASE))
    metadata, body = parts(card)
    assert metadata["model-index"][0]["results"][0]["metrics"] == [
        {
            "type": "wer",
            "value": 3.46,
            "name": "WER",
            "args": {"command": "w2v2 evaluate . --corpus LibriSpeech --split test"},
        }
    ]
    assert "| test | 3.5 % | none | 2,620 | 52,576 | 40 |" in body


@pytest.mark.parametrize(
    ("splits", "others", "message"),
    [
        ({}, {}, r"metrics\.json must hold the WER of at least one test split"),
        (
            {"test": {"words": {**WORDS, "wer": float("nan")}}},
            {},
            r"metrics\.json must hold the WER of at least one test split",
        ),
        ({"test": {"utterances": 1}}, {}, r"must be a whole evaluation, with metrics\.json and gate\.json: KeyError"),
        ({"test": CLEAN}, {"measured": "8" * 64}, "must be of the release 6{64}, and is of 8{64}; run"),
        ({"test": CLEAN}, {"judged": "9" * 64}, "must be of the release 6{64}, and is of 9{64}; run"),
    ],
)
def test_an_evaluation_that_measured_nothing_or_something_else_is_refused(write, splits, others, message):
    with pytest.raises(ReleaseError, match=message):
        read_evaluation(write(splits, **others), RELEASE)


def test_a_missing_evaluation_is_refused(tmp_path):
    with pytest.raises(ReleaseError, match="must be a whole evaluation, .*run the evaluator again"):
        read_evaluation(tmp_path, RELEASE)


BACKBONE = dataclasses.replace(RELEASE, head="pretraining")
VALIDATION = {
    "contrastive_loss": 1.8765, "interval": SPEAKERS, "accuracy": 0.625, "code_perplexity": 210.4, "codes": 640,
    "utterances": 5567, "masked_frames": 1_234_567, "negatives": 100,
}  # fmt: skip


@pytest.mark.parametrize(
    ("format_", "library", "use"),
    [
        ("saved_model", "tensorflow", 'model.signatures["encode"]'),
        ("onnx", "onnx", 'OnnxRelease(".", "last_hidden_state")'),
        ("checkpoint", "transformers", "w2v2 run --checkpoint . --corpus DIR"),
    ],
)
def test_a_backbone_is_told_by_its_loss(write, format_, library, use):
    evaluation = read_evaluation(write({"validation": VALIDATION}), BACKBONE)
    metadata, page = parts(model_card(BACKBONE, format_, "base", evaluation))
    assert (metadata["library_name"], metadata["pipeline_tag"]) == (library, "feature-extraction")
    assert metadata["metrics"] == ["contrastive_loss", "code_perplexity"]
    (result,) = metadata["model-index"][0]["results"]
    assert result["dataset"] == {"name": "LibriSpeech validation", "type": "LibriSpeech", "split": "validation"}
    assert [metric["value"] for metric in result["metrics"]] == [1.8765, 210.40]
    assert use in page
    assert "| validation | 1.877 | 0.030 to 0.041 (over speakers) | 62.5 % | 210.4 of 640 | 5,567 | 1,234,567 |" in page
    assert "from 100 other masked frames" in page
    assert "It recognises nothing by itself" in page
    assert "WER" not in page


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({}, "must hold the contrastive loss of a split, as a number"),
        ({"validation": {**VALIDATION, "contrastive_loss": float("nan")}}, "must hold the contrastive loss of a split"),
        ({"test-clean": CLEAN}, "must be a whole evaluation, .*KeyError"),
    ],
)
def test_a_backbone_without_a_loss_has_no_card(write, splits, message):
    with pytest.raises(ReleaseError, match=message):
        read_evaluation(write(splits), BACKBONE)


def test_a_checkpoint_of_a_recogniser_says_how_it_is_used(write):
    evaluation = read_evaluation(write({"test-clean": CLEAN}), RELEASE)
    metadata, page = parts(model_card(RELEASE, "checkpoint", "base", evaluation))
    assert metadata["library_name"] == "transformers"
    assert 'Wav2Vec2ForCTC.from_pretrained(".")' in page


WAYS = {
    "onnx_int8": {"wer": {"test-clean": 0.0361}, "text_agreement": 0.991},
    "quiet_wire": {"wer": {"test-clean": 0.05}, "text_agreement": None},
    "onnx": {"wer": {"test-clean": 0.03456}, "text_agreement": 1.0},
    "constant": {"wer": {"test-clean": 0.03456}, "text_agreement": 0.9996, "pad_to_samples": 246000},
    "batched": {"wer": {"test-clean": 0.03456}, "text_agreement": 1.0},
    "silent": {"wer": {"test-clean": None}, "text_agreement": None},
}


def test_every_way_that_was_measured_is_told_also_an_unknown_one(write):
    evaluation = read_evaluation(write({"test-clean": CLEAN}, ways=WAYS), RELEASE)
    _, page = parts(model_card(RELEASE, "onnx", "base", evaluation))
    table = page[page.index("| way |") :].split("\n\n")[0].splitlines()
    assert table == [
        "| way | WER of test-clean | same text as the first |",
        "|---|---|---|",
        "| SavedModel, in batches | 3.46 % | 100.00 % |",
        "| SavedModel, one by one, padded to 246,000 samples | 3.46 % | 99.96 % |",
        "| ONNX, one by one | 3.46 % | 100.00 % |",
        "| ONNX in int8, one by one | 3.61 % | 99.10 % |",
        "| quiet wire | 5.00 % | unknown |",
    ]


def test_the_files_of_onnx_have_results_of_their_own(write):
    evaluation = read_evaluation(write({"test-clean": CLEAN}, ways=WAYS), RELEASE)
    values = {}
    for format_ in ("saved_model", "onnx"):
        metadata, _ = parts(model_card(RELEASE, format_, "base", evaluation))
        (result,) = metadata["model-index"][0]["results"]
        values[format_] = [(metric["name"], metric["value"]) for metric in result["metrics"]]
    first = ("WER (95 % interval 3.0 to 4.1 %)", 3.46)
    assert values["saved_model"] == [first]
    assert values["onnx"] == [first, ("WER, ONNX, one by one", 3.46), ("WER, ONNX in int8, one by one", 3.61)]


@pytest.mark.parametrize("head", ["ctc", "pretraining"])
def test_the_metadata_are_read_by_the_hubs_own_parser(write, head):
    release = dataclasses.replace(RELEASE, head=head, source_checkpoint={"name": "hf://facebook/wav2vec2-base@main"})
    splits = {"test-clean": CLEAN, "test-other": OTHER} if head == "ctc" else {"validation": VALIDATION}
    ways = WAYS if head == "ctc" else {}
    card = ModelCard(model_card(release, "onnx", "base", read_evaluation(write(splits, ways=ways), release)))
    told = card.data
    assert (told.license, told.language, told.library_name) == ("cc-by-4.0", ["en"], "onnx")
    assert (told.datasets, told.base_model) == (["LibriSpeech"], "facebook/wav2vec2-base")
    assert told.model_name == "base"
    results = [(one.dataset_split, one.metric_type, one.metric_value) for one in told.eval_results]
    if head == "ctc":
        assert results == [
            ("test-clean", "wer", 3.46), ("test-clean", "wer", 3.46), ("test-clean", "wer", 3.61),
            ("test-other", "wer", 31.0),
        ]  # fmt: skip
        assert told.eval_results[0].metric_args["interval_95_percent"] == [3.0, 4.1]
    else:
        assert results == [("validation", "contrastive_loss", 1.8765), ("validation", "code_perplexity", 210.4)]


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("LicenseRef-ours: all", {"license": "other", "license_name": "LicenseRef-ours: all"}),
    ],
)
def test_a_licence_is_one_that_the_hub_takes(named, told):
    metadata, _ = parts(model_card(dataclasses.replace(RELEASE, license=named), "onnx", "base", None))
    assert {key: value for key, value in metadata.items() if key.startswith("license")} == told


@pytest.mark.parametrize("head", ["ctc", "pretraining"])
@pytest.mark.parametrize("format_", ["saved_model", "onnx", "checkpoint"])
def test_what_was_not_evaluated_says_so_and_tells_no_number(head, format_):
    release = dataclasses.replace(RELEASE, head=head)
    card = model_card(release, format_, "base", None)
    metadata, page = parts(card)
    assert not {"model-index", "metrics", "datasets"} & set(metadata)
    assert "of any length. **Not evaluated.**" in page
    assert "Nothing: these files were made without an evaluation." in page
    assert ("w2v2 evaluate MODEL --corpus DIR" in page) == (head == "ctc")
    assert "No gate has judged it" in page
    assert ("How many errors it makes is not known" in page) == (head == "ctc")
    assert ("What it has learned is not known" in page) == (head == "pretraining")
    assert " % |" not in page
    assert ModelCard(card).data.eval_results is None
    assert f"| release digest | `{'6' * 64}` |" in page
