"""The ONNX graph of a Wav2Vec2 model, written node by node from its configuration and its weights.

What a general converter writes is correct, and slower than it need be. Here the group norm is folded into the first
convolution, biases that the softmax cancels are left out, and the int8 graph runs its convolutions as matrix products
over channels-last frames. No node repeats others (`Loop`, `If`, `Scan`), and all are ONNX's own.
"""
