"""Brotli and gzip, with types."""

from __future__ import annotations

import gzip as _gzip

import brotli as _brotli  # type: ignore[import-untyped]  # a C library without stubs


def brotli(content: bytes, *, quality: int) -> bytes:
    """Compress text; `quality` is 0 (fast) to 11 (small)."""
    compressed: bytes = _brotli.compress(content, quality=quality, mode=_brotli.MODE_TEXT)
    return compressed


def gzip(content: bytes) -> bytes:
    """Compress for browsers that know nothing better; the same content gives the same bytes."""
    return _gzip.compress(content, 9, mtime=0)
