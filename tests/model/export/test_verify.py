"""Verification: agrees with what was measured, notices what is not, and cannot pass by having nothing to do."""

import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import tensorflow as tf

from model.errors import ReleaseError
from model.export.verify import main, verify, verify_in_fresh_process
from model.transcriber import Transcriber


@pytest.fixture
def probes(evaluation):
    return evaluation / "probes.npz"


def changed(probes, path, **arrays):
    """A copy of the probes with other arrays; None leaves one out."""
    values = {**np.load(probes), **arrays}
    np.savez(path, **{name: value for name, value in values.items() if value is not None})
    return path


@pytest.mark.parametrize("format_", ["saved_model", "onnx", "checkpoint"])
def test_a_copy_agrees_in_a_fresh_process(release, probes, format_):
    assert verify_in_fresh_process(format_, release / format_, probes) == 2


def test_onnx_is_verified_without_tensorflow(release, probes):
    code = (
        "import sys; from model.export.verify import main; code = main(sys.argv[1:]);"
        " assert not {'tensorflow', 'keras'} & set(sys.modules); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, "onnx", str(release / "onnx"), str(probes), "--json"]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert document.pop("max_difference") < 1e-5
    assert document == {"format": "onnx", "kind": "logits", "probes": 2}


def test_a_changed_weight_of_the_onnx_file_is_noticed(release, probes, tmp_path, capsys):
    shutil.copytree(release / "onnx", tmp_path / "onnx")
    path = tmp_path / "onnx" / "onnx" / "model.onnx"
    model = onnx.load(path)
    weight = next(constant for constant in model.graph.initializer if "layer_1/attention/" in constant.name)
    weight.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight) * 1.1, weight.name))
    onnx.save(model, path)
    assert main(["onnx", str(tmp_path / "onnx"), str(probes)]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("The logits of probe 0 must be within 0.001 of what was measured; those of ")


def spoilt(release, place, file, prefix):
    """A copy of the ONNX folder in which the bias of one file is another."""
    shutil.copytree(release / "onnx", place)
    model = onnx.load(place / file)
    bias = next(c for c in model.graph.initializer if c.name.startswith(prefix) and list(c.dims) == [32])
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.arange(32, dtype="f4"), bias.name))
    onnx.save(model, place / file)
    return place


def other_machine(release, place):
    """A copy of the ONNX folder whose int8 file computes what it does on a processor with another last digit."""
    shutil.copytree(release / "onnx", place)
    path = place / "onnx" / "model_quantized.onnx"
    model = onnx.load(path)
    factor = onnx.numpy_helper.from_array(np.array(1 + 2e-6, np.float32), "last_digit")
    model.graph.initializer.append(factor)
    quantising = [node for node in model.graph.node if node.op_type == "DynamicQuantizeLinear"]
    assert quantising
    for number, node in enumerate(quantising):
        at = list(model.graph.node).index(node)
        name = f"last_digit_{number}"
        model.graph.node.insert(at, onnx.helper.make_node("Mul", [node.input[0], "last_digit"], [name]))
        node.input[0] = name
    onnx.save(model, path)


def test_the_file_for_onnx_asr_is_verified(release, probes, tmp_path):
    place = spoilt(release, tmp_path / "onnx", "onnx_asr/model.fp32.onnx", "lm_head/")
    with pytest.raises(
        ReleaseError, match=r"The logprobs of probe 0 must be within 0\.001 .* those of .*fp32\.onnx differ"
    ):
        verify("onnx", place, probes)


