import json
from collections.abc import Callable
from typing import Any


def test_a_bucket_that_holds_an_object_is_not_deleted_with_its_stack(
    localaws: Any, eventually: Callable[..., Any]
) -> None:
    cloudformation = localaws.client("cloudformation")
    s3 = localaws.client("s3")
    tags = [{"Key": "purpose", "Value": "test"}]
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "not-empty", "Tags": tags}}
    cloudformation.create_stack(StackName="not-empty", TemplateBody=json.dumps({"Resources": {"Bucket": bucket}}))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="not-empty", WaiterConfig={"Delay": 1})
    found = s3.get_bucket_tagging(Bucket="not-empty")["TagSet"]
    assert [tag for tag in found if tag["Key"] == "purpose"] == tags
    s3.put_object(Bucket="not-empty", Key="key", Body=b"x")
    cloudformation.delete_stack(StackName="not-empty")

    def status() -> str:
        return str(cloudformation.describe_stacks(StackName="not-empty")["Stacks"][0]["StackStatus"])

    eventually(lambda: status() == "DELETE_FAILED")
    assert s3.get_object(Bucket="not-empty", Key="key")["Body"].read() == b"x"
