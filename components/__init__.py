"""Thin TFX components: interface, executor, and the plain functions they call."""
