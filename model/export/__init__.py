"""Releases: the SavedModel and the ONNX folder, their verification in a fresh process, the model card, publishing.

RELEASE.json and verify.py say what a release is; publish.py puts one where people load it from.
"""
