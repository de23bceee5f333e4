"""Wiring: configuration, the graph, runners and the command line. No numeric code, no Beam, no TensorFlow."""
