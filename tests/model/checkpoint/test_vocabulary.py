"""Vocabularies as they are found beside published checkpoints."""

import json

import pytest

from model import Wav2Vec2Config
from model.checkpoint.vocabulary import fairseq_vocabulary, published_vocabulary
from model.errors import CheckpointError, UsageError
from model.text import LIBRISPEECH_TOKENS, librispeech_vocabulary

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


@pytest.fixture
def vocabulary_of(tmp_path):
    """Reads the vocabulary of files that are given by their names without `.json`."""

    def read(size, blank=0, language=None, **files):
        for name, value in files.items():
            text = value if isinstance(value, str) else json.dumps(value)
            (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
        config = Wav2Vec2Config(vocab_size=size, pad_token_id=blank)
        return published_vocabulary(tmp_path, config, language)

    return read


def ids(*tokens):
    return {token: index for index, token in enumerate(tokens)}


def test_the_published_ids_of_librispeech(vocabulary_of):
    # vocab.json of wav2vec2-base-960h lists them in another order than that of the ids.
    shuffled = dict(sorted(ids(*LIBRISPEECH_TOKENS).items()))
    tokenizer = {**SPECIAL, "unk_token": "<unk>", "pad_token": "<pad>", "do_lower_case": False, "do_normalize": True}
    assert vocabulary_of(32, vocab=shuffled, tokenizer_config=tokenizer) == librispeech_vocabulary()


def test_fine_tuned_in_brackets(vocabulary_of):
    # As the well-known recipe writes it: letters first, the special tokens last, two more in added_tokens.json.
    vocabulary = vocabulary_of(
        7,
        blank=4,
        vocab=ids("a", "b", "|", "[UNK]", "[PAD]"),
        added_tokens={"<s>": 5, "</s>": 6},
        tokenizer_config={**SPECIAL, "unk_token": "[UNK]", "pad_token": "[PAD]", "word_delimiter_token": "|"},
        special_tokens_map={**SPECIAL, "unk_token": "[UNK]", "pad_token": "[PAD]"},
    )
    assert vocabulary.tokens == ("a", "b", "|", "<unk>", "<pad>", "<s>", "</s>")
    assert vocabulary.blank_id == 4
    assert vocabulary.decode_greedy([0, 0, 4, 0, 2, 1, 6]) == "aa b"
    assert vocabulary.encode("a z") == [0, 2, 3]


def test_tokens_that_were_added_beyond_the_head_are_not_in_it(vocabulary_of):
    vocabulary = vocabulary_of(
        5, blank=4, vocab=ids("a", "b", "|", "[UNK]", "[PAD]"), added_tokens={"<s>": 5, "</s>": 6}
    )
    assert vocabulary.tokens == ("a", "b", "|", "<unk>", "<pad>")


def test_added_tokens_that_only_the_tokenizer_names(vocabulary_of):
    added = {"4": {"content": "[PAD]", "special": True}, "5": {"content": "<s>"}, "6": {"content": "</s>"}}
    vocabulary = vocabulary_of(
        6, blank=4, vocab=ids("a", "b", "|", "[UNK]", "[PAD]"), tokenizer_config={"added_tokens_decoder": added}
    )
    assert vocabulary.tokens == ("a", "b", "|", "<unk>", "<pad>", "<s>")


def test_special_tokens_that_are_objects(vocabulary_of):
    def token(content):
        return {"__type": "AddedToken", "content": content, "lstrip": False, "normalized": True}

    vocabulary = vocabulary_of(
        4,
        blank=3,
        vocab=ids("a", "|", "[unknown]", "[blank]"),
        tokenizer_config={
            "unk_token": token("[unknown]"),
            "pad_token": token("[blank]"),
            "word_delimiter_token": token("|"),
        },
    )
    assert vocabulary.tokens == ("a", "|", "<unk>", "<pad>")


@pytest.mark.parametrize("value", [None, 7, [], {}, {"content": None}, {"content": ["x"]}, [["<unk>"]]])
@pytest.mark.parametrize(
    "name", ["unk_token", "pad_token", "word_delimiter_token", "target_lang", "added_tokens_decoder"]
)
def test_a_strange_field_of_the_tokenizer_counts_as_missing(name, value, vocabulary_of):
    vocabulary = vocabulary_of(4, vocab=ids("<pad>", "|", "a", "[UNK]"), tokenizer_config={name: value})
    assert vocabulary.tokens == ("<pad>", "|", "a", "<unk>")


def test_the_blank_may_have_any_name(vocabulary_of):
    assert vocabulary_of(3, blank=2, vocab=ids("a", "|", "-")).tokens == ("a", "|", "<pad>")


def test_32_tokens_without_names_are_those_of_librispeech(vocabulary_of):
    assert vocabulary_of(32) == librispeech_vocabulary()


def test_a_byte_order_mark_is_no_json(vocabulary_of):
    with pytest.raises(CheckpointError, match=r"vocab.json must be a JSON object in UTF-8: .*BOM"):
        vocabulary_of(2, vocab='\ufeff{"<pad>": 0, "a": 1}')


@pytest.mark.parametrize(
    ("size", "blank", "files", "message"),
    [
        (33, 0, {}, r"must have a vocab.json that names its 33 tokens, the CTC blank at 0, and has none; add it"),
        (32, 31, {}, r"must have a vocab.json that names its 32 tokens, the CTC blank at 31, and has none"),
        (3, 0, {"vocab": ids("<pad>", "a")}, r"vocab.json must name as many tokens as config.json says, 3; it names 2"),
        (2, 0, {"vocab": ids("<pad>", "a", "b")}, r"as config.json says, 2; it names 3"),
        (2, 0, {"vocab": {}}, r"as config.json says, 2; it names 0"),
        (3, 0, {"vocab": {"<pad>": 0, "a": 2, "b": 2}}, r"ids of a vocabulary must be 0 to 1, each once, not \[0, 2\]"),
        (3, 0, {"vocab": {"<pad>": 0, "a": 1, "b": 3}}, r"must be 0 to 2, each once, not \[0, 1, 3\]"),
        (2, 0, {"vocab": {"<pad>": 0, "a": -1}}, r"must be 0 to 1, each once, not \[-1, 0\]"),
        (2, 0, {"vocab": {"<pad>": 0, "a": "1"}}, r"vocab.json must give each token a whole number; 'a' has '1'"),
        (2, 0, {"vocab": {"<pad>": 0, "a": 1.0}}, r"must give each token a whole number; 'a' has 1.0"),
        (2, 0, {"vocab": {"<pad>": 0, "a": True}}, r"must give each token a whole number; 'a' has True"),
        (2, 0, {"vocab": {"<pad>": 0, "a": {"b": 1}}}, r"must give each token a whole number; 'a' has {'b': 1}"),
        (2, 0, {"vocab": ["<pad>", "a"]}, r"vocab.json must hold a JSON object, not list"),
        (2, 0, {"vocab": '{"<pad>": 0,'}, r"vocab.json must be a JSON object in UTF-8: "),
        (2, 0, {"vocab": "[" * 100_000}, r"vocab.json must be a JSON object in UTF-8: "),
        (2, 0, {"vocab": r'{"<pad>": 0, "\ud800": 1}'}, r"vocab.json must be a JSON object in UTF-8: .*surrogates"),
        (
            2,
            0,
            {"vocab": ids("<pad>", "a"), "tokenizer_config": "[]"},
            r"tokenizer_config.json must hold a JSON object",
        ),
        (2, 0, {"vocab": ids("<pad>"), "added_tokens": {"a": None}}, r"added_tokens.json must give .* 'a' has None"),
        # The blank of training would not be the one of decoding.
        (
            3,
            0,
            {"vocab": ids("a", "|", "<pad>")},
            r"must be the same token in .*vocab.json \(2\) and in config.json \(0\)",
        ),
        (
            3,
            0,
            {"vocab": ids("a", "|", "[PAD]")},
            r"must be the same token in .*vocab.json \(2\) and in config.json \(0\)",
        ),
        (
            3,
            0,
            {"vocab": ids("a", "|", "_"), "tokenizer_config": {"pad_token": "_"}},
            r"must be the same token in .*vocab.json \(2\) and in config.json \(0\); correct pad_token_id there if",
        ),
        (
            3,
            2,
            {"vocab": ids("<pad>", "a", "[PAD]"), "tokenizer_config": {"pad_token": "[PAD]"}},
            r"must be one token in .*vocab.json, and both 0 \(<pad>\) and 2 are called so",
        ),
        (
            3,
            0,
            {"vocab": ids("<pad>", "a", "_"), "tokenizer_config": {"word_delimiter_token": "_"}},
            r"Words must be parted by the token '\|', and .* parts them by '_'; choose another checkpoint",
        ),
    ],
)
def test_a_vocabulary_that_does_not_fit_is_refused(size, blank, files, message, vocabulary_of):
    with pytest.raises(CheckpointError, match=message) as caught:
        vocabulary_of(size, blank, **files)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_delimiter_that_is_no_token_changes_nothing(vocabulary_of):
    tokenizer = {"word_delimiter_token": " ", "replace_word_delimiter_char": " "}
    assert vocabulary_of(2, vocab=ids("<pad>", "a"), tokenizer_config=tokenizer).tokens == ("<pad>", "a")


NESTED = {"eng": ids("<pad>", "|", "a", "b"), "fra": ids("<pad>", "|", "é"), "azj-script_latin": ids("<pad>", "ə")}


@pytest.mark.parametrize(
    ("language", "target", "tokens"),
    [
        ("fra", "eng", ("<pad>", "|", "é")),
        (None, "fra", ("<pad>", "|", "é")),
        (None, None, ("<pad>", "|", "a", "b")),
        ("azj-script_latin", None, ("<pad>", "ə")),
    ],
)
def test_the_vocabulary_of_a_language(language, target, tokens, vocabulary_of):
    vocabulary = vocabulary_of(
        len(tokens), language=language, vocab=NESTED, tokenizer_config={"target_lang": target, "pad_token": "<pad>"}
    )
    assert vocabulary.tokens == tokens


@pytest.mark.parametrize(("language", "target"), [("deu", "eng"), (None, "deu")])
def test_a_language_that_is_not_there_is_refused_with_those_that_are(language, target, vocabulary_of):
    with pytest.raises(
        UsageError, match=r"one of the 3 languages in .*vocab.json, such as azj-script_latin, eng, fra, not 'deu'"
    ):
        vocabulary_of(4, language=language, vocab=NESTED, tokenizer_config={"target_lang": target})


def test_the_dictionary_of_fairseq_beside_the_checkpoint_or_in_it(tmp_path):
    config = Wav2Vec2Config(vocab_size=6)
    with pytest.raises(CheckpointError, match=r"must name the 6 tokens of its head; .* has none: put the dict.ltr.txt"):
        fairseq_vocabulary(None, tmp_path, config)
    with pytest.raises(CheckpointError, match=r"must have its dictionary in it or beside it, and there is none in"):
        fairseq_vocabulary(None, tmp_path, Wav2Vec2Config())
    (tmp_path / "dict.ltr.txt").write_text("| 10\nE 9\n")
    expected = ("<pad>", "<s>", "</s>", "<unk>", "|", "E")
    assert fairseq_vocabulary(None, tmp_path, config).tokens == expected
    inside = (*expected[:5], "X")
    assert fairseq_vocabulary(inside, tmp_path, config).tokens == inside
    with pytest.raises(CheckpointError, match=r"must name the 7 tokens of its head; .* has 6 tokens"):
        fairseq_vocabulary(None, tmp_path, Wav2Vec2Config(vocab_size=7))
