"""Has CodeBuild build the container image in the account, unless ECR already holds the one of these sources."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scones.aws_errors import error_code
from scones.errors import ImageBuildError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.package import content_tag, image_zip
from scones.steps.run.patience import patiently

if TYPE_CHECKING:
    from types_boto3_codebuild import CodeBuildClient
    from types_boto3_codebuild.type_defs import BuildTypeDef
    from types_boto3_ecr import ECRClient

    from scones.clients import ClientFactory

_POLL_SECONDS = 5


def build_image(
    settings: Settings,
    project: str,
    *,
    client: ClientFactory,
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Build and push the image with the CodeBuild project of this name, and wait until it is pushed.

    Ctrl-C stops the build. Raises ImageBuildError if the build fails.
    """
    if content_tag(image_zip()) in _tags(settings, client("ecr")):
        progress.note("image: nothing to build")
        return
    codebuild = client("codebuild")
    build = _start(project, codebuild, progress)
    if build is None:
        return
    try:
        # No deadline: CodeBuild ends the build at the template's TimeoutInMinutes.
        while not build["buildComplete"]:
            progress.update(len(build.get("phases", [])), detail=_phase(build))
            sleep(_POLL_SECONDS)
            build = patiently(partial(_describe, build["id"], codebuild), progress=progress, sleep=sleep)
    except KeyboardInterrupt:
        codebuild.stop_build(id=build["id"])
        raise
    if build["buildStatus"] != "SUCCEEDED":
        raise ImageBuildError(f"the image was not built: {_reason(build)}")


def _tags(settings: Settings, ecr: ECRClient) -> list[str]:
    """Return all tags of the image that has the settings' tag; an empty list if no image has it."""
    try:
        details = ecr.describe_images(
            repositoryName=f"{settings.project}/scones", imageIds=[{"imageTag": settings.image_tag}]
        )["imageDetails"]
    except ClientError as error:
        if error_code(error) == "ImageNotFoundException":
            return []
        raise
    return [tag for image in details for tag in image["imageTags"]]


def _start(project: str, codebuild: CodeBuildClient, progress: Progress) -> BuildTypeDef | None:
    """Start a build; return None if this AWS has no builds."""
    try:
        # With the token, CodeBuild takes a repeated call for the first one.
        return codebuild.start_build(projectName=project, idempotencyToken=uuid.uuid4().hex)["build"]
    except ClientError as error:
        # The laptop's AWS has no CodeBuild: it runs the container's programs directly.
        if error_code(error) != "UnknownOperationException":
            raise
        progress.note(f"image: not built: {error.response['Error']['Message']}")
        return None


def _describe(build: str, codebuild: CodeBuildClient) -> BuildTypeDef:
    return codebuild.batch_get_builds(ids=[build])["builds"][0]


def _phase(build: BuildTypeDef) -> str:
    return f"{build['id']} {build.get('currentPhase', '')}".rstrip()


def _reason(build: BuildTypeDef) -> str:
    """Return the first phase that failed, its messages, and the link to the log."""
    failed = [phase for phase in build.get("phases", []) if phase.get("phaseStatus", "SUCCEEDED") != "SUCCEEDED"]
    name = failed[0]["phaseType"] if failed else "no phase"
    contexts = failed[0].get("contexts", []) if failed else []
    messages = [context["message"] for context in contexts if context.get("message")]
    link = build.get("logs", {}).get("deepLink", build["id"])
    return f"{build['buildStatus']} in {name}: {' '.join(messages)}; see {link}"
