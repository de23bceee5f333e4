"""The pipeline on Vertex AI: its settings, and the compiled specification."""
