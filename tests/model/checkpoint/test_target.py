"""A checkpoint keeps its head or gets a new one; its backbone stays as it is, bit by bit."""

import json
from pathlib import Path

import numpy as np
import pytest

from model import load_model
from model.alphabet import Alphabet
from model.checkpoint import convert_checkpoint, read_checkpoint
from model.checkpoint.target import target_of
from model.errors import CheckpointError
from model.text import Vocabulary, librispeech_vocabulary

GOLDEN = Path(__file__).parents[2] / "golden"
VARIANTS = GOLDEN / "wav2vec2"


def backbone(model):
    weights = model.named_weights()
    return {name: weights[name].numpy() for name in weights if name.startswith("wav2vec2/")}


def assert_same_backbone(one, other):
    ours, theirs = backbone(one), backbone(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


@pytest.mark.parametrize("variant", ["pretraining", "headless", "hubert_headless"])
def test_a_new_ctc_head_stands_on_the_same_backbone(variant, converted, tmp_path):
    report = convert_checkpoint(
        VARIANTS / variant, tmp_path / "model", head="ctc", vocabulary=librispeech_vocabulary(), seed=3
    )
    loaded = load_model(tmp_path / "model")
    assert_same_backbone(loaded.model, converted(variant).loaded.model)
    assert loaded.vocabulary == librispeech_vocabulary()
    assert loaded.config.vocab_size == 32
    assert (report["head"], report["source_head"]) == ("ctc", "pretraining" if variant == "pretraining" else "none")
    drawn = {row["variable"] for row in report["tensors"] if row["dtype"] == "random"}
    assert drawn == {"lm_head/kernel", "lm_head/bias"}
    dropped = [name for name in report["left_out"] if name.startswith(("quantizer.", "project_"))]
    assert len(dropped) == (7 if variant == "pretraining" else 0)
    assert json.loads((tmp_path / "model" / "conversion_report.json").read_text()) == report
    assert {row["variable"] for row in report["tensors"]} == set(loaded.model.named_weights())


def test_the_seed_decides_the_new_head(tmp_path):
    heads = []
    for seed in (1, 1, 2):
        convert_checkpoint(
            VARIANTS / "headless", tmp_path / "model", head="ctc", vocabulary=librispeech_vocabulary(), seed=seed
        )
        heads.append(load_model(tmp_path / "model").model.named_weights()["lm_head/kernel"].numpy())
    np.testing.assert_array_equal(heads[0], heads[1])
    assert not np.array_equal(heads[0], heads[2])


def test_a_vocabulary_of_another_size_sets_the_head(tmp_path):
    vocabulary = Vocabulary(("A", "B", "|", "<unk>", "<pad>"), blank_id=4)
    convert_checkpoint(VARIANTS / "headless", tmp_path / "model", head="ctc", vocabulary=vocabulary)
    loaded = load_model(tmp_path / "model")
    assert (loaded.config.vocab_size, loaded.config.pad_token_id) == (5, 4)
    assert loaded.model.named_weights()["lm_head/kernel"].shape[-1] == 5


def test_a_ctc_head_is_kept_whatever_vocabulary_is_offered(converted, tmp_path):
    vocabulary = Vocabulary(("A", "<unk>", "<pad>"), blank_id=2)
    report = convert_checkpoint(VARIANTS / "group_post_norm", tmp_path / "model", head="ctc", vocabulary=vocabulary)
    assert load_model(tmp_path / "model").digest == converted("group_post_norm").loaded.digest
    assert "random" not in {row["dtype"] for row in report["tensors"]}


def test_a_backbone_alone_gets_heads_of_pre_training(converted, tmp_path):
    report = convert_checkpoint(VARIANTS / "headless", tmp_path / "model", head="pretraining")
    loaded = load_model(tmp_path / "model")
    assert loaded.model.head == "pretraining"
    assert_same_backbone(loaded.model, converted("headless").loaded.model)
    assert (report["source_head"], report["head"]) == ("none", "pretraining")
    assert "quantizer/codevectors" in {row["variable"] for row in report["tensors"] if row["dtype"] == "random"}


def test_heads_of_pre_training_are_kept(converted, tmp_path):
    convert_checkpoint(VARIANTS / "pretraining", tmp_path / "model", head="pretraining")
    assert load_model(tmp_path / "model").digest == converted("pretraining").loaded.digest


def test_a_fairseq_file_of_pre_training_gets_a_ctc_head(tmp_path):
    source = GOLDEN / "fairseq" / "pretrained_quantizer_cfg.pt"
    report = convert_checkpoint(source, tmp_path / "model", head="ctc", vocabulary=librispeech_vocabulary())
    convert_checkpoint(source, tmp_path / "own")
    assert_same_backbone(load_model(tmp_path / "model").model, load_model(tmp_path / "own").model)
    assert any(name.startswith("quantizer.") for name in report["left_out"])


@pytest.mark.parametrize(
    ("variant", "head", "message"),
    [
        ("group_post_norm", "pretraining", "group_post_norm has a CTC head: .* checkpoint that it was fine-tuned from"),
        ("hubert_headless", "pretraining", "must stand on a wav2vec2 model without add_adapter; .* 'hubert'"),
        ("headless", "ctc", "A new CTC head on headless must be given the tokens of its vocabulary"),
    ],
)
def test_what_cannot_be_is_said(variant, head, message, tmp_path):
    with pytest.raises(CheckpointError, match=message):
        convert_checkpoint(VARIANTS / variant, tmp_path / "model", head=head)
    assert not (tmp_path / "model").exists()


def test_nothing_asked_for_nothing_changed():
    checkpoint = read_checkpoint(VARIANTS / "headless")
    target = target_of(checkpoint, None)
    assert (target.head, target.config, target.has_new_head) == ("none", checkpoint.config, False)


@pytest.mark.parametrize("variant", ["group_post_norm", "attention_adapter", "pretraining", "headless"])
def test_a_new_head_for_another_language_takes_the_place_of_any_head(variant, tmp_path):
    alphabet = Alphabet("αβγδε")
    report = convert_checkpoint(
        VARIANTS / variant, tmp_path / "model", head="ctc", vocabulary=alphabet.vocabulary(), seed=3, new_head=True
    )
    loaded = load_model(tmp_path / "model")
    assert loaded.vocabulary == alphabet.vocabulary()
    assert loaded.config.vocab_size == 10
    drawn = [row["variable"] for row in report["tensors"] if row["dtype"] == "random"]
    assert len(drawn) == 2
    assert report["head"] == "ctc"
    assert report["source_head"] == {"pretraining": "pretraining", "headless": "none"}.get(variant, "ctc")
    convert_checkpoint(VARIANTS / variant, tmp_path / "kept")
    assert_same_backbone(loaded.model, load_model(tmp_path / "kept").model)
