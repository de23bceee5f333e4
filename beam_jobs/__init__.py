"""Beam jobs, each runnable alone; they know nothing of TFX."""
