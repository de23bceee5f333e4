"""The files that Hugging Face's tools look for. `tests/e2e/test_loaders.py` lets those tools read them."""

import dataclasses
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.export.hugging_face_files import hugging_face_files, tokenizer_json
from model.text import Vocabulary, librispeech_vocabulary


def test_a_recogniser_has_all_of_them(loaded):
    model = loaded["layer_pre_norm"]
    files = hugging_face_files(model)
    assert sorted(files) == [
        "config.json", "preprocessor_config.json", "special_tokens_map.json", "tokenizer.json",
        "tokenizer_config.json", "vocab.json",
    ]  # fmt: skip
    assert files["config.json"] == model.config.to_published("ctc")
    assert files["preprocessor_config.json"]["feature_extractor_type"] == "Wav2Vec2FeatureExtractor"
    assert files["vocab.json"] == librispeech_vocabulary().to_mapping()
    assert files["special_tokens_map.json"] == {
        "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"
    }  # fmt: skip
    assert files["tokenizer_config.json"] == {
        "tokenizer_class": "Wav2Vec2CTCTokenizer",
        "processor_class": "Wav2Vec2Processor",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "word_delimiter_token": "|",
        "do_lower_case": False,
        "replace_word_delimiter_char": " ",
        "clean_up_tokenization_spaces": False,
    }
    assert files["tokenizer.json"] == tokenizer_json(librispeech_vocabulary())
    assert json.loads(json.dumps(files)) == files


def test_a_backbone_has_no_words(loaded):
    files = hugging_face_files(dataclasses.replace(loaded["layer_pre_norm"], tokens=None))
    assert sorted(files) == ["config.json", "preprocessor_config.json"]


def test_tokens_that_a_vocabulary_lacks_are_not_named(loaded):
    model = dataclasses.replace(loaded["layer_pre_norm"], tokens=Vocabulary(("<pad>", "A", " ")))
    files = hugging_face_files(model)
    assert files["special_tokens_map.json"] == {"pad_token": "<pad>"}
    assert files["tokenizer_config.json"]["unk_token"] is None
    assert files["tokenizer_config.json"]["word_delimiter_token"] is None
    assert files["tokenizer.json"]["model"] == {
        "type": "WordLevel", "vocab": {"<pad>": 0, "A": 1, " ": 2}, "unk_token": "<pad>"
    }  # fmt: skip


def test_no_token_is_special_so_that_none_is_taken_out_before_repeats_are_collapsed():
    assert tokenizer_json(librispeech_vocabulary())["added_tokens"] == []


# What a tokenizer does with the rules, in Python: as many as are used.
def decoded(rules, ids):
    tokens = {index: token for token, index in rules["model"]["vocab"].items()}
    parts = [tokens[index] for index in ids]
    for decoder in rules["decoder"]["decoders"]:
        match decoder:
            case {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}:
                parts = [re.sub(pattern.replace(r"\z", r"\Z"), content, part) for part in parts]
            case {"type": "CTC", "pad_token": pad, "cleanup": False}:
                kept = [part for index, part in enumerate(parts) if index == 0 or part != parts[index - 1]]
                parts = [part.replace(pad, "") for part in kept]
            case {"type": "Fuse"}:
                parts = ["".join(parts)]
            case _:
                pytest.fail(f"unknown: {decoder}")
    return "".join(parts)


TOKENS = ("|", " ", "A", "B", "CH", "<s>", "<unk>", "'s", ".", "Ä", "\u3000", "(", "[x]", "a|b", "\\", "^", "-", "/")


@given(
    tokens=st.lists(st.sampled_from(TOKENS), unique=True),
    blank_id=st.integers(0, len(TOKENS)),
    choices=st.lists(st.integers(0, len(TOKENS)), min_size=1, max_size=40),
)
def test_the_rules_decode_as_the_vocabulary_does(tokens, blank_id, choices):
    blank_id = min(blank_id, len(tokens))
    vocabulary = Vocabulary((*tokens[:blank_id], "<pad>", *tokens[blank_id:]), blank_id)
    ids = [choice % len(vocabulary.tokens) for choice in choices]
    assert decoded(tokenizer_json(vocabulary), ids) == vocabulary.decode_greedy(ids)
