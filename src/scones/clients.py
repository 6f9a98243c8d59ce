"""The type of what makes boto3 clients: the caller of a step decides where they connect to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_codebuild import CodeBuildClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ecr import ECRClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_s3 import S3Client
    from types_boto3_sagemaker import SageMakerClient
    from types_boto3_sqs import SQSClient
    from types_boto3_stepfunctions import SFNClient


class ClientFactory(Protocol):
    """Returns the client of a service by boto3's name of it, and the same one each time."""

    @overload
    def __call__(self, service: Literal["cloudformation"], /) -> CloudFormationClient: ...
    @overload
    def __call__(self, service: Literal["codebuild"], /) -> CodeBuildClient: ...
    @overload
    def __call__(self, service: Literal["dynamodb"], /) -> DynamoDBClient: ...
    @overload
    def __call__(self, service: Literal["ecr"], /) -> ECRClient: ...
    @overload
    def __call__(self, service: Literal["lambda"], /) -> LambdaClient: ...
    @overload
    def __call__(self, service: Literal["logs"], /) -> CloudWatchLogsClient: ...
    @overload
    def __call__(self, service: Literal["s3"], /) -> S3Client: ...
    @overload
    def __call__(self, service: Literal["sagemaker"], /) -> SageMakerClient: ...
    @overload
    def __call__(self, service: Literal["sqs"], /) -> SQSClient: ...
    @overload
    def __call__(self, service: Literal["stepfunctions"], /) -> SFNClient: ...
    # The services that only `scones cleanup` asks, by names from a table.
    @overload
    def __call__(self, service: str, /) -> Any: ...
