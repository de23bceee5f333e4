"""Pre-training on records without a pipeline."""

from pathlib import Path

import numpy as np
import pytest

from model import load_model
from model.checkpoint import convert_checkpoint
from model.errors import CheckpointError, DataError
from model.training.pretrain import pretrain
from tests.micro_training import CONFIG, settings, write_records

pytestmark = pytest.mark.e2e

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    from model.checkpoint.random_model import make_random_model

    directory = tmp_path_factory.mktemp("base") / "model"
    make_random_model(CONFIG, "pretraining", None, directory, seed=5)
    return directory


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory = tmp_path_factory.mktemp("records")
    write_records(directory)
    return sorted(map(str, directory.iterdir()))


def chosen(**changes):
    wanted = {"task": "pretraining", "mask_time_prob": 0.5, "mask_time_length": 2, "dropout": 0.3}
    return settings(**{**wanted, **changes})


def test_it_learns_and_writes_a_model_of_the_same_kind(base, files, tmp_path):
    result = pretrain(base, files[:2], files[2:], chosen(), tmp_path / "out")
    assert result.steps == 12
    assert [one.step for one in result.measurements] == [4, 8, 12]
    assert len(result.curves["loss"]) == 12
    assert all(np.isfinite(one.validation["perplexity"]) for one in result.measurements)
    before, after = load_model(base), load_model(tmp_path / "out")
    assert after.model.head == "pretraining"
    assert after.config == before.config, "what a training drops belongs to the training"
    assert after.manifest["source_checkpoint"]["name"] == "random"
    start, end = before.model.named_weights(), after.model.named_weights()
    moved = [name for name, value in end.items() if not np.array_equal(value.numpy(), start[name].numpy())]
    assert len(moved) > 0.9 * len(end)


def test_the_same_settings_give_the_same_weights(base, files, tmp_path):
    quiet = {"dropout": 0.0, "activation_dropout": 0.0, "attention_dropout": 0.0, "layerdrop": 0.0, "steps": 3}
    for name in ("one", "other"):
        pretrain(base, files[:2], files[2:], chosen(**quiet), tmp_path / name)
    assert load_model(tmp_path / "one").digest == load_model(tmp_path / "other").digest


def test_a_model_without_the_heads_and_a_task_of_another_kind_are_refused(base, files, tmp_path):
    convert_checkpoint(GOLDEN / "layer_pre_norm", tmp_path / "recogniser")
    with pytest.raises(CheckpointError, match="must start from a model with the head 'pretraining'.*'ctc'"):
        pretrain(tmp_path / "recogniser", files, files, chosen(), tmp_path / "out")
    with pytest.raises(CheckpointError, match="and these are 'pretraining' and 'ctc'"):
        pretrain(base, files, files, settings(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sound_that_is_too_long_for_all_batches_is_said(base, files, tmp_path):
    with pytest.raises(DataError, match="must hold an utterance of .* to 100 samples; none of its 36 is"):
        pretrain(base, files, files, chosen(max_samples=100), tmp_path / "out")
