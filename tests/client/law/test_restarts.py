"""The law across processes: what a client kept that was killed or closed is sent by the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from .flavour import OPEN_WEBUI_6, OPEN_WEBUI_12, OURS, Flavour
from .stage import Step, play

SCRIPTS: dict[str, list[Step]] = {
    "killed after the post was stored, before its answer came": [
        ("we_send", 0, 0),
        ("time_passes", 1, 0),
        ("we_are_killed", 0, 1),
    ],
    "killed after the post was stored, and nobody can tell that the process is gone": [
        ("we_send", 0, 0),
        ("time_passes", 1, 0),
        ("we_are_killed", 0, 0),
    ],
    "killed while the post was on its way, which arrives": [
        ("things_are_slow", 4, 0),
        ("we_send", 0, 0),
        ("time_passes", 1, 0),
        ("we_are_killed", 1, 1),
    ],
    "killed while the post was on its way, which is lost": [
        ("things_are_slow", 4, 0),
        ("we_send", 0, 0),
        ("time_passes", 1, 0),
        ("we_are_killed", 0, 1),
    ],
    "killed again and again while the server is away": [
        ("the_server_stops", 0, 0),
        ("we_send", 0, 0),
        ("we_send", 0, 0),
        ("we_are_killed", 0, 1),
        ("we_send", 0, 0),
        ("we_are_killed", 0, 0),
        ("we_reply", 0, 0),
        ("we_start_anew", 0, 0),
        ("the_server_returns", 0, 0),
    ],
    "closed and killed with a message that was refused, which is then tried again": [
        ("we_look_at", 0, 4),
        ("time_passes", 3, 0),
        ("ann_lets_us_in_or_out", 0, 0),
        ("we_send", 4, 0),
        ("time_passes", 4, 0),
        ("we_start_anew", 0, 0),
        ("we_are_killed", 0, 1),
        ("ann_lets_us_in_or_out", 0, 0),
        ("we_try_again", 0, 0),
    ],
}


@pytest.mark.parametrize("flavour", [OURS, OPEN_WEBUI_12, OPEN_WEBUI_6], ids=repr)
@pytest.mark.parametrize("what", SCRIPTS)
def test_the_next_client_sends_what_was_kept_once(what: str, flavour: Flavour, tmp_path: Path) -> None:
    """Neither a kill nor a restart loses a message or sends it twice."""
    play(flavour, SCRIPTS[what], tmp_path)
