"""A page that writes down what is said, over a released ONNX model: microphone, files, words with their times.

`page` alone knows Gradio, which is in no other environment than that of `make demo`. All else is plain functions over
`model`, and needs neither TensorFlow nor the pipeline.
"""
