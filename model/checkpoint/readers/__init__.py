"""Readers of the files that weights are published in; none needs PyTorch, and none runs what a file says.

Each gives `StoredTensor`s: name, dtype and shape are checked against the file's size when it is opened, and the values
are read when they are asked for.
"""
