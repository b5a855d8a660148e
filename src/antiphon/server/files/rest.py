"""`/api/v1/files`: uploading, fetching and deleting files. Nothing served from here can run in a page."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import uuid
from pathlib import Path, PurePath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Query
from sqlalchemy import Row
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse

from antiphon.server.errors import Problem, refusals
from antiphon.server.files import store
from antiphon.server.files.kinds import BYTES, Kind, kind_of
from antiphon.server.files.shelf import Incoming, taken
from antiphon.server.permissions import may_use_channels
from antiphon.server.routing import Page, Router
from antiphon.server.security.principals import Principal, User
from antiphon.server.state import ServerState, State

logger = logging.getLogger("antiphon.server.files")

router = Router(prefix="/api/v1/files", tags=["files"])

MIB = 1024 * 1024
MAX_NAME = 255
MAX_META = 16 * 1024
_INERT = "default-src 'none'; sandbox"
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "metadata": {"type": "string", "description": "a JSON object to keep with it"},
                    },
                }
            }
        },
    }
}


def _bytes(content_type: str) -> dict[int | str, dict[str, Any]]:
    """Bytes of this type, as an address declares them."""
    return {200: {"content": {content_type: {"schema": {"type": "string", "format": "binary"}}}}}


@router.post("/", openapi_extra=_BODY, responses=refusals(507))
async def upload(
    request: Request,
    user: User,
    state: State,
    process: Annotated[bool, Query(description="taken and ignored: nothing is indexed here")] = False,
) -> dict[str, Any]:
    """Take one file (`multipart/form-data`, field `file`); gives its record."""
    del process
    async with request.form(max_files=1, max_fields=4, max_part_size=MAX_META) as form:
        file, meta = _file_of(form), _meta_of(form)
        return await _keep(state, user, file, meta)


@router.get("/")
async def own(user: User, state: State, page: Page = 1) -> list[dict[str, Any]]:
    """Return one's own files, the newest first, 50 a page."""
    async with state.database.read() as connection:
        return [record(row) for row in await store.of_user(connection, user.id, page)]


@router.get("/{file_id}")
async def about(file_id: str, user: User, state: State) -> dict[str, Any]:
    """Return what is known of a file."""
    return record(await _fetchable(state, file_id, user))


@router.get("/{file_id}/content", response_class=FileResponse, responses=_bytes("*/*"))
@router.get("/{file_id}/content/{name}", include_in_schema=False)
async def content(file_id: str, user: User, state: State, name: str = "") -> FileResponse:
    """Return a file's bytes; a picture may be shown in a page, anything else is downloaded."""
    del name
    row = await _fetchable(state, file_id, user)
    await _must_be_there(state.files.path(row.id))
    # What has a thumbnail was unpacked here: it is a picture through and through.
    return _served(state.files.path(row.id), row.content_type, row.filename, inline=row.has_thumbnail)


@router.get("/{file_id}/thumbnail", response_class=FileResponse, responses=_bytes("image/webp"))
async def thumbnail(file_id: str, user: User, state: State) -> FileResponse:
    """Return a picture at most 480 pixels wide and high, as WebP."""
    row = await _fetchable(state, file_id, user)
    if not row.has_thumbnail:
        raise Problem(404, "This file has no thumbnail: it is no picture.")
    await _must_be_there(state.files.thumbnail(row.id))
    return _served(state.files.thumbnail(row.id), "image/webp", "thumbnail.webp", inline=True)


@router.delete("/{file_id}")
async def delete(file_id: str, user: User, state: State) -> dict[str, str]:
    """Delete a file of one's own (an administrator: of anybody's), wherever it was shared."""
    row = await _fetchable(state, file_id, user)
    if row.user_id != user.id and not user.is_admin:
        raise Problem.no_access()
    async with state.database.write() as connection:
        await store.remove(connection, file_id)
    await asyncio.to_thread(state.files.remove, file_id)
    return {"message": "File deleted successfully"}


def record(row: Row[Any]) -> dict[str, Any]:
    """A file as it travels."""
    return {
        "id": row.id,
        "user_id": row.user_id,
        "hash": row.hash,
        "filename": row.filename,
        "data": {"status": "completed"},
        "meta": {
            "name": row.filename,
            "content_type": row.content_type,
            "size": row.size,
            "data": row.meta or {},
            "width": row.width,
            "height": row.height,
            "thumbnail": row.has_thumbnail,
        },
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "status": True,
    }


