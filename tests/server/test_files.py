"""Files: taken with limits, known by their bytes, fetched by whom they were shared with, never run."""

from __future__ import annotations

import asyncio
import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image
from tests.postgres import on_both_databases
from tests.server.serving import Answer, Person, Server, serving

from antiphon.server.files.kinds import kind_of
from antiphon.server.files.upkeep import Upkeep


def png(width: int = 40, height: int = 20, **options: Any) -> bytes:
    """Make a picture."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG", **options)
    return out.getvalue()


async def upload(
    person: Person, content: bytes, name: str = "a.png", kind: str = "image/png", **more: str
) -> Answer:
    """Send a file as a browser's form does."""
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(content), filename=name, content_type=kind)
    for field, value in more.items():
        form.add_field(field, value)
    return await person.ask("POST", "/api/v1/files/?process=false", data=form)


async def kept(person: Person, content: bytes, name: str = "a.png", **more: str) -> dict[str, Any]:
    """Send a file that must be taken; gives its record."""
    answer = await upload(person, content, name, **more)
    assert answer.status == 200, answer
    record: dict[str, Any] = answer.body
    return record


async def fetch(person: Person, path: str) -> tuple[int, bytes, Any]:
    """Fetch bytes."""
    headers = {"Authorization": f"Bearer {person.token}"} if person.session else {}
    async with person.http.get(person.url + path, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


@on_both_databases
async def test_a_picture_comes_back_as_it_went_with_a_thumbnail(server: Server, bob: Person) -> None:
    """With its kind, its size and what was said with it."""
    picture = png(1200, 600)
    record = await kept(bob, picture, "holiday.png", metadata='{"from": "phone"}')
    meta = record["meta"]
    assert (record["filename"], record["user_id"]) == ("holiday.png", bob.id)
    assert (meta["content_type"], meta["size"], meta["width"], meta["height"]) == (
        "image/png",
        len(picture),
        1200,
        600,
    )
    assert meta["data"] == {"from": "phone"}
    assert await bob.get(f"/api/v1/files/{record['id']}") == record
    assert await bob.get("/api/v1/files/") == [record]

    status, content, headers = await fetch(bob, f"/api/v1/files/{record['id']}/content")
    assert (status, content, headers["Content-Type"]) == (200, picture, "image/png")
    assert headers["Content-Disposition"].startswith("inline;")
    status, small, headers = await fetch(bob, f"/api/v1/files/{record['id']}/thumbnail")
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    assert Image.open(io.BytesIO(small)).size == (480, 240)


HOSTILE = {
    "page.png": b"<html><script>alert(1)</script></html>",
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"></svg>',
    "drawing.xml": b'<?xml version="1.0"?><?xml-stylesheet href="x.xsl"?><a/>',
    "page.xhtml": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "script.js": b"alert(1)",
    "paper.pdf": b"%PDF-1.7\n1 0 obj <</OpenAction <</S /JavaScript /JS (app.alert(1))>>>> endobj",
    "both.gif": b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)",
    "bytes.bin": bytes(range(256)) * 4,
    "utf16.html": "<script>alert(1)</script>".encode("utf-16"),
    "utf7.html": b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_could_run_in_a_page_is_only_ever_downloaded(
    server: Server, bob: Person, name: str
) -> None:
    """Whatever its name and its sender say that it is."""
    record = await kept(bob, HOSTILE[name], name)
    status, content, headers = await fetch(bob, f"/api/v1/files/{record['id']}/content")
    assert (status, content) == (200, HOSTILE[name])
    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    for word in ("html", "svg", "xml", "script", "image"):
        assert word not in headers["Content-Type"]
    assert (await bob.ask("GET", f"/api/v1/files/{record['id']}/thumbnail")).status == 404


async def test_a_picture_with_a_page_behind_it_is_served_as_a_picture_alone(
    server: Server, bob: Person
) -> None:
    """Its type is fixed, and no browser may look for another."""
    record = await kept(bob, png() + b"<script>alert(1)</script>", "x.html", kind="text/html")
    _, _, headers = await fetch(bob, f"/api/v1/files/{record['id']}/content")
    assert (headers["Content-Type"], headers["X-Content-Type-Options"]) == ("image/png", "nosniff")


def bomb() -> bytes:
    """A picture of a few KiB that would unpack to 1.2 GB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("content", [bomb(), png()[:60], b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8 "])
async def test_a_picture_that_cannot_be_unpacked_is_a_file_like_any_other(
    server: Server, bob: Person, content: bytes
) -> None:
    """It is kept, without a thumbnail, and downloaded."""
    record = await kept(bob, content)
    assert not record["meta"]["thumbnail"]
    _, back, headers = await fetch(bob, f"/api/v1/files/{record['id']}/content")
    assert back == content
    assert headers["Content-Disposition"].startswith("attachment;")


async def test_a_thumbnail_says_nothing_of_where_a_picture_was_taken(server: Server, bob: Person) -> None:
    """And it stands upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a secret place"
    out = io.BytesIO()
    Image.new("RGB", (100, 50)).save(out, "JPEG", exif=exif)
    record = await kept(bob, out.getvalue(), "p.jpg")
    assert (record["meta"]["width"], record["meta"]["height"]) == (50, 100)
    _, small, _ = await fetch(bob, f"/api/v1/files/{record['id']}/thumbnail")
    assert Image.open(io.BytesIO(small)).size == (50, 100)
    assert b"secret" not in small


@on_both_databases
async def test_a_file_is_seen_by_those_it_was_shared_with(
    server: Server, admin: Person, bob: Person, cleo: Person
) -> None:
    """Before that by its owner and administrators alone; naming its id opens nothing."""
    record = await kept(bob, png())
    path = f"/api/v1/files/{record['id']}"
    assert [(await one.ask("GET", path)).status for one in (bob, admin, cleo)] == [200, 200, 404]
    stranger = Person(server.url, bob.http)
    assert (await fetch(stranger, path + "/content"))[0] == 401

    direct = await bob.get(f"/api/v1/channels/users/{admin.id}")
    thief = await cleo.get(f"/api/v1/channels/users/{cleo.id}")
    stolen = {"content": "mine?", "data": {"files": [{"id": record["id"]}]}}
    refused = await cleo.ask("POST", f"/api/v1/channels/{thief['id']}/messages/post", stolen)
    assert refused.status == 403
    assert (await cleo.ask("GET", path)).status == 404

    await bob.say(direct["id"], "", data={"files": [{"id": record["id"], "type": "image"}]})
    assert (await cleo.ask("GET", path)).status == 404
    general = await bob.general()
    said = await bob.say(general, "look", data={})
    await bob.post(
        f"/api/v1/channels/{general}/messages/{said['id']}/update",
        {"content": "look", "data": {"files": [{"id": record["id"], "type": "image"}]}},
    )
    assert (await cleo.ask("GET", path)).status == 200
    assert (await fetch(cleo, path + "/content/some%20name.png"))[0] == 200
    assert (await cleo.ask("DELETE", path)).status == 403
    await bob.delete(path)
    assert (await bob.ask("GET", path)).status == 404
    assert (await fetch(bob, path + "/content"))[0] == 404


async def test_whoever_leaves_a_channel_no_longer_fetches_its_files(
    server: Server, admin: Person, bob: Person, cleo: Person
) -> None:
    """Access follows the membership of now."""
    form = {"name": "few", "type": "group", "user_ids": [bob.id, cleo.id]}
    group = await admin.post("/api/v1/channels/create", form)
    record = await kept(bob, png())
    await bob.say(group["id"], "", data={"files": [{"id": record["id"]}]})
    path = f"/api/v1/files/{record['id']}"
    assert (await cleo.ask("GET", path)).status == 200
    await admin.post(f"/api/v1/channels/{group['id']}/update/members/remove", {"user_ids": [cleo.id]})
    assert (await cleo.ask("GET", path)).status == 404


async def test_limits_are_said_in_words(tmp_path: Path) -> None:
    """Of one file and of one person's together, also when two come at once."""
    async with serving(tmp_path / "data", max_file_size=1, files_per_person=2) as server:
        ada = await server.sign_up("Ada")
        big = os.urandom(1024 * 1024)
        answer = await upload(ada, big + b"x", "big.bin")
        assert (answer.status, "at most 1 MiB" in answer.detail) == (413, True)
        answer = await upload(ada, big * 3, "huge.bin")
        assert (answer.status, "at most 1 MiB" in answer.detail) == (413, True)
        answers = await asyncio.gather(*(upload(ada, big[:900_000], f"{n}.bin") for n in range(4)))
        assert sorted(answer.status for answer in answers) == [200, 200, 413, 413]
        assert "delete some first" in next(answer for answer in answers if answer.status == 413).detail
        assert len(await asyncio.to_thread(everything, tmp_path / "data" / "files")) == 2


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 422, "field of that name"),
        (b"--x\r\nbroken", 422, "takes a file"),
        (b"no boundary at all", 400, "multipart"),
        (b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n', 422, "takes a file"),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\r\n--x--\r\n',
            400,
            "empty",
        ),
    ],
)
async def test_what_is_no_upload_is_refused_with_a_reason(
    server: Server, bob: Person, body: bytes, status: int, said: str
) -> None:
    """And leaves nothing on the disk."""
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await bob.ask("POST", "/api/v1/files/", data=body, headers=headers)
    assert (answer.status, said in answer.detail) == (status, True), answer
    assert await asyncio.to_thread(everything, server.app.state.files.folder) == []


