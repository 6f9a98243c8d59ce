import gc
import traceback
import weakref

import pytest

from scones.errors import ImageRejectedError
from scones.model.serving.tracebacks import release_frames


class Pixels:
    """Stands for a decoded image."""


def fail(alive: list[weakref.ref[Pixels]]) -> None:
    pixels = Pixels()
    alive.append(weakref.ref(pixels))
    raise OSError("truncated")


def decode(alive: list[weakref.ref[Pixels]], kind: type[Exception]) -> None:
    pixels = Pixels()
    alive.append(weakref.ref(pixels))
    try:
        fail(alive)
    except OSError as error:
        raise kind("the image cannot be decoded") from error


@pytest.mark.parametrize("kind", [ImageRejectedError, MemoryError])
def test_an_error_that_is_kept_keeps_no_image(kind: type[Exception]) -> None:
    alive = list[weakref.ref[Pixels]]()
    gc.disable()
    try:
        decode(alive, kind)
    except kind as error:
        release_frames(error)
        kept = error
    finally:
        gc.enable()
    assert [reference() for reference in alive] == [None, None]
    assert ("in fail" in "".join(traceback.format_exception(kept))) is (kind is MemoryError)
