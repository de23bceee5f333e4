"""Reference activations: a model that gives them passes, another one is refused by its worst module."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model import load_model
from model.checkpoint.parity import compare, module_outputs, require_parity
from model.errors import CheckpointError
from model.storage import sha256_of_file

GOLDEN = Path(__file__).parents[2] / "golden" / "wav2vec2"
VARIANTS = sorted(path.parent.name for path in GOLDEN.glob("*/config.json"))


def reference_of(variant):
    return dict(np.load(GOLDEN / variant / "reference.npz"))


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_gives_the_published_activations(variant, converted):
    path = GOLDEN / variant / "reference.npz"
    found = require_parity(converted(variant).loaded.model, path)
    outputs = [name for name in reference_of(variant) if name.startswith("output:")]
    assert found["modules"] == len(outputs) > 15
    assert found["sha256"] == sha256_of_file(path)
    assert 0 < found["max_absolute"] <= 1e-4
    assert 0 < found["max_relative"] <= 1e-5
    assert set(found) == {"sha256", "modules", "max_absolute", "max_relative"}


@pytest.mark.parametrize(
    ("variant", "names"),
    [
        ("group_post_norm", {"wav2vec2.encoder.layers.0.attention", "wav2vec2", "lm_head", "logits"}),
        ("pretraining", {"quantizer", "project_hid", "projected_states", "projected_quantized_states"}),
        ("headless", {"encoder.layers.0.attention", "feature_projection.projection", "last_hidden_state"}),
        ("hubert_headless", {"encoder.pos_conv_embed", "last_hidden_state"}),
        ("hubert_group", {"hubert.encoder.layers.1.feed_forward", "hubert", "logits"}),
        ("convolutional_adapter", {"wav2vec2.adapter", "wav2vec2.adapter.layers.1.conv"}),
        ("attention_adapter", {"wav2vec2.encoder.layers.1.adapter_layer.linear_1"}),
    ],
)
def test_modules_have_their_published_names(variant, names, converted):
    model = converted(variant).loaded.model
    outputs = module_outputs(model, reference_of(variant)["waveform"])
    assert names <= set(outputs)
    assert all(output.ndim == 2 and output.dtype == np.float32 for output in outputs.values())
    # Nothing of the recording stays behind.
    assert module_outputs(model, reference_of(variant)["waveform"]).keys() == outputs.keys()
    assert all("call" not in vars(layer) for layer in model._flatten_layers())


def test_differences_are_given_by_module_in_the_files_order(converted):
    model = converted("group_post_norm").loaded.model
    differences = compare(model, GOLDEN / "group_post_norm" / "reference.npz")
    names = [name.removeprefix("output:") for name in reference_of("group_post_norm") if name.startswith("output:")]
    assert [difference.name for difference in differences] == names
    assert all(difference.agrees for difference in differences)


def test_a_changed_weight_is_found_in_the_module_that_it_spoils(converted):
    model = load_model(converted("layer_pre_norm").directory).model
    kernel = model.named_weights()["wav2vec2/encoder/layer_1/attention/out_proj/kernel"]
    kernel.assign(kernel.numpy() * 1.01)
    path = GOLDEN / "layer_pre_norm" / "reference.npz"
    failed = {difference.name for difference in compare(model, path) if not difference.agrees}
    assert "wav2vec2.encoder.layers.1.attention.out_proj" in failed
    assert "logits" in failed
    assert not any("layers.0" in name or "feature_" in name or "q_proj" in name for name in failed)
    message = (
        rf"to 0.0001 absolute and 1e-05 relative; {len(failed)} of \d+ modules do not, (\S+) by .* and .*: were they"
    )
    with pytest.raises(CheckpointError, match=message) as caught:
        require_parity(model, path)
    worst = max((each for each in compare(model, path)), key=lambda difference: difference.relative)
    assert f"modules do not, {worst.name} by" in str(caught.value)


def test_a_single_wrong_value_is_found(converted, tmp_path):
    reference = reference_of("headless")
    reference["output:last_hidden_state"][3, 5] += 2e-4
    np.savez(tmp_path / "reference.npz", **reference)
    with pytest.raises(CheckpointError, match=r"; 1 of \d+ modules do not, last_hidden_state by 2.0e-04 and"):
        require_parity(converted("headless").loaded.model, tmp_path / "reference.npz")


def test_a_module_that_gives_zeros_is_held_to_the_absolute_bound(converted, tmp_path):
    reference = {name: reference_of("headless")[name] for name in ("waveform", "output:last_hidden_state")}
    reference["output:last_hidden_state"] = np.zeros_like(reference["output:last_hidden_state"])
    np.savez(tmp_path / "reference.npz", **reference)
    with pytest.raises(CheckpointError, match="1 of 1 modules do not, last_hidden_state by"):
        require_parity(converted("headless").loaded.model, tmp_path / "reference.npz")


@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["waveform", "output:logits"])
def test_a_reference_that_is_not_finite_never_passes(name, number, converted, tmp_path):
    reference = reference_of("group_post_norm")
    reference[name].flat[0] = number
    np.savez(tmp_path / "reference.npz", **reference)
    with np.errstate(invalid="ignore"), pytest.raises(CheckpointError, match="modules do not"):
        require_parity(converted("group_post_norm").loaded.model, tmp_path / "reference.npz")


@pytest.mark.parametrize(
    ("variant", "other", "message"),
    [
        ("group_post_norm", "headless", r"must name modules of this model, and \S+ is none of them"),
        ("headless", "hubert_group", r"must name modules of this model, and hubert\S* is none of them"),
        ("layer_pre_norm", "attention_adapter", r"must name modules of this model, and \S+adapter_layer\S* is none"),
        ("layer_pre_norm", "group_post_norm", r"modules do not"),
        ("group_post_norm", "other_values", r"output of \S+ in .* must have the shape \[\d+, 32\] .* not \[\d+, 40\]"),
    ],
)
def test_the_reference_of_another_model_is_refused(variant, other, message, converted):
    with pytest.raises(CheckpointError, match=message):
        require_parity(converted(variant).loaded.model, GOLDEN / other / "reference.npz")


def without(name):
    return lambda reference: reference.pop(name)


def with_value(name, value):
    return lambda reference: reference.update({name: value(reference.get(name))})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("waveform"), r"must be reference activations, an .npz file with waveform and output:<module> arrays"),
        (with_value("waveform", lambda w: w[None]), r"must hold waveform, float32 \[samples\], .* float32 \[1, 2400\]"),
        (with_value("waveform", lambda w: w.astype(np.float64)), r"a waveform of float64 \[2400\]"),
        (with_value("waveform", lambda w: w[:399]), r"The waveform in .* must have 400 samples or more, not 399"),
        (with_value("waveform", lambda w: w[:0]), r"must have 400 samples or more, not 0"),
        (with_value("waveform", lambda _: np.array(["a"])), r"a waveform of <U1 \[1\]"),
        (with_value("waveform", lambda _: np.array([{}])), r"must be reference activations, .*allow_pickle"),
        (with_value("output:mystery", lambda _: np.zeros((2, 2), np.float32)), r"and mystery is none of them"),
        (
            with_value("output:logits", lambda logits: logits[:-1]),
            r"logits in .* must have the shape \[7, 32\] .* \[6, 32\]",
        ),
        (with_value("output:logits", lambda logits: logits[0]), r"logits in .* must have the shape .*, not \[32\]"),
        (with_value("output:logits", lambda _: np.array("x")), r"numbers with a fraction as output:logits"),
        (with_value("output:logits", lambda logits: logits.astype(int)), r"numbers with a fraction as output:logits"),
    ],
)
def test_a_reference_that_does_not_fit_is_refused(change, message, converted, tmp_path):
    reference = reference_of("group_post_norm")
    change(reference)
    np.savez(tmp_path / "reference.npz", **reference)
    with pytest.raises(CheckpointError, match=message) as caught:
        require_parity(converted("group_post_norm").loaded.model, tmp_path / "reference.npz")
    assert "\n" not in str(caught.value)


def test_a_file_without_outputs_is_refused(converted, tmp_path):
    np.savez(tmp_path / "reference.npz", waveform=np.zeros(2400, np.float32), logits=np.zeros((7, 32), np.float32))
    with pytest.raises(CheckpointError, match=r"it holds 0 of these and a waveform of float32 \[2400\]"):
        require_parity(converted("group_post_norm").loaded.model, tmp_path / "reference.npz")


def test_a_file_of_another_kind_is_refused(converted, tmp_path):
    model = converted("group_post_norm").loaded.model
    path = tmp_path / "reference.npz"
    with pytest.raises(CheckpointError, match=r"must be reference activations, .*No such file"):
        require_parity(model, path)
    for content in (b"", b"these are no activations", b"PK\x03\x04", b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"reference.npz must be reference activations, an .npz file"):
            require_parity(model, path)
    with path.open("wb") as file:
        np.save(file, np.zeros(2400, np.float32))
    with pytest.raises(CheckpointError, match=r"output:<module> arrays: it holds a single array"):
        require_parity(model, path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("waveform", b"no array")
        archive.writestr("output:logits", b"no array")
    with pytest.raises(CheckpointError, match="numbers with a fraction as output:logits"):
        require_parity(model, path)
    with pytest.raises(CheckpointError, match="must be reference activations"):
        require_parity(model, tmp_path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_to_a_reference_is_passed_over_or_refused(data, converted, tmp_path):
    path = tmp_path / "reference.npz"
    whole = reference_of("headless")
    with path.open("wb") as file:
        np.savez_compressed(file, **{name: whole[name] for name in ("waveform", "output:last_hidden_state")})
    content = bytearray(path.read_bytes())
    near = st.integers(0, 300)
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(near | near.map(lambda offset: len(content) - 1 - offset))
        content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        compare(converted("headless").loaded.model, path)
    except CheckpointError as error:
        caught = str(error)
    else:
        caught = "reference.npz"
    assert "reference.npz" in caught