@pytest.mark.parametrize("metadata", ["[1]", "{", "nothing", "[" * 5_000])
async def test_metadata_that_is_no_object_is_refused(server: Server, bob: Person, metadata: str) -> None:
    """Before anything is kept."""
    assert (await upload(bob, png(), metadata=metadata)).status == 422
    assert await bob.get("/api/v1/files/") == []


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\Users\\\\a\\\\b.png", "b.png"),
        ("a\r\nSet-Cookie: x=1.png", "aSet-Cookie: x=1.png"),
        ("naïve \u202egnp.exe", "naïve gnp.exe"),
        ("x" * 400 + ".jpeg", "x" * 250 + ".jpeg"),
        ("..", "file"),
        ('quo"te;.png', 'quo"te;.png'),
    ],
)
async def test_a_files_name_is_a_name_and_nothing_else(
    server: Server, bob: Person, given: str, stored: str
) -> None:
    """It is no path, no header, and not endless."""
    from antiphon.server.files.rest import _name_of

    assert _name_of(given) == stored
    record = await kept(bob, png(), stored)
    _, _, headers = await fetch(bob, f"/api/v1/files/{record['id']}/content")
    assert "Set-Cookie" not in headers
    assert headers["Content-Disposition"].isascii()


@pytest.mark.parametrize("file_id", ["x", "..%2F..%2Fsecret", "00000000-0000-0000-0000-000000000000", "%00"])
async def test_an_id_that_is_none_is_not_found(server: Server, bob: Person, file_id: str) -> None:
    """It never becomes a path."""
    for part in ("", "/content", "/thumbnail"):
        assert (await bob.ask("GET", f"/api/v1/files/{file_id}{part}")).status == 404


