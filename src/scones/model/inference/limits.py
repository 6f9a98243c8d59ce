"""What it takes to decode an image, as far as its header tells, so that too costly a file is refused before.

The memory was measured with Pillow 13 on images of 12 megapixels.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from PIL import ImageFile, JpegImagePlugin, PngImagePlugin

from scones.contract.layout import MAX_DECODE_BYTES, MAX_IMAGE_PIXELS, MAX_IMAGE_SIDE
from scones.errors import ImageRejectedError

# A usual progressive JPEG has 10 scans. Each takes a pass over the whole image, even if it is empty.
MAX_SCANS = 32
# A photograph's header takes some hundreds of reads; a damaged one could take one for each of its bytes.
MAX_READS = 500_000

# libjpeg keeps the coefficients of the whole image if they come in several scans.
_BYTES_PER_COEFFICIENT = 2

_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_START_OF_IMAGE = 0xD8
# A marker is 0xFF and a byte that is neither a filler, nor a stuffed zero, nor a restart between two intervals.
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])", re.DOTALL)

# Pillow's own limit is 64 MB of decompressed text, which it keeps as long as the image.
PngImagePlugin.MAX_TEXT_MEMORY = 2 * PngImagePlugin.MAX_TEXT_CHUNK


class ImageBytes(io.BytesIO):
    """The bytes of an image as a file. Raises ImageRejectedError at the read after `MAX_READS`.

    Pillow reads headers, and run-length encoded BMP files, in Python: the number of reads bounds the time.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return up to `size` bytes."""
        self._reads += 1
        if self._reads > MAX_READS:
            raise ImageRejectedError("the image's file is divided into too many parts; save it again")
        return super().read(size)


def check_size(width: int, height: int) -> None:
    """Raise ImageRejectedError if an image has over `MAX_IMAGE_PIXELS` pixels or `MAX_IMAGE_SIDE` on one side."""
    if width * height > MAX_IMAGE_PIXELS or max(width, height) > MAX_IMAGE_SIDE:
        raise ImageRejectedError(
            f"the image has {width} x {height} pixels, over {MAX_IMAGE_PIXELS} or {MAX_IMAGE_SIDE} on a side;"
            " send a smaller one"
        )


def check_decode_bytes(needed: int) -> None:
    """Raise ImageRejectedError if decoding takes over `MAX_DECODE_BYTES` bytes of memory."""
    if needed > MAX_DECODE_BYTES:
        raise ImageRejectedError(
            f"decoding the image takes {needed} bytes of memory, over {MAX_DECODE_BYTES}; send a smaller one"
        )


def coefficient_bytes(image: ImageFile.ImageFile, data: bytes) -> int:
    """Return the memory in bytes for the coefficients of a JPEG in several scans, and 0 for any other image.

    Raises ImageRejectedError if it has more than `MAX_SCANS`. To be called before `image.draft`.
    """
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or not _has_scans(image, data):
        return 0
    scans = sum(marker == _START_OF_SCAN for marker, _ in _markers(data))
    if scans > MAX_SCANS:
        raise ImageRejectedError(f"the JPEG has {scans} scans, over {MAX_SCANS}; save it again, not progressive")
    most = max(across * down for _, across, down, _ in image.layer)
    samples = sum(across * down for _, across, down, _ in image.layer) / most
    return int(_BYTES_PER_COEFFICIENT * samples * image.width * image.height)


def _has_scans(image: JpegImagePlugin.JpegImageFile, data: bytes) -> bool:
    """Return whether a JPEG is progressive, or its first scan has not all of its components."""
    if "progressive" in image.info:
        return True
    start = next((start for marker, start in _markers(data) if marker == _START_OF_SCAN), len(data))
    return data[start + 2 : start + 3] != bytes([image.layers])


def _markers(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the markers of a JPEG up to its end, each with the position of its segment."""
    position = 0
    while match := _MARKER.search(data, position):
        marker = match[1][0]
        position = match.end()
        yield marker, position
        if marker == _END_OF_IMAGE:
            return
        if marker not in (1, _START_OF_IMAGE):
            position += int.from_bytes(data[position : position + 2], "big")
