"""HubPusher: the SavedModel of a blessed release is published."""

from components.hub_pusher.component import HubPusher

__all__ = ["HubPusher"]
