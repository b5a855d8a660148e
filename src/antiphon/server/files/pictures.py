"""Pictures: whether bytes are one, how large it is, and small ones of it."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from antiphon.server.files.kinds import PICTURES, Picture

MOST_PIXELS = 50_000_000
"""A picture of a few KiB can unpack to gigabytes; beyond this it is a file like any other."""
THUMBNAIL = 480
"""Pixels of a thumbnail's longer side."""


def look(source: Path | BinaryIO) -> Picture | None:
    """Tell which picture this is, or None; reads its head alone."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(source, formats=tuple(PICTURES)) as image:
            width, height = image.size
            # A photograph of a telephone says in its head which way up it is.
            if image.getexif().get(0x0112) in {5, 6, 7, 8}:
                width, height = height, width
            if width * height > MOST_PIXELS:
                return None
            return Picture(PICTURES[str(image.format)], width, height)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError):
        return None


def shrink(source: Path | BinaryIO, side: int = THUMBNAIL) -> bytes | None:
    """Give the picture as WebP, no side longer than `side`, the first image of a film; None if it is damaged.

    What hangs on a picture (where it was taken, for one) is left behind.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(source, formats=tuple(PICTURES)) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            image.draft("RGB", (2 * side, 2 * side))
            upright = ImageOps.exif_transpose(image) or image
            small = upright.convert("RGBA" if _is_clear(upright) else "RGB")
            small.thumbnail((side, side), Image.Resampling.LANCZOS)
            out = io.BytesIO()
            small.save(out, "WEBP", quality=80, method=4)
            return out.getvalue()
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError, EOFError):
        return None


def _is_clear(image: Image.Image) -> bool:
    return image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
