"""Experiments: each file has a `get_config()`; its docstring tells the command, the cost and what to expect."""
