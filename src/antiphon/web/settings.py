"""What the page needs to know before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PageSettings:
    """The page's settings; every duration is in seconds.

    The durations are fields so that a test can shorten them; each default carries its reason.
    """

    server_url: str
    """Where the server answers, seen from this process: ``http://127.0.0.1:8400``."""

    data_dir: Path
    """The folder that keeps the signed-in sessions (``page.sqlite3``, mode 600) and what people have written
    and is not sent yet (``clients``, mode 700).
    """

    product: str = "Antiphon"

    session_days: int = 30
    """How long a sign-in lasts without a visit; the server's own token may end it earlier."""

    session_days_most: int = 180
    """How long a sign-in lasts at most, however often one comes: then the password is asked for again."""

    alive_every: float = 10.0
    """A stream says that it is alive this often, so that the browser's 25 s of silence mean a lost link."""

    stream_lost_after: float = 25.0
    """A stream whose browser acknowledges nothing for this long gives up its subscriptions; below 30 s."""

    feed_linger: float = 30.0
    """A conversation that no stream shows is followed this long: from the first paint to the stream."""

    page_rows: int = 50
    """How many messages the first screen of a channel holds, and each step to earlier ones."""

    client_idle: float = 600.0
    """A person's client closes this long after the last stream, once nothing waits to be sent."""

    first_paint_within: float = 3.0
    """How long a page waits for the server before it is sent as a shell that comes alive by itself."""

    send_within: float = 10.0
    """How long a post waits for its confirmation before the browser is told to keep it and ask again."""

    drain_within: float = 1.0
    """How long a stopping page gives its streams and clients to close."""

    stream_limit: int = 256
    """How many events a stream may owe its browser before they collapse into one full render."""

    frame: float = 0.05
    """The shortest time between two renders of a streaming answer: 20 frames per second."""

    @property
    def client_dir(self) -> Path:
        """The folder in which the clients keep what must outlive this process."""
        return self.data_dir / "clients"
