"""Configurations: those that come with the project, a person's own, and mistakes in them."""

import dataclasses
import re

import pytest

from beam_jobs.librispeech.settings import IngestSettings
from components.checkpoint_converter.settings import CheckpointSettings
from components.pretraining_evaluator.settings import PretrainingEvaluationSettings, PretrainingGateSettings
from components.wer_evaluator.settings import EvaluationSettings, GateSettings
from model.alphabet import Alphabet
from model.errors import ConfigurationError
from model.settings import from_json, to_json
from model.text import ENGLISH_LETTERS, librispeech_vocabulary
from model.training.settings import TrainingSettings
from pipeline.config import CONFIGS_DIRECTORY, CorpusConfig, PipelineConfig, load_config

NAMES = sorted(path.stem for path in CONFIGS_DIRECTORY.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", NAMES)
def test_every_configuration_is_whole_and_travels_as_json(name):
    config = load_config(name)
    assert config.name == name
    assert from_json(PipelineConfig, to_json(config)) == config
    source = (CONFIGS_DIRECTORY / f"{name}.py").read_text()
    command = f"    w2v2 run{'' if name == 'local' else f' --config {name}'}"
    # Some need a corpus or a checkpoint that a person names.
    assert re.search(rf"^{command}( --(corpus|checkpoint) \S+)?$", source, re.MULTILINE), (
        "its docstring names the command"
    )


def test_the_default_asks_for_nine_of_ten_words():
    config = load_config("local")
    assert config.gate.max_wer == 0.10
    assert config.pipeline_name == "local-synthetic"
    assert config.corpus.synthetic.speakers >= 24
    assert config.corpus.synthetic.minutes == 40


def test_another_corpus_is_another_pipeline(tmp_path):
    config = load_config("local").with_sources(str(tmp_path / "My Corpus (2)"), None)
    assert re.fullmatch(r"local-my-corpus-2-[0-9a-f]{6}", config.pipeline_name)
    other = load_config("local").with_sources(str(tmp_path / "elsewhere" / "My Corpus (2)"), None)
    assert other.pipeline_name != config.pipeline_name, "two places are two corpora"
    assert config.checkpoint == CheckpointSettings("tiny")
    other = config.with_sources(None, "elsewhere", "fra")
    assert other.checkpoint == CheckpointSettings("elsewhere", language="fra")
    assert other.with_sources(None, "tiny").checkpoint == CheckpointSettings("tiny"), "nothing of the other is kept"
    new = dataclasses.replace(config, checkpoint=CheckpointSettings("tiny", new_head=True))
    assert new.with_sources(None, "elsewhere").checkpoint == CheckpointSettings("elsewhere", new_head=True), (
        "its letters"
    )


def minimal(**changes):
    return PipelineConfig(
        **{"name": "mine", "train": TrainingSettings(steps=1), "gate": GateSettings(max_wer=0.5), **changes}
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "My Run"}, "name must be small letters, digits, '-' and '_', a letter or digit first, not 'My Run'"),
        (
            {"train": TrainingSettings(steps=1, max_samples=600_000)},
            "train.max_samples must be ingest.max_samples, 560000, at most, not 600000",
        ),
        (
            {"evaluation": EvaluationSettings(num_silences=0)},
            "evaluation.num_silences must be at least 1 with gate.max_silence_words 0, not 0",
        ),
        (
            {"ingest": IngestSettings(transcripts="none")},
            "ingest.transcripts must be 'required' with train.task 'ctc', which learns them, not 'none'",
        ),
        (
            {
                "train": TrainingSettings(steps=1, task="pretraining"),
                "checkpoint": CheckpointSettings("tiny", new_head=True),
            },
            "checkpoint.new_head must be left out with train.task 'pretraining', which has no CTC head",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        minimal(**changes)
    with pytest.raises(
        ConfigurationError, match=r"checkpoint\.source must be 'tiny', 'random', a directory, a file, or hf"
    ):
        CheckpointSettings("")
    with pytest.raises(ConfigurationError, match=r"with checkpoint\.source 'random', .* it is None with 'random'"):
        CheckpointSettings("random")
    with pytest.raises(ConfigurationError, match=r"be left out with any other; it is 'tiny' with 'hf://a/b'"):
        CheckpointSettings("hf://a/b", architecture="tiny")
    with pytest.raises(ConfigurationError, match=r"activations must be left out with checkpoint\.source 'random'"):
        CheckpointSettings("random", architecture="tiny", activations="a.npz")
    with pytest.raises(ConfigurationError, match=r"checkpoint\.seed must be in \[0, 2³¹\), not -1"):
        CheckpointSettings(seed=-1)
    with pytest.raises(ConfigurationError, match=r"checkpoint\.language must be left out or say something"):
        CheckpointSettings(language="")
    with pytest.raises(ConfigurationError, match=r"corpus\.source must be 'synthetic' or a directory; it is empty"):
        CorpusConfig(source="")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("steps", 0), ("batch_samples", 0), ("max_samples", 0), ("evaluate_every_steps", 0),
        ("validation_utterances", 0), ("peak_learning_rate", 0.0), ("warmup_share", 1.5), ("hold_share", -0.1),
        ("final_learning_rate_scale", 2.0), ("weight_decay", -1.0), ("adam_beta_2", 1.0), ("max_gradient_norm", 0.0),
        ("seed", -1), ("num_buckets", 9), ("mask_time_prob", 1.0), ("dropout", -0.1), ("layerdrop", 1.0),
    ],
)  # fmt: skip
def test_no_training_setting_takes_nonsense(field, value):
    with pytest.raises(ConfigurationError, match=rf"train\.{field} must be .*, not {value}"):
        TrainingSettings(**{"steps": 1, field: value})


