"""What an error keeps alive."""

from __future__ import annotations

import traceback


def release_frames(error: BaseException) -> None:
    """Clear the local variables of the frames that an error and its causes passed through.

    An error that is kept as a result would keep a decoded image. Its traceback can still be printed.
    """
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
