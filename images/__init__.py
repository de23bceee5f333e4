"""The container images: one Dockerfile, the packages of each image, and a check that needs no container engine."""
