import pytest

from localaws import errors


@pytest.mark.parametrize("kind", [errors.ContainerImageError, errors.ServerError, errors.DefinitionError])
def test_every_error_is_a_local_aws_error(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.LocalAwsError)
