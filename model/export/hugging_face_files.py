"""The JSON files beside an ONNX model: what transformers, optimum and transformers.js look for.

config.json               the architecture
preprocessor_config.json  how a waveform becomes the model's input
vocab.json                id by token; this and what follows of a recogniser only
tokenizer_config.json     what the tokens mean
special_tokens_map.json   which tokens are no letters
tokenizer.json            the same as rules, in the format of the library `tokenizers`, for transformers.js
"""

from __future__ import annotations

import re
from typing import Any

from model.text import PAD_TOKEN, UNKNOWN_TOKEN, WORD_DELIMITER_TOKEN, Vocabulary, text_of_token

# Every white space of Python's, by which `Vocabulary` collapses: the four separators are none to Unicode's property.
_WHITE_SPACE = r"[\s\x1C-\x1F]+"


def hugging_face_files(loaded: Any) -> dict[str, dict[str, Any]]:
    """Returns the JSON files beside the model, by name.

    Args:
      loaded: A `LoadedModel`; one without a CTC head has no vocabulary, and so the first two files only.
    """
    described = {
        "config.json": loaded.config.to_published(loaded.model.head),
        "preprocessor_config.json": dict(loaded.preprocessor),
    }
    if loaded.tokens is None:
        return described
    vocabulary: Vocabulary = loaded.tokens

    def token(text: str) -> str | None:
        return text if text in vocabulary.tokens else None

    special = {
        "bos_token": token("<s>"),
        "eos_token": token("</s>"),
        "pad_token": token(PAD_TOKEN),
        "unk_token": token(UNKNOWN_TOKEN),
    }
    return {
        **described,
        "vocab.json": vocabulary.to_mapping(),
        "tokenizer_config.json": {
            "tokenizer_class": "Wav2Vec2CTCTokenizer",
            "processor_class": "Wav2Vec2Processor",
            **special,
            "word_delimiter_token": token(WORD_DELIMITER_TOKEN),
            "do_lower_case": False,
            "replace_word_delimiter_char": " ",
            # What is on by default there takes spaces out of a text: in front of `n't`, `'s`, full stops and more.
            "clean_up_tokenization_spaces": False,
        },
        "special_tokens_map.json": {name: text for name, text in special.items() if text is not None},
        "tokenizer.json": tokenizer_json(vocabulary),
    }


def tokenizer_json(vocabulary: Vocabulary) -> dict[str, Any]:
    """Returns a `tokenizer.json` that encodes as `Vocabulary.encode` and decodes as `Vocabulary.decode_greedy`.

    Source: the format of https://github.com/huggingface/tokenizers, which transformers.js reads. No token is marked as
    special there: a decoder that is asked to skip special tokens takes them out before it collapses repeats, and would
    so join the two letters on either side of a blank.

    Args:
      vocabulary: The tokens; any, also without `|`, with tokens of several letters, or with white space in them.
    """
    silent = [token for token in vocabulary.tokens if text_of_token(token) == "" and token != PAD_TOKEN]
    decoders = []
    if WORD_DELIMITER_TOKEN in vocabulary.tokens:
        decoders.append(_replaced(_whole([WORD_DELIMITER_TOKEN]), " "))
    if silent:
        decoders.append(_replaced(_whole(silent), ""))
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": WORD_DELIMITER_TOKEN},
        # Each character by itself.
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated", "invert": False},
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                *decoders,
                # Its own clean-up would change more than the delimiter.
                {
                    "type": "CTC",
                    "pad_token": PAD_TOKEN,
                    "word_delimiter_token": WORD_DELIMITER_TOKEN,
                    "cleanup": False,
                },
                {"type": "Fuse"},
                _replaced(_WHITE_SPACE, " "),
                # The decoder `Strip` of tokenizers 0.22 and 0.23 panics on an empty text.
                _replaced(r"\A | \z", ""),
            ],
        },
        "model": {
            "type": "WordLevel",
            "vocab": vocabulary.to_mapping(),
            "unk_token": UNKNOWN_TOKEN if UNKNOWN_TOKEN in vocabulary.tokens else PAD_TOKEN,
        },
    }


def _replaced(pattern: str, content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}


def _whole(tokens: list[str]) -> str:
    """A pattern for exactly these tokens, in the syntax that Oniguruma and JavaScript share."""
    escaped = (re.sub(r"[\\^$.|?*+()\[\]{}/]", r"\\\g<0>", token) for token in tokens)
    return rf"\A(?:{'|'.join(escaped)})\z"
