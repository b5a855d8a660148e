"""The folder with the bytes: one file for each upload, under its id, and its thumbnail beside it."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import anyio.to_thread

_ID = re.compile(r"[0-9a-f-]{36}")
FOLDER = "files"
"""Its name in the data folder."""
INCOMING = "incoming"


@dataclass(slots=True)
class Incoming:
    """An upload on its way: a file that is not on the shelf yet."""

    path: Path
    size: int
    hash: str


class Shelf:
    """Keeps files by id; all of it blocks, and is meant for a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> None:
        """Make the folder, and throw away what an earlier process left half written."""
        incoming = self.folder / INCOMING
        incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in incoming.iterdir():
            left.unlink(missing_ok=True)

    def path(self, file_id: str) -> Path:
        """Where a file is. Raises `ValueError` for what is no id of ours."""
        if not _ID.fullmatch(file_id):
            raise ValueError("no id of a file")
        return self.folder / file_id[:2] / file_id

    def thumbnail(self, file_id: str) -> Path:
        """Where its thumbnail is, if it has one."""
        return self.path(file_id).with_suffix(".webp")

    def take(self, source: IO[bytes]) -> Incoming:
        """Copy an upload into the folder, onto the disk."""
        (self.folder / INCOMING).mkdir(mode=0o700, parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        descriptor, name = tempfile.mkstemp(dir=self.folder / INCOMING)
        try:
            with os.fdopen(descriptor, "wb") as target:
                while piece := source.read(256 * 1024):
                    digest.update(piece)
                    size += len(piece)
                    target.write(piece)
                target.flush()
                os.fsync(target.fileno())
        except BaseException:  # also when the disk is full: nothing half is left, and the cause goes on
            Path(name).unlink(missing_ok=True)
            raise
        return Incoming(Path(name), size, digest.hexdigest())

    def put(self, incoming: Incoming, file_id: str, thumbnail: bytes | None) -> None:
        """Give an upload its place."""
        place = self.path(file_id)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        if thumbnail is not None:
            self.thumbnail(file_id).write_bytes(thumbnail)
        incoming.path.replace(place)

    def remove(self, file_id: str) -> None:
        """Throw a file and its thumbnail away."""
        self.path(file_id).unlink(missing_ok=True)
        self.thumbnail(file_id).unlink(missing_ok=True)

    def ids(self) -> Iterator[str]:
        """Give the ids of all files there are."""
        for place in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            if _ID.fullmatch(place.name):
                yield place.name


@asynccontextmanager
async def taken(shelf: Shelf, source: IO[bytes]) -> AsyncIterator[Incoming]:
    """An upload for as long as the block runs; what was not put on the shelf by then is gone."""
    incoming = await anyio.to_thread.run_sync(shelf.take, source)
    try:
        yield incoming
    finally:
        await anyio.to_thread.run_sync(lambda: incoming.path.unlink(missing_ok=True))
