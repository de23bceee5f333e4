"""LibriSpeechExampleGen: a corpus becomes TFX examples."""

from components.librispeech_example_gen.component import LibriSpeechExampleGen

__all__ = ["LibriSpeechExampleGen"]
