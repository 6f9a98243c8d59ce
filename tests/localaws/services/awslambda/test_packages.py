from localaws.services.awslambda.packages import runtime_packages


def test_a_function_finds_the_sdk_and_the_runtime_and_little_else() -> None:
    found = {path.name for path in runtime_packages().iterdir()}
    assert {"awslambdaric", "boto3", "botocore", "urllib3"} <= found
    assert not {"ministack", "localaws", "numpy", "pytest"} & found