def test_the_file_in_int8_is_verified_against_what_was_measured(release, probes, tmp_path):
    transcriber = Transcriber(release / "onnx", precision="int8")
    arrays = {}
    for index in range(2):
        logits = transcriber.logits(np.load(probes)[f"waveform_{index}"])
        arrays[f"onnx_int8_logits_{index}"] = logits
        arrays[f"onnx_int8_text_{index}"] = np.array(transcriber.decode(logits))
    measured = changed(probes, tmp_path / "measured.npz", **arrays)
    assert verify("onnx", release / "onnx", measured)["probes"] == 2
    other_machine(release, tmp_path / "machine")
    assert verify("onnx", tmp_path / "machine", measured)["probes"] == 2, "a sound file on another processor"
    place = spoilt(release, tmp_path / "onnx", "onnx/model_quantized.onnx", "lm_head/")
    with pytest.raises(ReleaseError, match=r"The int8 logits of probe 0 must be within .*model_quantized\.onnx differ"):
        verify("onnx", place, measured)
    # Where nothing was measured of it, it must give numbers at least.
    assert verify("onnx", place, probes)["probes"] == 2
    other = changed(measured, tmp_path / "other.npz", onnx_int8_text_1=np.array("ANOTHER"))
    with pytest.raises(ReleaseError, match=r"The int8 text of probe 1 must be 'ANOTHER', as was measured"):
        verify("onnx", release / "onnx", other)
    some = changed(measured, tmp_path / "some.npz", onnx_int8_logits_1=None)
    with pytest.raises(ReleaseError, match="it holds int8 logits of some probes only; run the evaluator again"):
        verify("onnx", release / "onnx", some)
    for array in (np.zeros((2, 32), np.float32), np.full((24, 32), np.nan, np.float32)):
        odd = changed(measured, tmp_path / "odd.npz", onnx_int8_logits_0=array)
        with pytest.raises(ReleaseError, match=r"The int8 logits of probe 0 in .* must be numbers in the shape of the"):
            verify("onnx", release / "onnx", odd)
    (place / "onnx" / "model_quantized.onnx").unlink()
    with pytest.raises(ReleaseError, match=r"model_quantized\.onnx must be there, as it was measured, and is not"):
        verify("onnx", place, measured)


def test_a_changed_weight_of_the_saved_model_is_noticed(release, probes, tmp_path):
    model = tf.saved_model.load(str(release / "saved_model"))
    bias = next(variable for variable in model.trainable_variables if variable.name.endswith("lm_head/bias:0"))
    bias.assign_add(tf.fill(bias.shape, 0.002))
    tf.saved_model.save(model, str(tmp_path / "saved_model"), signatures=dict(model.signatures))
    with pytest.raises(ReleaseError, match=r"logits of probe 0 must be within 0\.001 .*differ by 0\.002"):
        verify("saved_model", tmp_path / "saved_model", probes)


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.index"])
def test_a_saved_model_that_is_cut_off_is_refused(release, probes, tmp_path, file):
    shutil.copytree(release / "saved_model", tmp_path / "saved_model")
    path = tmp_path / "saved_model" / file
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ReleaseError, match="must be a SavedModel that can be loaded"):
        verify("saved_model", tmp_path / "saved_model", probes)


def test_another_text_is_noticed(release, probes, tmp_path):
    other = changed(probes, tmp_path / "probes.npz", onnx_text_1=np.array("SOMETHING ELSE"))
    with pytest.raises(ReleaseError, match="The text of probe 1 must be 'SOMETHING ELSE', as was measured"):
        verify("onnx", release / "onnx", other)


def test_other_frames_are_noticed(release, probes, tmp_path):
    other = changed(probes, tmp_path / "probes.npz", onnx_logits_0=np.zeros((23, 32), np.float32))
    with pytest.raises(ReleaseError, match=r"probe 0 must have the shape \[23, 32\] .* gives \[24, 32\]"):
        verify("onnx", release / "onnx", other)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (dict.fromkeys(("waveform_0", "waveform_1")), "at least one probe with logits, and holds none"),
        ({"onnx_logits_1": None}, "must be the evaluator's file of probes: .*onnx_logits_1"),
        ({"onnx_logits_1": np.full((15, 32), np.nan)}, "The logits of probe 1 in .* must be numbers"),
        (
            {"onnx_logits_1": np.zeros((0, 32))},
            "The logits of probe 1 in .* must be numbers, and there are none or NaN",
        ),
        ({"waveform_0": None}, "must be the evaluator's file of probes: .*waveform_0|probe"),
    ],
)
def test_probes_that_can_prove_nothing_are_refused(release, probes, tmp_path, arrays, message):
    with pytest.raises(ReleaseError, match=message):
        verify("onnx", release / "onnx", changed(probes, tmp_path / "probes.npz", **arrays))


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_file_of_probes_that_cannot_be_read_is_refused(release, tmp_path, content):
    if content is not None:
        (tmp_path / "probes.npz").write_bytes(content)
    with pytest.raises(
        ReleaseError, match=r"probes\.npz must be the evaluator's file of probes: .*; run the evaluator"
    ):
        verify("onnx", release / "onnx", tmp_path / "probes.npz")
