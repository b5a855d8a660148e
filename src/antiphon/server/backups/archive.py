"""The file of a backup: a ZIP archive with a manifest and the rows of each table, one JSON list per line.

The rows are those of the tables, not of a database's own files, so that what was kept in SQLite can be
restored into PostgreSQL and the other way round.
"""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

FORMAT = 1
MANIFEST = "antiphon-backup.json"
FILES = "files/"


class BadBackup(Exception):
    """The file is no backup, is damaged, or is a newer Antiphon's; the text is one line for a person."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a backup says of itself: when it was made (unix seconds), by which version, with which schema."""

    made_at: int
    version: str
    revision: str
    columns: Mapping[str, Sequence[str]]
    rows: Mapping[str, int]


class BackupWriter:
    """Writes a backup beside its final name, and gives it that name when it is whole."""

    def __init__(self, path: Path, *, version: str, revision: str, made_at: int) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._said = {"format": FORMAT, "made_at": made_at, "version": version, "revision": revision}
        self._columns: dict[str, list[str]] = {}
        self._rows: dict[str, int] = {}
        self._table: IO[bytes] | None = None
        self._name = ""
        # Password hashes and all that was said are in it: it is for its owner alone.
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._raw = os.fdopen(descriptor, "wb")
        self._zip = zipfile.ZipFile(self._raw, "w", zipfile.ZIP_DEFLATED, compresslevel=4)

    def begin_table(self, name: str, columns: Sequence[str]) -> None:
        """The rows that follow are this table's."""
        self._end_table()
        self._name, self._columns[name], self._rows[name] = name, list(columns), 0
        self._table = self._zip.open(f"tables/{name}.jsonl", "w", force_zip64=True)

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows to the table."""
        assert self._table is not None  # noqa: S101 - the caller has begun a table
        lines = (json.dumps(list(row), ensure_ascii=False, separators=(",", ":")) for row in rows)
        self._table.write("".join(f"{line}\n" for line in lines).encode())
        self._rows[self._name] += len(rows)

    def add_file(self, name: str, path: Path) -> None:
        """Add a file's bytes; they are seldom worth packing."""
        self._end_table()
        self._zip.write(path, f"{FILES}{name}", zipfile.ZIP_STORED)

    def finish(self) -> None:
        """Write the manifest, bring everything onto the disk, and give the file its name."""
        self._end_table()
        manifest = {**self._said, "columns": self._columns, "rows": self._rows}
        self._zip.writestr(MANIFEST, json.dumps(manifest, indent=1))
        self._zip.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        self._part.replace(self._path)

    def abandon(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError, ValueError):  # what cannot be written need not be: it goes
            self._end_table()
            self._zip.close()
        with contextlib.suppress(OSError):  # as above; it is closed all the same
            self._raw.close()
        self._part.unlink(missing_ok=True)

    def _end_table(self) -> None:
        if self._table is not None:
            self._table.close()
            self._table = None


class BackupReader:
    """Reads a backup. Raises `BadBackup` as soon as something does not fit."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError:
            raise BadBackup(f"there is no file {str(path)!r}") from None
        except (zipfile.BadZipFile, OSError) as error:
            raise BadBackup(f"{str(path)!r} is no backup of Antiphon ({error})") from None
        try:
            self.content = _content(json.loads(self._zip.read(MANIFEST)), path)
        except BadBackup:
            self._zip.close()
            raise
        except (KeyError, ValueError, zipfile.BadZipFile) as error:
            self._zip.close()
            raise BadBackup(f"{str(path)!r} is no backup of Antiphon ({error})") from None
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def rows(self, table: str, batch: int) -> Iterator[list[dict[str, Any]]]:
        """Give a table's rows, some at a time; a damaged or cut file is noticed at the latest at the end."""
        columns, count = self.content.columns[table], 0
        try:
            with self._zip.open(f"tables/{table}.jsonl") as lines:
                gathered: list[dict[str, Any]] = []
                for line in lines:
                    gathered.append(dict(zip(columns, json.loads(line), strict=True)))
                    count += 1
                    if len(gathered) == batch:
                        yield gathered
                        gathered = []
                if gathered:
                    yield gathered
        except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:  # type: ignore[attr-defined]  # it is there whenever the archive was packed
            raise self._damaged(table, str(error)) from None
        if count != self.content.rows[table]:
            raise self._damaged(table, f"{count} rows instead of {self.content.rows[table]}")

    def files(self) -> list[str]:
        """Give the names of the files that are in it."""
        return [name.removeprefix(FILES) for name in self._zip.namelist() if name.startswith(FILES)]

    def open_file(self, name: str) -> IO[bytes]:
        """Open one of them. Reading it raises `zipfile.BadZipFile` when it is damaged."""
        return self._zip.open(f"{FILES}{name}")

    def _damaged(self, table: str, what: str) -> BadBackup:
        return BadBackup(f"{str(self._path)!r} is damaged (table {table}: {what}); nothing was changed")


def _content(manifest: Any, path: Path) -> Content:
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise BadBackup(f"{str(path)!r} is no backup of Antiphon")
    if manifest["format"] > FORMAT:
        raise BadBackup(
            f"{str(path)!r} was made by a newer Antiphon ({manifest.get('version')}); update first"
        )
    columns, rows = manifest["columns"], manifest["rows"]
    if columns.keys() != rows.keys():
        raise BadBackup(f"{str(path)!r} is damaged (its list of tables)")
    return Content(
        int(manifest["made_at"]), str(manifest["version"]), str(manifest["revision"]), columns, rows
    )
