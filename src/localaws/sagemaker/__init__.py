"""SageMaker on this machine: jobs and endpoints are processes under SageMaker's container contract."""

from __future__ import annotations


def install(images: object) -> None:
    """Register the service with the engine; `images` resolves an image URI to a command."""


def shutdown() -> None:
    """End every process that a job or an endpoint started."""
