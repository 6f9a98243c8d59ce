import gc
import traceback
import weakref

from scones.errors import ImageRejectedError
from scones.model.serving.tracebacks import release_frames


class Pixels:
    """Stands for a decoded image."""


def fail(alive: list[weakref.ref[Pixels]]) -> None:
    pixels = Pixels()
    alive.append(weakref.ref(pixels))
    raise OSError("truncated")


def reject(alive: list[weakref.ref[Pixels]]) -> None:
    pixels = Pixels()
    alive.append(weakref.ref(pixels))
    try:
        fail(alive)
    except OSError as error:
        raise ImageRejectedError("the image cannot be decoded") from error


def test_an_error_that_is_kept_keeps_no_image() -> None:
    alive = list[weakref.ref[Pixels]]()
    gc.disable()
    try:
        reject(alive)
    except ImageRejectedError as error:
        release_frames(error)
        kept = error
    finally:
        gc.enable()
    assert [reference() for reference in alive] == [None, None]
    assert "in fail" in "".join(traceback.format_exception(kept))
