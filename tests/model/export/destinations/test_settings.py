"""What a person may choose of destinations: checked when it is chosen, and never a credential."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.errors import ConfigurationError
from model.export.destinations.settings import (
    FORMAT_BY_FRAMEWORK,
    HuggingFaceSettings,
    KaggleSettings,
    PublicationSettings,
)
from model.settings import from_json, from_mapping, to_json

WHOLE = PublicationSettings(
    "gs://speech/models",
    (HuggingFaceSettings("jane/speech"), HuggingFaceSettings("jane/speech-onnx", "onnx", True, "OURS")),
    (KaggleSettings("jane/speech/onnx/tiny"), KaggleSettings("jane/speech/tensorFlow2/tiny", "A", "B", "C")),
)


def test_settings_survive_the_way_through_json():
    assert from_json(PublicationSettings, to_json(WHOLE)) == WHOLE


def test_each_format_has_its_hubs():
    chosen = {format_: WHOLE.of_format(format_) for format_ in ("saved_model", "onnx", "checkpoint")}
    assert {format_: [hub.address for hub in (*one.hugging_face, *one.kaggle)] for format_, one in chosen.items()} == {
        "saved_model": ["kaggle://jane/speech/tensorFlow2/tiny"],
        "onnx": ["hf://jane/speech-onnx", "kaggle://jane/speech/onnx/tiny"],
        "checkpoint": ["hf://jane/speech"],
    }


@pytest.mark.parametrize("framework", FORMAT_BY_FRAMEWORK)
def test_the_framework_chooses_the_format(framework):
    assert KaggleSettings(f"jane/speech/{framework}/tiny").format == FORMAT_BY_FRAMEWORK[framework]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HuggingFaceSettings("speech"), "repository must be owner/name on the Hugging Face Hub, not 'speech'"),
        (lambda: HuggingFaceSettings("a/b/c"), "repository must be owner/name"),
        (lambda: HuggingFaceSettings("a/b.git"), "repository must be owner/name"),
        (lambda: HuggingFaceSettings("a/..b"), "repository must be owner/name"),
        (lambda: HuggingFaceSettings("a/b--c"), "repository must be owner/name"),
        (lambda: HuggingFaceSettings("a/b\n"), "repository must be owner/name"),
        (lambda: from_mapping(HuggingFaceSettings, {"repository": "a/b", "format": "tflite"}), "format must be one of"),
        (lambda: from_mapping(HuggingFaceSettings, {"repository": "a/b", "token": "x"}), "has no field 'token'; its"),
        (lambda: KaggleSettings("jane/speech/onnx"), "handle must be owner/model/framework/variation on Kaggle"),
        (lambda: KaggleSettings("jane/speech/onnx/tiny/3"), "without a version, not 'jane/speech/onnx/tiny/3'"),
        (
            lambda: KaggleSettings("jane/speech/jax/tiny"),
            "framework in handle must be one of tensorFlow2, onnx, transf",
        ),
        (lambda: PublicationSettings("s3://bucket"), "destination must be a directory or gs://<bucket>/<prefix>"),
        (lambda: PublicationSettings("hf://a/b"), "hubs have fields of their own"),
        (
            lambda: PublicationSettings(hugging_face=(HuggingFaceSettings("a/b"), HuggingFaceSettings("a/b", "onnx"))),
            "must name a hub's place once, because a release replaces another there: hf://a/b",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


@pytest.mark.parametrize("name", ["token_variable", "username_variable", "key_variable"])
@pytest.mark.parametrize("value", ["hf_abcdefghijklmnopqrstuvwxyz", "", "A B", "1A", "a-b", "x" * 65, "A\n"])
def test_a_credential_in_place_of_a_variables_name_is_refused_and_not_repeated(name, value):
    with pytest.raises(ConfigurationError, match=f"{name} must be the name of a variable of the environment") as raised:
        KaggleSettings("jane/speech/onnx/tiny", **{name: value})
    assert not value or len(value) < 4 or value not in str(raised.value)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_one_sentence(text):
    for cls in (HuggingFaceSettings, KaggleSettings):
        with contextlib.suppress(ConfigurationError):
            made = cls(text)
            assert made.address.split("://")[1] == text
            assert text.isprintable()
