"""Destinations of the hubs that settings name."""

from __future__ import annotations

from model.export.destinations.destination import Destination
from model.export.destinations.hugging_face import HuggingFaceDestination
from model.export.destinations.kaggle import KaggleDestination
from model.export.destinations.settings import PublicationSettings
from model.export.release import Format


def hub_destinations(settings: PublicationSettings, format_: Format) -> list[Destination]:
    """Returns the hubs that get a format; nothing is asked of them yet."""
    chosen = settings.of_format(format_)
    return [
        *(HuggingFaceDestination(one) for one in chosen.hugging_face),
        *(KaggleDestination(one) for one in chosen.kaggle),
    ]
