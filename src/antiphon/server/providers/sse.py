"""Server-sent events as model providers use them: one JSON text per `data:` line. No I/O."""

MAX_LINE = 8 * 1024 * 1024
"""Bytes of one line beyond which a stream is given up; a line is held in memory until its end has come."""


class LineTooLong(ValueError):
    """A line did not end within `MAX_LINE` bytes."""


class DataLines:
    """Cuts a byte stream into the payloads of its `data:` lines, whatever the network's boundaries (W-42).

    Comments, `event:`, `id:` and `retry:` lines are left out: no provider says there what its data lacks.
    """

    def __init__(self) -> None:
        self._rest = b""

    @property
    def rest(self) -> bytes:
        """The bytes of a line whose end has not come."""
        return self._rest

    def feed(self, data: bytes) -> list[bytes]:
        """Return the payloads that `data` completes, in order."""
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE:
            raise LineTooLong
        return [line[5:].strip() for line in lines if line.startswith(b"data:")]
