"""The heads of pre-training, and the backbone alone, against PyTorch's."""

import numpy as np
import pytest
import tensorflow as tf

from model.checkpoint.parity import MAX_ABSOLUTE, MAX_RELATIVE, module_outputs
from model.config import Wav2Vec2Config
from model.errors import ConfigurationError
from model.layers.vector_quantizer import VectorQuantizer, perplexity_of
from model.training.contrastive import contrastive_loss, diversity_loss, pretraining_loss
from model.wav2vec2 import Wav2Vec2PreTraining

SMALL = Wav2Vec2Config(
    conv_dim=(4, 6), conv_kernel=(10, 3), conv_stride=(5, 2), num_codevectors_per_group=5, num_codevector_groups=2,
    codevector_dim=4,
)  # fmt: skip


@pytest.mark.parametrize("variant", ["pretraining", "headless", "hubert_headless"])
def test_every_module_agrees_with_pytorch(converted, variant):
    loaded, reference = converted(variant)
    ours = module_outputs(loaded.model, reference["waveform"])
    expected = {name.removeprefix("output:"): reference[name] for name in reference if name.startswith("output:")}
    assert set(ours) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(ours[name], values, atol=MAX_ABSOLUTE, rtol=0, err_msg=name)
        assert np.linalg.norm(ours[name] - values) <= MAX_RELATIVE * np.linalg.norm(values), name


def test_masked_frames_give_pytorch_s_states_and_perplexity(converted):
    loaded, reference = converted("pretraining")
    output = loaded.model(reference["waveform_0"][None], time_mask=reference["time_mask"])
    for name in ("projected_states", "projected_quantized_states"):
        np.testing.assert_allclose(getattr(output, name)[0].numpy(), reference[f"{name}_0"], atol=1e-5, err_msg=name)
    assert output.codevector_perplexity.numpy() == pytest.approx(float(reference["perplexity_0"]), rel=1e-5)
    assert output.num_frames.numpy().tolist() == [24]


@pytest.mark.parametrize("variant", ["pretraining", "headless", "hubert_headless"])
def test_padding_changes_nothing(converted, variant):
    model = converted(variant)[0].model
    waveform = np.random.default_rng(3).normal(size=5_000).astype(np.float32)
    padded = np.zeros((1, 246_000), np.float32)
    padded[0, :5_000] = waveform
    alone = model(waveform[None])
    with_padding = model(padded, np.array([5_000], np.int32))
    for before, after in zip(alone[:-1], with_padding[:-1], strict=True):
        valid = after[:, :15] if len(after.shape) == 3 else after
        np.testing.assert_allclose(valid.numpy(), before.numpy(), atol=1e-4, rtol=0)
    assert alone[-1].numpy().tolist() == with_padding[-1].numpy().tolist() == [15]


def test_in_training_a_code_is_drawn_and_its_gradient_is_soft():
    quantizer = VectorQuantizer(SMALL)
    features = np.random.default_rng(0).normal(size=(3, 7, 6)).astype(np.float32)
    quantizer.build(features.shape)
    with tf.GradientTape() as tape:
        codes, perplexity, *_ = quantizer(features, training=True, temperature=0.5)
        total = tf.reduce_sum(codes * np.arange(4, dtype=np.float32))
    vectors = quantizer.codevectors.numpy().reshape(2, 5, 2)
    for group in (0, 1):
        chosen = codes.numpy()[..., 2 * group : 2 * group + 2].reshape(-1, 1, 2)
        distances = np.abs(chosen - vectors[group]).max(axis=-1).min(axis=-1)
        np.testing.assert_allclose(distances, 0, atol=1e-6, err_msg="each result is one of the group's vectors")
    assert 2 <= perplexity.numpy() <= 10
    kernel = quantizer.weight_proj.trainable_variables[0]
    gradient = tape.gradient(total, kernel.value)
    assert np.abs(gradient.numpy()).max() > 0
    again = quantizer(features, training=True, temperature=0.5)
    assert np.abs(again.vectors.numpy() - codes.numpy()).max() > 0, "another draw"