async def test_after_a_crash_what_nobody_knows_is_thrown_away(server: Server, bob: Person) -> None:
    """What is known stays."""
    shelf = server.app.state.files
    record = await kept(bob, png())

    def crash() -> None:
        left = shelf.take(io.BytesIO(b"half"))
        assert left.path.exists()
        whole = shelf.take(io.BytesIO(b"whole, but never stored"))
        shelf.put(whole, "00000000-0000-4000-8000-000000000000", None)

    await asyncio.to_thread(crash)
    again = Upkeep(server.app.state.database, shelf)
    await again.start()
    assert again._task is not None
    await again._task
    left = await asyncio.to_thread(everything, shelf.folder)
    assert sorted(path.name for path in left) == [record["id"], record["id"] + ".webp"]


async def test_a_full_disk_is_said_and_leaves_nothing(
    server: Server, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """507 to the person, and not a byte of it on the disk."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("antiphon.server.files.shelf.os.fsync", full)
    answer = await upload(bob, png())
    assert (answer.status, "no room" in answer.detail) == (507, True)
    assert await asyncio.to_thread(everything, server.app.state.files.folder) == []
    assert await bob.get("/api/v1/files/") == []


def test_a_text_cut_in_the_middle_of_a_letter_is_a_text(tmp_path: Path) -> None:
    """Only its beginning is looked at."""
    file = tmp_path / "long"
    file.write_text("x" + "é" * 40_000)
    assert kind_of(file).content_type == "text/plain"
    file.write_bytes(b"x" * 100 + b"\xff\xfe" + b"y" * 100)
    assert kind_of(file).content_type == "application/octet-stream"


def everything(folder: Path) -> list[Path]:
    """Give all files in a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]
