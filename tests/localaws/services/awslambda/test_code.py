import io
import zipfile
from typing import Any

import pytest


@pytest.mark.parametrize("size", [263 << 20, None])
def test_a_package_that_cannot_be_unzipped_is_refused(localaws: Any, size: int | None) -> None:
    file = io.BytesIO(b"no zip")
    if size is not None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
            package.writestr("big", bytes(size))
    settings = {"Runtime": "python3.13", "Role": "arn:aws:iam::000000000000:role/any", "Handler": "app.handler"}
    client = localaws.client("lambda")
    with pytest.raises(client.exceptions.InvalidParameterValueException):
        client.create_function(FunctionName="bomb", Code={"ZipFile": file.getvalue()}, **settings)
