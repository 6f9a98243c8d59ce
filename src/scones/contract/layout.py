"""Where things are and what they are called: S3 prefixes, names of resources, content types and limits.

Loads nothing but the standard library, because it travels into Lambda, into the container and to the operator.
"""

from __future__ import annotations

from typing import Final

# S3 prefixes, one bucket per project.
DATA: Final = "data/"
ARRIVALS: Final = "arrivals/"
MODELS: Final = "models/"
EVALUATIONS: Final = "evaluations/"
DECISIONS: Final = "decisions/"
CAPTURES: Final = "captures/"
CLASSIFICATIONS: Final = "classifications/"
LABELS: Final = "labels/"
BACKBONES: Final = "backbones/"
CODE: Final = "code/"

# What runs in Lambda, each as `<project>-<name>`, and what Step Functions runs.
FUNCTIONS: Final = ("serialize", "classify", "filter", "dispatch", "review", "record", "gate")
MACHINES: Final = ("delivery", "release", "deploy")
# DynamoDB's tables, each as `<project>-<name>`; each has the index by its rows' `state`.
TABLES: Final = ("orders", "arrivals", "reviews")
BY_STATE: Final = "by-state"
# CloudWatch's alarms, each as `<project>-<name>`.
ALARMS: Final = ("deliveries-failed", "deliveries-timed-out", "dead-letters", "oldest-review")
# What is personal goes after so long: a row's `expires_at` is DynamoDB's time to live.
KEPT_SECONDS: Final = 30 * 24 * 3600

# Everything that is made carries this tag; its value is the project's name.
TAG: Final = "scones:project"

SPLITS: Final = ("train", "validation", "test")
# Beside the splits a data set may hold pictures of other things: some teach the model what is neither, some test it.
NEGATIVES: Final = "negatives"
TEST_NEGATIVES: Final = "test-negatives"
# The training job's channel for the weights to start from, where they are not the image's own.
BACKBONE: Final = "backbone"
# What a person answers where no class fits.
NEITHER: Final = "neither"
IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp")

# The endpoint's content types.
JSON: Final = "application/json"
INFERENCE_JSON: Final = "application/vnd.scones.inference+json"
JSON_LINES: Final = "application/jsonlines"
IMAGE_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "application/x-image")

# 16 KiB raw is 22 KiB of base64, so that the state of a delivery stays under 32 KiB whatever the camera sends.
INLINE_IMAGE_BYTES: Final = 16 * 1024
# What a real-time endpoint takes; a serverless one takes 4 MB.
IMAGE_BYTES: Final = 25 * 1024 * 1024
IMAGE_PIXELS: Final = 50_000_000

# The environment variable that moves a container's root away from /opt/ml.
ML_ROOT_VARIABLE: Final = "SCONES_ML_ROOT"
ML_ROOT: Final = "/opt/ml"
