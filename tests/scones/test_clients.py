from __future__ import annotations

import re
from pathlib import Path

import boto3
import pytest

from scones import clients

# Read as text, because overloads do not exist at run time.
OVERLOADS = re.findall(r'Literal\["([a-z-]+)"\]', Path(clients.__file__).read_text())


@pytest.mark.parametrize("service", OVERLOADS)
def test_each_typed_service_is_one_of_boto3(service: str) -> None:
    assert service in boto3.Session().get_available_services()


def test_no_service_is_typed_twice() -> None:
    assert len(set(OVERLOADS)) == len(OVERLOADS) > 5
