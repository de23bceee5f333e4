"""OnnxPusher: the ONNX folder of a blessed release is published."""

from components.onnx_pusher.component import OnnxPusher

__all__ = ["OnnxPusher"]