async def _fetchable(state: ServerState, file_id: str, user: Principal) -> Row[Any]:
    channels_on = may_use_channels(state.config, user)
    async with state.database.read() as connection:
        return await store.fetchable(connection, file_id, user, channels_on=channels_on)


async def _keep(
    state: ServerState, user: Principal, file: UploadFile, meta: dict[str, Any]
) -> dict[str, Any]:
    limit = state.settings.max_file_size * MIB
    size = file.size or 0
    if size > limit:
        raise Problem(413, f"The file is too large: at most {state.settings.max_file_size} MiB are taken.")
    if not size:
        raise Problem(400, "The file is empty.")
    file_id, name = str(uuid.uuid4()), _name_of(file.filename)
    try:
        async with taken(state.files, file.file) as incoming:
            kind, small = await asyncio.to_thread(_looked_at, incoming)
            return await _stored(state, user, file_id, name, incoming, kind, small, meta)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise
        logger.exception("no room for an upload of %d bytes: %s", size, error.strerror)
        raise Problem(507, "There is no room for the file on the server; tell who runs it.") from None


async def _stored(
    state: ServerState,
    user: Principal,
    file_id: str,
    name: str,
    incoming: Incoming,
    kind: Kind,
    small: bytes | None,
    meta: dict[str, Any],
) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": file_id,
        "user_id": user.id,
        "filename": name,
        "hash": incoming.hash,
        "content_type": kind.content_type,
        "size": incoming.size,
        "width": kind.picture.width if kind.picture else None,
        "height": kind.picture.height if kind.picture else None,
        "has_thumbnail": small is not None,
        "meta": meta or None,
    }
    most = state.settings.files_per_person
    async with state.database.write() as connection:
        # Inside the write: two uploads at once must not both find room for one.
        if await store.used_by(connection, user.id) + incoming.size > most * MIB:
            raise Problem(413, f"Your files would take more than {most} MiB; delete some first.")
        await store.add(connection, **values)
        # Before the row is seen by anyone, so that nothing points to bytes that are not there.
        await asyncio.to_thread(state.files.put, incoming, file_id, small)
    async with state.database.read() as connection:
        return record(await store.fetchable(connection, file_id, user, channels_on=False))


async def _must_be_there(path: Path) -> None:
    if not await asyncio.to_thread(path.is_file):
        logger.error("the bytes of a file are missing: %s", path)
        raise Problem.not_found()


def _looked_at(incoming: Incoming) -> tuple[Kind, bytes | None]:
    from antiphon.server.files import pictures  # noqa: PLC0415 - loaded with the first upload

    kind = kind_of(incoming.path)
    if kind.picture is None:
        return kind, None
    small = pictures.shrink(incoming.path)
    # What cannot be unpacked is not shown as a picture either.
    return (kind, small) if small is not None else (Kind(BYTES), None)


def _file_of(form: FormData) -> UploadFile:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise Problem(422, "file takes a file: send multipart/form-data with a field of that name.")
    return file


def _meta_of(form: FormData) -> dict[str, Any]:
    text = form.get("metadata")
    if not isinstance(text, str) or not text.strip():
        return {}
    try:
        meta = json.loads(text)
    except (ValueError, RecursionError):
        meta = None
    if not isinstance(meta, dict):
        raise Problem(422, "metadata takes a JSON object.")
    return meta


def _name_of(given: str | None) -> str:
    """The last part of what the sender calls it, printable and not too long, its ending kept."""
    name = PurePath((given or "").replace("\\", "/")).name
    name = "".join(letter for letter in name if letter.isprintable()).strip(" .") or "file"
    if len(name) > MAX_NAME:
        ending = PurePath(name).suffix[:20]
        name = name[: MAX_NAME - len(ending)] + ending
    return name


def _served(path: Path, content_type: str, name: str, *, inline: bool) -> FileResponse:
    how = "inline" if inline else "attachment"
    return FileResponse(
        path,
        media_type=content_type,
        headers={
            "Content-Disposition": f"{how}; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": _INERT,
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            # The bytes under an id never change; whoever may fetch them may keep them.
            "Cache-Control": "private, max-age=31536000, immutable",
        },
    )