def test_the_perplexity_counts_codes_in_use():
    quantizer = VectorQuantizer(SMALL)
    features = np.zeros((1, 4, 6), np.float32)
    quantizer.build(features.shape)
    assert quantizer(features)[1].numpy() == pytest.approx(2.0), "one code in each of two groups"
    assert quantizer(features, frame_mask=np.zeros((1, 4), bool))[1].numpy() == pytest.approx(2.0), "nothing counted"


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("compiled", ["eager", "graph", "jit"])
def test_losses_and_gradients_of_a_padded_batch_are_pytorch_s(converted, losses, assert_gradients, mode, compiled):
    model, reference = converted("pretraining")[0].model, losses("pretraining")
    config = model.config

    def forward():
        output = model(
            reference["waveforms"],
            reference["num_samples"],
            training=mode == "train",
            time_mask=reference["time_mask"],
            temperature=float(reference["gumbel_temperature"]),
            uniform_noise=reference["uniform_noise"],
        )
        contrastive, _ = contrastive_loss(
            output.projected_states,
            output.projected_quantized_states,
            output.code_ids,
            reference["time_mask"],
            reference["negatives"],
            config.contrastive_logits_temperature,
        )
        num_codes = config.num_codevectors_per_group * config.num_codevector_groups
        perplexity = perplexity_of(output.marginal_sum, output.num_counted)
        diversity = diversity_loss(perplexity, num_codes, output.num_counted)
        return contrastive, diversity, perplexity, output.codevector_perplexity

    if compiled != "eager":
        forward = tf.function(forward, jit_compile=compiled == "jit")
    with tf.GradientTape() as tape:
        contrastive, diversity, perplexity, same_perplexity = forward()
        loss = pretraining_loss(contrastive, diversity, config.diversity_loss_weight)
    assert perplexity.numpy() == same_perplexity.numpy()
    for name, value in (
        ("contrastive_loss", contrastive),
        ("diversity_loss", diversity),
        ("codevector_perplexity", perplexity),
        ("loss", loss),
    ):
        assert value.numpy() == pytest.approx(float(reference[f"{mode}:{name}"]), rel=1e-5), name
    assert_gradients(model, tape, loss, reference, prefix=f"{mode}:gradient:")


def test_codes_are_told_and_drawn_again_with_the_same_noise(converted, losses):
    model, reference = converted("pretraining")[0].model, losses("pretraining")
    waveforms, num_samples = reference["waveforms"], reference["num_samples"]
    config = model.config
    vectors = model.quantizer.codevectors.numpy().reshape(2, 10, -1)
    drawn = [
        model(waveforms, num_samples, training=True, uniform_noise=reference["uniform_noise"]).code_ids.numpy()
        for _ in range(2)
    ]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    chosen = model(waveforms, num_samples)
    assert (chosen.code_ids.numpy() != drawn[0]).any()
    assert chosen.code_ids.dtype == tf.int32
    rows = np.concatenate([vectors[group][chosen.code_ids.numpy()[..., group]] for group in (0, 1)], axis=-1)
    expected = model.project_q(rows)
    np.testing.assert_allclose(chosen.projected_quantized_states.numpy(), expected.numpy(), atol=1e-6)
    assert chosen.num_counted.numpy() == 24 + 15, "without masked frames, the valid ones count"
    counts = [np.bincount(np.concatenate([chosen.code_ids[0, :, g], chosen.code_ids[1, :15, g]]), minlength=10)
              for g in range(config.num_codevector_groups)]  # fmt: skip
    np.testing.assert_array_equal(chosen.marginal_sum.numpy(), counts)


def test_the_mean_square_of_the_features_sees_no_padding(converted, losses):
    model, reference = converted("pretraining")[0].model, losses("pretraining")
    squares = model(reference["waveforms"], reference["num_samples"]).features_mean_square.numpy()
    for row, samples in enumerate(reference["num_samples"]):
        features = model.backbone.feature_extractor(reference["waveforms"][row : row + 1, :samples])
        assert squares[row] == pytest.approx(np.mean(np.square(features.numpy())), rel=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"add_adapter": True}, "on a wav2vec2 model without add_adapter; .* add_adapter=True"),
        ({"model_type": "hubert"}, "on a wav2vec2 model without add_adapter; there is model_type 'hubert'"),
    ],
)
def test_pre_training_needs_a_backbone_that_it_exists_for(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        Wav2Vec2PreTraining(Wav2Vec2Config(num_hidden_layers=1, **fields))
