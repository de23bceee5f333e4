"""Experiments: each file has a `get_config()`, and a docstring that tells the command, the cost and the expected WER."""