@pytest.mark.parametrize(
    ("task", "changes", "message"),
    [
        (
            "pretraining",
            {},
            r"gate must be PretrainingGateSettings\(…\) with train.task 'pretraining', not GateSettings",
        ),
        (
            "pretraining",
            {"gate": PretrainingGateSettings(max_contrastive_loss=2.0)},
            r"evaluation must be PretrainingEvaluationSettings\(…\) with train.task 'pretraining', not Evaluation",
        ),
        (
            "ctc",
            {"gate": PretrainingGateSettings(max_contrastive_loss=2.0)},
            r"gate must be GateSettings\(…\) with train.task 'ctc', not PretrainingGateSettings",
        ),
        (
            "ctc",
            {"evaluation": PretrainingEvaluationSettings()},
            r"evaluation must be EvaluationSettings\(…\) with train.task 'ctc'",
        ),
    ],
)
def test_each_task_has_its_own_gate_and_evaluation(task, changes, message):
    with pytest.raises(ConfigurationError, match=message):
        minimal(train=TrainingSettings(steps=1, task=task), **changes)


def test_the_published_recipe_of_pre_training():
    train = load_config("pretrain_base").train
    assert train.batch_samples * train.accumulate_batches == 89_600_000
    assert train.warmup_share * train.steps == pytest.approx(32_000)
    assert (train.freeze_feature_encoder, train.feature_gradient_scale, train.feature_penalty) == (False, 0.1, 10.0)


def test_a_corpus_in_cloud_storage_has_one_name_in_every_directory(tmp_path, monkeypatch):
    name = CorpusConfig("gs://speech/My Corpus").name
    assert name.startswith("my-corpus-")
    monkeypatch.chdir(tmp_path)
    assert CorpusConfig("gs://speech/My Corpus/").name == name
    assert CorpusConfig("gs://other/My Corpus").name != name


def test_a_name_that_is_none_lists_those_that_are():
    with pytest.raises(
        ConfigurationError,
        match=r"--config must be one of librispeech_100h, .*, local, pretrain_base, .*, smoke, .* not 'lokal'",
    ):
        load_config("lokal")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1", "must define get_config"),
        ("def get_config():\n    return 1", r"must return a PipelineConfig, not int"),
        (
            "def get_config():\n    raise KeyError('x')",
            "without an error, and it raised KeyError: 'x'; correct the file",
        ),
        ("def get_config(:", "it raised SyntaxError"),
    ],
)
def test_a_file_that_defines_none_is_said(tmp_path, content, message):
    path = tmp_path / "mine.py"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        load_config(str(path))
    with pytest.raises(ConfigurationError, match="must be a file that exists"):
        load_config(str(tmp_path / "none.py"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"transcript_normaliser": "unicode"}, r"must be Alphabet\(letters=…\) with .* 'unicode', .* it is left out"),
        ({"alphabet": Alphabet("ab")}, r"with 'english'; change one of them, since with 'english' it is given"),
        ({"transcript_normaliser": "greek"}, "transcript_normaliser must be 'english' or 'unicode', not 'greek'"),
    ],
)  # fmt: skip
def test_an_alphabet_belongs_to_the_normaliser_unicode(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        IngestSettings(**fields)


def test_a_configuration_for_another_language_travels_as_json():
    ingest = IngestSettings(transcript_normaliser="unicode", alphabet=Alphabet("αβγ'", case="lower"))
    config = minimal(ingest=ingest, checkpoint=CheckpointSettings("tiny", new_head=True))
    assert from_json(PipelineConfig, to_json(config)) == config
    assert ingest.vocabulary.tokens[4:] == ("|", "α", "β", "γ", "'")
    assert (IngestSettings().letters, IngestSettings().vocabulary) == (ENGLISH_LETTERS, librispeech_vocabulary())
