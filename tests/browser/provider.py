"""A small real provider: the OpenAI API over HTTP, with answers that begin when the test says so."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a caller who went away in the middle of an answer, as one does who stops it."""


class LocalProvider:
    """Serves `/v1/models` and `/v1/chat/completions`; `words` are streamed one by one.

    While `hold` is set the answer stops after its first word.
    """

    def __init__(
        self, *models: str, key: str = "", words: tuple[str, ...] = ("All", " is", " well.")
    ) -> None:
        self.models = models
        self.key = key
        self.words = words
        self.go_on = threading.Event()
        self.go_on.set()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self._allowed():
                    self._json(
                        200, {"object": "list", "data": [{"id": id_, "object": "model"} for id_ in models]}
                    )

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))))
                if not self._allowed():
                    return
                if not body.get("stream"):
                    message = {"role": "assistant", "content": "".join(provider.words)}
                    self._json(200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
                    return
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("connection", "close")
                self.end_headers()
                for number, word in enumerate(provider.words):
                    if number == 1:
                        provider.go_on.wait(30)
                    chunk = {"choices": [{"index": 0, "delta": {"content": word}}]}
                    self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                    self.wfile.flush()
                end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
                self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
                self.close_connection = True

            def _allowed(self) -> bool:
                if not provider.key or self.headers.get("authorization") == f"Bearer {provider.key}":
                    return True
                self._json(401, {"error": {"message": "Incorrect API key provided"}})
                return False

            def _json(self, status: int, value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The address to give to the page."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
