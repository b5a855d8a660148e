"""What a file is, by looking at its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PICTURES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
"""What a browser shows and nothing can run in. SVG is a document with scripts: it is no picture here."""
BYTES = "application/octet-stream"
TEXT = "text/plain"
_HEAD = 64 * 1024
# An image that is none of `PICTURES`, or damaged, is no picture to us: who knows what a browser makes of it.
_NOT_SERVED_AS_SUCH = ("image/", "html", "svg", "xml", "javascript", "ecmascript", "mathml", "flash", "pdf")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's kind, and its size in pixels as it is shown."""

    content_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Kind:
    """The type that a file is served under. `picture`: it may be shown in a page, for nothing runs in it."""

    content_type: str
    picture: Picture | None = None


def kind_of(path: Path) -> Kind:
    """Look at a file. Where its name or its sender say something else, the bytes are right."""
    # Loaded with the first upload: a start is quicker without it.
    from antiphon.server.files import pictures  # noqa: PLC0415 - see above

    picture = pictures.look(path)
    if picture is not None:
        return Kind(picture.content_type, picture)
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if _is_text(head):
        return Kind(TEXT)
    return Kind(_guessed(head))


def _guessed(head: bytes) -> str:
    import puremagic  # noqa: PLC0415 - as above

    try:
        guesses = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return BYTES
    said = guesses[0].mime_type if guesses else ""
    if not said or any(word in said for word in _NOT_SERVED_AS_SUCH):
        # It is only ever downloaded; a type that nothing opens by itself makes that certain.
        return "application/pdf" if said == "application/pdf" else BYTES
    return said


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 4 and len(head) == _HEAD  # cut in the middle of a character
    return True
