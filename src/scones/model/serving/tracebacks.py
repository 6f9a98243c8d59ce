"""What an error keeps alive."""

from __future__ import annotations

import traceback

from scones.errors import ImageRejectedError


def release_frames(error: BaseException) -> None:
    """Have an error that is kept as a result keep no local variable of the frames that it passed through.

    One of them is the decoded image. A rejection loses its traceback; that of any other error can still be printed.
    """
    if isinstance(error, ImageRejectedError):
        # The frame that catches it may hold the result's future, which holds the error: a cycle, with the body in it.
        error.__traceback__ = None
        error.__cause__ = None
        error.__context__ = None
        return
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
