"""Which way a request to a provider takes."""

from __future__ import annotations

import pytest

from antiphon.server.providers.sessions import is_this_machine


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("http://127.0.0.1:11434", True),
        ("http://localhost:8080/v1", True),
        ("http://[::1]/v1", True),
        ("https://api.example.com/v1", False),
        ("http://10.0.0.2/v1", False),
        ("http://localhost.example.com", False),
    ],
)
def test_a_proxy_never_leads_to_this_machine(address: str, here: bool) -> None:
    """Loopback addresses are reached directly, whatever HTTP_PROXY says."""
    assert is_this_machine(address) is here
