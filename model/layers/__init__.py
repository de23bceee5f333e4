"""The layers of Wav2Vec2, in the order in which a waveform meets them.

`FeatureEncoder` (convolutions), `FeatureProjection`, then `Encoder`: `PositionalConvolution` and a stack of
`EncoderLayer`, each with `SelfAttention` and `FeedForward`.
"""
