"""The files of onnx-asr, read as its reader reads them. `tests/e2e/test_loaders.py` lets onnx-asr itself read them."""

import dataclasses
import io
import json

from hypothesis import given
from hypothesis import strategies as st

from model import Wav2Vec2Config
from model.export.onnx_asr_files import onnx_asr_files, vocabulary_lines
from model.text import Vocabulary, librispeech_vocabulary


def read(lines):
    """As onnx-asr 0.12 does: one space in each line, and `▁` is a space."""
    pairs = [line.strip("\n").split(" ") for line in io.StringIO(lines, newline=None)]
    return {int(index): token.replace("\u2581", " ") for token, index in pairs}


def test_what_adds_nothing_to_a_text_is_written_as_nothing():
    lines = vocabulary_lines(librispeech_vocabulary()).splitlines()
    assert lines[:7] == ["<blk> 0", " 1", " 2", " 3", "\u2581 4", "E 5", "T 6"]
    assert (len(lines), lines[27], lines[31]) == (32, "' 27", "Z 31")


def test_the_files_name_type_and_stride(loaded):
    model = loaded["layer_pre_norm"]
    files = onnx_asr_files(model)
    assert sorted(files) == ["config.json", "vocab.txt"]
    assert json.loads(files["config.json"]) == {"model_type": "wav2vec2-ctc", "subsampling_factor": 320}
    assert read(files["vocab.txt"])[6] == "T"


def test_an_adapter_lengthens_the_stride(loaded):
    config = Wav2Vec2Config(add_adapter=True, num_adapter_layers=2, adapter_stride=3)
    files = onnx_asr_files(dataclasses.replace(loaded["layer_pre_norm"], config=config))
    assert json.loads(files["config.json"])["subsampling_factor"] == 320 * 9


@given(st.lists(st.text(min_size=1, max_size=3), unique=True, max_size=20))
def test_every_vocabulary_can_be_read(tokens):
    others = [token for token in tokens if token != "<pad>"]
    vocabulary = Vocabulary(("<pad>", *others))
    found = read(vocabulary_lines(vocabulary))
    assert sorted(found) == list(range(len(vocabulary.tokens)))
    assert found[0] == "<blk>"
    assert [index for index, token in found.items() if token == "<blk>"] == [0]
    for index, token in enumerate(others, 1):
        if token.isalpha():
            assert found[index] == token
