"""Wav2Vec2 as Keras models: the backbone with a CTC head, with the heads of pre-training, or alone."""

from model.wav2vec2.base import Wav2Vec2Base
from model.wav2vec2.ctc import Wav2Vec2CTC
from model.wav2vec2.headless import Wav2Vec2Headless
from model.wav2vec2.pretraining import Wav2Vec2PreTraining

__all__ = ["MODEL_BY_HEAD", "Wav2Vec2Base", "Wav2Vec2CTC", "Wav2Vec2Headless", "Wav2Vec2PreTraining"]

MODEL_BY_HEAD: dict[str, type[Wav2Vec2Base]] = {
    cls.head: cls for cls in (Wav2Vec2Headless, Wav2Vec2PreTraining, Wav2Vec2CTC)
}
