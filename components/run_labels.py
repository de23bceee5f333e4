"""Labels by which the jobs of a run on Vertex AI are found again, there and on Dataflow."""

PIPELINE_LABEL = "w2v2-pipeline"
"""Its value is the name of the pipeline there."""

RUN_LABEL = "w2v2-run"
"""Its value is the name of the run."""
