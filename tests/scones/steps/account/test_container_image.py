"""Building the image: CodeBuild and ECR are botocore stubs, which check requests and responses."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import cfnlint.decode.cfn_yaml
import pytest
import yaml
from botocore.stub import ANY, Stubber

from scones.errors import ImageBuildError
from scones.progress import Progress
from scones.settings import Settings
from scones.steps.account.container_image import build_image
from scones.steps.account.package import content_tag, image_zip, template
from scones.steps.cleanup import cleanup
from scones.steps.deploy import deploy

from ..conftest import Notes

SETTINGS = Settings(project="boxed")
PROJECT, BUILD = "boxed-image", "boxed-image:1"
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


@pytest.fixture
def ecr() -> Iterator[Stubber]:
    with Stubber(boto3.client("ecr", **CREDENTIALS)) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def codebuild() -> Iterator[Stubber]:
    with Stubber(boto3.client("codebuild", **CREDENTIALS)) as stub:
        yield stub
        stub.assert_no_pending_responses()


def has_tags(ecr: Stubber, *tags: str) -> None:
    request = {"repositoryName": "boxed/scones", "imageIds": [{"imageTag": "latest"}]}
    if tags:
        ecr.add_response("describe_images", {"imageDetails": [{"imageTags": list(tags)}]}, request)
    else:
        ecr.add_client_error("describe_images", "ImageNotFoundException", expected_params=request)


def building(codebuild: Stubber, *ends: dict[str, Any]) -> None:
    running = {"id": BUILD, "buildStatus": "IN_PROGRESS", "buildComplete": False, "currentPhase": "BUILD"}
    codebuild.add_response("start_build", {"build": running}, {"projectName": PROJECT, "idempotencyToken": ANY})
    for end in ends:
        codebuild.add_response("batch_get_builds", {"builds": [running | end]}, {"ids": [BUILD]})


def build(codebuild: Stubber, ecr: Stubber, sleep: Any = lambda seconds: None) -> list[str]:
    clients = {"codebuild": codebuild.client, "ecr": ecr.client}
    progress = Notes()
    build_image(SETTINGS, PROJECT, client=clients.__getitem__, progress=progress, sleep=sleep)
    return progress.noted


def test_an_image_of_these_sources_is_not_built_again(codebuild: Stubber, ecr: Stubber) -> None:
    has_tags(ecr, "latest", content_tag(image_zip()))
    assert build(codebuild, ecr) == ["image: nothing to build"]


@pytest.mark.parametrize("tags", [(), ("latest",), ("latest", "image-of-other-sources")])
def test_an_image_of_other_sources_is_rebuilt(codebuild: Stubber, ecr: Stubber, tags: tuple[str, ...]) -> None:
    has_tags(ecr, *tags)
    building(codebuild, {}, {"buildStatus": "SUCCEEDED", "buildComplete": True})
    assert build(codebuild, ecr) == []


def test_a_failed_build_reports_its_phase_message_and_log(codebuild: Stubber, ecr: Stubber) -> None:
    has_tags(ecr)
    phases = [
        {"phaseType": "PROVISIONING", "phaseStatus": "SUCCEEDED"},
        {"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": "docker buildx: exit status 1"}]},
        {"phaseType": "COMPLETED"},
    ]
    logs = {"deepLink": "https://console.example/log"}
    building(codebuild, {"buildStatus": "FAILED", "buildComplete": True, "phases": phases, "logs": logs})
    with pytest.raises(ImageBuildError, match=r"FAILED in BUILD: docker buildx: exit status 1; see https://console.ex"):
        build(codebuild, ecr)


def test_a_throttled_look_at_the_build_does_not_end_the_command(codebuild: Stubber, ecr: Stubber) -> None:
    has_tags(ecr)
    building(codebuild)
    codebuild.add_client_error("batch_get_builds", "ThrottlingException", "Rate exceeded", 400)
    ended = {"id": BUILD, "buildStatus": "SUCCEEDED", "buildComplete": True}
    codebuild.add_response("batch_get_builds", {"builds": [ended]}, {"ids": [BUILD]})
    (note,) = build(codebuild, ecr)
    assert note.endswith("Rate exceeded; trying again for 5 minutes")


def test_ctrl_c_stops_the_build(codebuild: Stubber, ecr: Stubber) -> None:
    has_tags(ecr)
    building(codebuild)
    codebuild.add_response("stop_build", {}, {"id": BUILD})

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(codebuild, ecr, interrupted)


def test_localaws_builds_nothing_and_a_note_says_so(localaws: Any) -> None:
    progress, client = Notes(), localaws.client
    outputs = deploy(SETTINGS, cloudformation=client("cloudformation"), s3=client("s3"), progress=Progress())
    try:
        build_image(SETTINGS, outputs["ImageBuild"], client=client, progress=progress)
        assert len(progress.noted) == 1
        assert progress.noted[0].startswith("image: not built: localaws runs no builds")
        (project,) = client("codebuild").batch_get_projects(names=[outputs["ImageBuild"]])["projects"]
        bucket, _, key = project["source"]["location"].partition("/")
        assert client("s3").get_object(Bucket=bucket, Key=key)["Body"].read() == image_zip()
    finally:
        cleanup(SETTINGS, client=client, progress=Progress())


def test_cleanup_stops_and_deletes_builds(codebuild: Stubber, localaws: Any) -> None:
    ours = {"name": PROJECT, "tags": [{"key": "scones:project", "value": "boxed"}]}
    codebuild.add_response("batch_get_projects", {"projects": [ours]}, {"names": [PROJECT]})
    codebuild.add_response("list_builds_for_project", {"ids": [BUILD]}, {"projectName": PROJECT})
    for complete in (False, True):
        codebuild.add_response("batch_get_builds", {"builds": [{"buildComplete": complete}]}, {"ids": [BUILD]})
        if not complete:
            codebuild.add_response("stop_build", {}, {"id": BUILD})
    codebuild.add_response("batch_delete_builds", {"buildsDeleted": [BUILD]}, {"ids": [BUILD]})
    codebuild.add_response("batch_get_projects", {"projects": []}, {"names": [PROJECT]})

    def client(service: str) -> Any:
        return codebuild.client if service == "codebuild" else localaws.client(service)

    deleted = cleanup(SETTINGS, client=client, progress=Progress(), sleep=lambda seconds: None)
    assert [(resource.kind, resource.id) for resource in deleted] == [("image build", BUILD)]


def test_the_build_pushes_both_targets_with_their_tags(tmp_path: Path) -> None:
    resources = cfnlint.decode.cfn_yaml.loads(template("workflow"))["Resources"]
    spec = yaml.safe_load(str(resources["ImageBuild"]["Properties"]["Source"]["BuildSpec"]))
    for name in ("aws", "docker"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/{name}.log\n')
        (tmp_path / name).chmod(0o755)
    image, tag = "1.dkr.ecr.eu-west-1.amazonaws.com/boxed/scones", content_tag(b"")
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}", "IMAGE": f"{image}:latest", "IMAGE_KEY": f"code/{tag}.zip"
    }  # fmt: skip
    for command in spec["phases"]["build"]["commands"]:
        subprocess.run(["bash", "-c", command], env=environment, check=True)
    login, serve, train = (tmp_path / "docker.log").read_text().splitlines()
    assert login.split() == ["login", "--username", "AWS", "--password-stdin", image.split("/")[0]]
    assert f"--target serve --tag {image}:latest-serve ." in serve
    assert f"--target train --tag {image}:latest --tag {image}:{tag} ." in train
