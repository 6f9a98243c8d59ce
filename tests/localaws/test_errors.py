from collections.abc import Callable
from pathlib import Path

import pytest

from localaws import errors
from localaws.images import ImageRegistry, find_images
from localaws.server import background
from localaws.services.stepfunctions.definition import check


def start_in_a_file() -> None:
    background.start(Path(__file__), 0)


@pytest.mark.parametrize(
    ("kind", "fail"),
    [
        (errors.ContainerImageError, lambda: ImageRegistry({}).resolve("missing:latest")),
        (errors.ContainerImageError, lambda: find_images([], ["no-command"])),
        (errors.ServerError, start_in_a_file),
        (errors.DefinitionError, lambda: check("{}", lambda resource: True)),
    ],
)
def test_an_intended_error_has_a_message_of_one_line(
    kind: type[errors.LocalAwsError], fail: Callable[[], object]
) -> None:
    with pytest.raises(kind) as raised:
        fail()
    message = str(raised.value)
    assert message
    assert "\n" not in message


def test_all_errors_share_one_base_class() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert len(kinds) == 4
    assert all(issubclass(kind, errors.LocalAwsError) for kind in kinds)
