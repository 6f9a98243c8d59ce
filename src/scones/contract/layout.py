"""Names and limits that all parts share: S3 prefixes, resources, content types and sizes.

Imports only the standard library, because the Lambda functions and the container contain it, too.
"""

from __future__ import annotations

from typing import Final

# The S3 prefixes of the project's bucket.
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

# The Lambda functions and the state machines, each named `<project>-<name>`.
FUNCTIONS: Final = ("serialize", "classify", "filter", "dispatch", "review", "record", "gate")
MACHINES: Final = ("delivery", "release", "deploy")
# The DynamoDB tables, each named `<project>-<name>`; each has an index by the `state` of its rows.
TABLES: Final = ("orders", "arrivals", "reviews")
BY_STATE: Final = "by-state"
# The CloudWatch alarms, each named `<project>-<name>`.
ALARMS: Final = ("deliveries-failed", "deliveries-timed-out", "dead-letters", "oldest-review")
# Days until S3 deletes what is under a prefix, by the bucket's lifecycle rules. An image, its key and what follows from
# it are personal data: the key names the driver. The rest is kept until `scones cleanup`; labels are training data,
# which `scones forget` deletes for one driver.
RETENTION_DAYS: Final[dict[str, int | None]] = {
    ARRIVALS: 30,
    CAPTURES: 30,
    DECISIONS: 30,
    CLASSIFICATIONS: 30,
    LABELS: None,
    DATA: None,
    MODELS: None,
    EVALUATIONS: None,
    BACKBONES: None,
    CODE: None,
}
# The same for rows of the tables, by `expires_at`, their time to live.
RETENTION_SECONDS: Final = 30 * 24 * 3600
# The same content under the same key is a repeated upload for this long, and then another visit of the driver.
REPEAT_SECONDS: Final = 600

# Every resource has this tag, with the project's name as its value; `scones cleanup` looks for it.
TAG: Final = "scones:project"

SPLITS: Final = ("train", "validation", "test")
# A data set may also have out-of-distribution images, some for training and some for the test.
NEGATIVES: Final = "negatives"
TEST_NEGATIVES: Final = "test-negatives"
# The training job's channel with the initial weights, if they are not those of the container image.
BACKBONE: Final = "backbone"
# A reviewer's answer if no class fits.
NEITHER: Final = "neither"
IMAGE_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp")

# The content types of the endpoint.
JSON: Final = "application/json"
INFERENCE_JSON: Final = "application/vnd.scones.inference+json"
JSON_LINES: Final = "application/jsonlines"
IMAGE_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "application/x-image")

# An image below this size travels inside the delivery's state: 16 KiB are 22 KiB in base64, which keeps the state under
# 32 KiB, where Step Functions allows 256 KiB.
MAX_INLINE_BYTES: Final = 16 * 1024
# The limit of a real-time endpoint's request; a serverless endpoint takes 4 MB.
MAX_IMAGE_BYTES: Final = 25 * 1024 * 1024
# Pillow would decode a small file of many pixels into gigabytes.
MAX_IMAGE_PIXELS: Final = 50_000_000
# JPEG's own limit; a PNG or BMP with longer lines cannot be processed in small parts.
MAX_IMAGE_SIDE: Final = 65_535
# The memory to decode one image: 40 megapixels of RGB or RGBA in a PNG or BMP, 13 megapixels of WebP, and 50 megapixels
# of grey, a palette or a JPEG, unless it is progressive without subsampling (26 megapixels). A photograph in a PNG of
# 25 MB has at most 20 megapixels, and the endpoint has to stay below 400 MB.
MAX_DECODE_BYTES: Final = 160_000_000

# The environment variable that replaces /opt/ml, so that several containers can run on one machine without Docker.
ML_ROOT_VARIABLE: Final = "SCONES_ML_ROOT"
ML_ROOT: Final = "/opt/ml"


def pixel_bytes(file_format: str | None, mode: str, pixels: int) -> int:
    """Return the memory in bytes that decoding so many pixels takes, with Pillow's names of format and mode.

    A JPEG takes less, because it is decoded at a fraction of its size.
    """
    if file_format == "WEBP":
        # libwebp's two canvases, and the frame that Pillow copies from them, four bytes a pixel each.
        return 12 * pixels
    return {"1": 1, "L": 1, "P": 1, "I;16": 2}.get(mode, 4) * pixels
