"""Unsupported services and operations are refused by name."""

from typing import Any

import pytest
from botocore.exceptions import ClientError


def test_an_unsupported_service_is_refused_with_its_name_and_operation(localaws: Any) -> None:
    with pytest.raises(ClientError, match=r"service textract is not implemented .*DetectDocumentText"):
        localaws.client("textract").detect_document_text(Document={"Bytes": b"x"})
    with pytest.raises(ClientError, match="ListGlobalTables"):
        localaws.client("dynamodb").list_global_tables()


def test_a_codebuild_build_is_refused(localaws: Any) -> None:
    codebuild = localaws.client("codebuild")
    codebuild.create_project(
        name="builds", serviceRole="arn:aws:iam::000000000000:role/any", source={"type": "S3", "location": "b/k.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
    )  # fmt: skip
    with pytest.raises(ClientError, match=r"UnknownOperationException.*runs no builds"):
        codebuild.start_build(projectName="builds")
    assert codebuild.list_builds_for_project(projectName="builds")["ids"] == []
