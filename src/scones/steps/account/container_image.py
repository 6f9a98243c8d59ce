"""Image: CodeBuild builds the container image in the account, unless ECR has the one of these sources already."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from scones.errors import ImageBuildError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.package import content_tag, image_zip


def build_image(
    settings: Settings,
    project: str,
    *,
    codebuild: Any,
    ecr: Any,
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Build and push the image by the CodeBuild project of this name. Raises ImageBuildError. Ctrl-C stops it."""
    if content_tag(image_zip()) in _tags(settings, ecr=ecr):
        progress.note("image: nothing to build")
        return
    build = _start(project, codebuild=codebuild, progress=progress)
    try:
        while build and not build["buildComplete"]:
            progress.update(
                len(build.get("phases", [])), detail=f"{build['id']} {build.get('currentPhase', '')}".rstrip()
            )
            sleep(5)
            build = codebuild.batch_get_builds(ids=[build["id"]])["builds"][0]
    except KeyboardInterrupt:
        codebuild.stop_build(id=build["id"])
        raise
    if build and build["buildStatus"] != "SUCCEEDED":
        raise ImageBuildError(f"the image was not built: {_reason(build)}")


def _tags(settings: Settings, *, ecr: Any) -> list[str]:
    """Return all tags of the image that bears the settings' tag, none where there is no such image."""
    name = {"repositoryName": f"{settings.project}/scones", "imageIds": [{"imageTag": settings.image_tag}]}
    try:
        return [tag for image in ecr.describe_images(**name)["imageDetails"] for tag in image["imageTags"]]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ImageNotFoundException":
            return []
        raise


def _start(project: str, *, codebuild: Any, progress: Progress) -> dict[str, Any]:
    """Start a build; gives an empty one where this AWS has no builds, as the laptop's, which needs no image."""
    try:
        return dict(codebuild.start_build(projectName=project)["build"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "UnknownOperationException":
            raise
        progress.note(f"image: not built: {error.response['Error']['Message']}")
        return {}


def _reason(build: dict[str, Any]) -> str:
    """Return what a person wants to know: the first phase that failed, its message, and where the log is."""
    failed = [phase for phase in build.get("phases", []) if phase.get("phaseStatus", "SUCCEEDED") != "SUCCEEDED"]
    phase = failed[0] if failed else {}
    messages = [context["message"] for context in phase.get("contexts", []) if context.get("message")]
    where = build.get("logs", {}).get("deepLink", build["id"])
    return f"{build['buildStatus']} in {phase.get('phaseType', 'no phase')}: {' '.join(messages)}; see {where}"
