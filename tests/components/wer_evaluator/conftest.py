"""Releases, examples, and what was heard of utterances, most of it without a model."""

import json
from pathlib import Path

import numpy as np
import pytest

from beam_jobs.evaluation import HeardBy, HeardUtterance
from beam_jobs.librispeech.record_file import RecordFile
from model.examples import Utterance, encode
from model.export.release import Release
from model.storage import release_digest, sha256_of_files, write_json
from model.text import LIBRISPEECH_TOKENS

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"
WAYS = ("batched", "alone", "constant", "onnx", "onnx_int8")


@pytest.fixture(scope="session")
def releases(tmp_path_factory):
    """Two releases of different models that can be run, and the first of the models itself."""
    from model import load_model
    from model.checkpoint import convert_checkpoint
    from model.export.build import export_release
    from model.export.settings import ReleaseSettings

    root = tmp_path_factory.mktemp("releases")
    found = {}
    for name, variant in (("candidate", "layer_pre_norm"), ("other", "group_post_norm")):
        convert_checkpoint(GOLDEN / variant, root / f"{name}-model")
        export_release(root / f"{name}-model", root / name, ReleaseSettings(name=name))
        found[name] = root / name
    found["model"] = load_model(root / "candidate-model")
    return found


@pytest.fixture
def make_release(tmp_path):
    """Writes a release that holds nothing that could be run."""

    def make_release(name="candidate", weights="weights", tokens=LIBRISPEECH_TOKENS):
        root = tmp_path / "releases" / name
        content = {
            "saved_model/saved_model.pb": weights,
            "onnx/onnx/model.onnx": weights,
            "onnx/vocab.json": json.dumps({token: number for number, token in enumerate(tokens)}),
            "checkpoint/model.safetensors": weights,
        }
        for path, text in content.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        # Where it is written a second time, RELEASE.json is there already.
        files = {path: sha256 for path, sha256 in sha256_of_files(root).items() if path in content}
        Release(
            name=name, model_digest=weights, release_digest=release_digest(files), files=files,
            sizes_bytes={path: (root / path).stat().st_size for path in files}, source_checkpoint=None, license="mit",
            language="en", sample_rate_hz=16_000, versions={},
        ).write(root)  # fmt: skip
        return root

    return make_release


@pytest.fixture
def make_heard():
    """Makes an utterance as a way heard it; `texts` are those of ways that heard something else."""

    def make_heard(utterance_id, reference, text, split="test-a", seconds=2.0, took=0.5, differs=0.0, **texts):
        speaker, *_ = utterance_id.split("-")
        by_way = {
            way: HeardBy(texts.get(way, text), differs if way in ("onnx", "onnx_int8") else 0.0, took)
            for way in dict.fromkeys((*WAYS, *texts))
        }
        gender = "F" if int(speaker) % 2 else "M"
        return HeardUtterance(utterance_id, split, split, speaker, gender, int(16_000 * seconds), reference, by_way)

    return make_heard


@pytest.fixture
def make_examples(tmp_path):
    """Writes examples with `dataset_info.json`, from (id, transcript) by split."""

    def make_examples(**splits):
        root = tmp_path / "examples"
        for name, utterances in splits.items():
            directory = root / f"Split-{name.replace('_', '-')}"
            directory.mkdir(parents=True, exist_ok=True)
            with (directory / "data_tfrecord-00000-of-00001").open("wb") as stream:
                file = RecordFile(stream)
                for number, (utterance_id, transcript) in enumerate(utterances):
                    samples = np.full(500 + number, number, np.int16)
                    speaker = utterance_id.partition("-")[0]
                    file.write([encode(Utterance(utterance_id, speaker, "1", "F", name, 16_000, samples, transcript))])
        write_json(root / "dataset_info.json", {"corpus": {"root_name": "c"}, "splits": {}})
        return root

    return make_examples
