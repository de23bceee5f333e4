"""The version of wav2vec2-tfx."""

__version__ = "0.1.0"
