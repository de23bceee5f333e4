"""The settings of ReleaseExporter are those of the work that it calls."""

from __future__ import annotations

from model.export.settings import ReleaseSettings

__all__ = ["ReleaseSettings"]
