"""Sounds in which nobody speaks."""

import numpy as np

from components.wer_evaluator.sounds import speechless_sounds


def test_the_same_seed_gives_the_same_sounds():
    first, second, other = (speechless_sounds(2, 4, seed) for seed in (1, 1, 2))
    assert [one.name for one in first] == [
        "silence 1", "silence 2", "white noise 1", "pink noise 1", "hum 1", "white noise 2",
    ]  # fmt: skip
    assert [one.kind for one in first] == ["silence"] * 2 + ["noise"] * 4
    for one, same in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.waveform, same.waveform)
    assert [one.seconds for one in first] != [one.seconds for one in other]


def test_silence_has_no_signal_and_noise_has_its_level_and_colour():
    sounds = speechless_sounds(3, 9, 20)
    for one in sounds:
        assert one.waveform.dtype == np.float32
        assert 1.0 <= one.seconds <= 10.0
        level_db = 20 * np.log10(np.sqrt(np.mean(one.waveform**2)) + 1e-12)
        assert (level_db < -200) if one.kind == "silence" else (-51 < level_db < -19), one.name
        # Sixteen bits hold it exactly.
        np.testing.assert_array_equal(one.waveform * 32768, np.round(one.waveform * 32768))

    def share_below(one, hz):
        power = np.abs(np.fft.rfft(one.waveform.astype(np.float64))) ** 2
        return power[: int(hz * one.seconds)].sum() / power.sum()

    below = {one.name: share_below(one, 400) for one in sounds[3:6]}
    assert below["white noise 1"] < 0.1
    assert 0.4 < below["pink noise 1"] < 0.9
    assert below["hum 1"] > 0.99
