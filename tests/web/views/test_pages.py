"""Whole views: landmarks, labels, and what a person can do in each state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC

import htpy as h
import pytest

from antiphon.client.link.link import Link, LinkState
from antiphon.web import views
from antiphon.web.views import emoji
from antiphon.wire import ChannelDetail, ChannelEntry, ChatEntry, ChatMessage, ModelInfo

from .page import ADA, GRACE, NOON, ROOT, SECOND, Node, SampleRow, answer, message, reaction, read

NOW = NOON / SECOND
MODELS = [ModelInfo(id="gpt", name="GPT"), ModelInfo(id="eliza", name="Eliza")]
LIVE = Link(LinkState.LIVE, since=NOW)
IDLE_IDS = re.compile(r'url\(|style="|\son\w+="')


class Files:
    """Addresses of static files, as the page serves them."""

    style = "/static/0/antiphon.css"
    htmx = "/static/0/vendor/htmx.min.js"
    entry = "/static/0/app.js"
    modules = ("/static/0/app.js", "/static/0/log.js")

    def url(self, name: str) -> str:
        """Address of one file."""
        return f"/static/0/{name}"


@dataclass
class SampleChat:
    """A chat as far as its page shows it."""

    id: str = "k1"
    title: str = "Intervals"


def entry(id_: str, name: str = "", **fields: object) -> ChannelEntry:
    """A channel of the sidebar."""
    return ChannelEntry.model_validate(
        {"id": id_, "user_id": "u1", "name": name, "created_at": NOON, "updated_at": NOON, **fields}
    )


def detail(**fields: object) -> ChannelDetail:
    """A channel that is shown."""
    base = {
        "id": "c1",
        "user_id": "u1",
        "name": "general",
        "created_at": NOON,
        "updated_at": NOON,
        "write_access": True,
    }
    return ChannelDetail.model_validate({**base, **fields})


CHANNELS = [
    entry("c1", "general"),
    entry("c2", "design", unread_count=3),
    entry("c3", "noise", unread_count=7, is_channel_muted=True),
    entry("c4", "launch", type="group"),
    entry(
        "d1",
        type="dm",
        unread_count=120,
        users=[ADA_ENTRY := GRACE.model_copy(update={"id": "u1", "name": "Ada"}), GRACE],
    ),
]
CHATS = [
    ChatEntry(id="k1", title="Intervals", updated_at=int(NOW) - 60, created_at=0, active=True),
    ChatEntry(id="k2", title="Agenda", updated_at=int(NOW) - 86_400, created_at=0),
    ChatEntry(id="k3", title="Boats", updated_at=int(NOW) - 9 * 86_400, created_at=0),
]


def sidebar(current: str | None = "c2", **given: object) -> h.Element:
    """The sidebar of Ada, or with other contents."""
    lists = {"channels": CHANNELS, "people": [GRACE], "chats": CHATS, **given}
    return views.sidebar(user=ADA, current=current, now=NOW, zone=UTC, **lists)


def whole(main: h.Element, *, link: Link = LIVE) -> h.Element:
    """A view in the frame of a signed-in person's document."""
    shell = views.app_shell(
        user=ADA, sidebar=sidebar(), main=main, server_link=views.server_link(link, now=NOW)
    )
    return views.document(title="x", main=shell, assets=Files(), signed_in=True)


ROWS = [
    SampleRow(message("m1", "```py\nx = 1\n```\n|a|\n|-:|\n|1|", reactions=[reaction("tada", "u1")])),
    SampleRow(message("m2", "hi", by="u1", at=1), state="pending", temp_id="t2"),
    SampleRow(message("m3", "hi", by="u1", at=2), state="failed", error="no", temp_id="t3"),
]
TURNS = [ChatMessage(id="q1", role="user", content="Why?"), answer("Because.", followUps=["And then?"])]
CHOICE = {"models": MODELS, "selected": "gpt", "me": ADA, "zone": UTC}
PROVIDERS = [
    views.Provider(0, "https://a.example/v1", has_key=True),
    views.Provider(1, "http://b.example", prefix="b"),
]
CHECKED = {0: views.Verification(True, "Answers.", ("m",)), 1: views.Verification(False, "Silent.")}
MAINS = {
    "channel": views.channel_main(detail(), ROWS, me=ADA, has_earlier=True, typing=["Grace"], zone=UTC),
    "empty channel": views.channel_main(detail(), [], me=ADA, has_earlier=False, zone=UTC),
    "chat": views.chat_main(SampleChat(), TURNS, running=False, **CHOICE),
    "running chat": views.chat_main(SampleChat(), [TURNS[0], answer("", done=False)], running=True, **CHOICE),
    "home": views.home_main(user=ADA, models=MODELS, selected="eliza", channels=CHANNELS),
    "home without models": views.home_main(user=ROOT),
    "providers": views.providers_main(PROVIDERS, verifications=CHECKED, error="No.", notice="Yes."),
    "error": views.error_main(404),
}


@pytest.mark.parametrize("name", MAINS)
def test_a_document_is_sound(name: str) -> None:
    """One main, one heading of the first level, ids once, every control named, no inline style or script."""
    html = str(whole(MAINS[name]))
    assert not IDLE_IDS.search(html)
    page = read(h.fragment[whole(MAINS[name])])
    assert page.one("html").attributes["lang"] == "en"
    assert len(page.all("main")) == len(page.all("nav")) == 1
    assert page.one("main").attributes["id"] == "view"
    assert len(page.all("h1")) == 1
    ids = [node.attributes["id"] for node in page.walk() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in page.walk():
        if node.tag in {"button", "a", "h1", "summary"}:
            assert node.text or node.attributes.get("aria-label"), f"a nameless {node.tag}"
        if node.tag in {"input", "select", "textarea"} and node.attributes.get("type") != "hidden":
            labels = [label.attributes.get("for") for label in page.all("label")]
            assert node.attributes.get("aria-label") or node.attributes.get("id") in labels
        for reference in ("popovertarget", "aria-describedby", "aria-labelledby", "form"):
            if reference in node.attributes:
                assert node.attributes[reference] in ids, f"{reference} leads nowhere"
        if node.tag == "script":
            assert node.attributes["src"].startswith("/static/")
            assert node.text == ""
        if node.tag == "use":
            assert node.attributes["href"].removeprefix("#") in ids


def test_a_page_without_a_session_runs_no_script() -> None:
    """Signing in is a plain form; the theme is the one chosen before."""
    page = read(
        h.fragment[
            views.document(
                title="x", main=views.auth_page("sign-in"), assets=Files(), signed_in=False, theme="dark"
            )
        ]
    )
    assert page.all("script") == []
    assert page.one("html").attributes["data-theme"] == "dark"


# --- signing in ---


def labels(page: Node) -> list[str]:
    """The labels of a form in their order."""
    return [label.text for label in page.all("label")]


def test_signing_in_asks_for_address_and_password() -> None:
    """What was typed is kept after an error, which is spoken; the way to an account is one link."""
    page = read(views.auth_page("sign-in", error="Wrong password.", email="a@b.c", next_path="/c/1"))
    assert labels(page) == ["Email", "Password"]
    assert page.one(role="alert").text == "Wrong password."
    assert page.one("input", name="email").attributes["value"] == "a@b.c"
    assert "value" not in page.one("input", name="password").attributes
    assert page.one("input", type="hidden").attributes["value"] == "/c/1"
    assert page.one("button").text == "Sign in"
    assert page.one("a").text == "Create an account"


def test_signing_up_asks_for_a_name_too() -> None:
    """The first account is told that it administers, and has nobody to sign in as."""
    page = read(views.auth_page("sign-up"))
    assert labels(page) == ["Name", "Email", "Password"]
    assert page.one("button").text == "Create account"
    assert page.one("a").text == "Sign in"
    first = read(views.auth_page("sign-up", first_account=True))
    assert "administrator" in first.text
    assert first.all("a") == []


def test_a_closed_door_says_whom_to_ask() -> None:
    """Without sign-up there is no link to it."""
    page = read(views.auth_page("sign-in", signup_open=False))
    assert page.all("a") == []
    assert "administrator" in page.text


# --- sidebar ---


def test_the_sidebar_shows_where_one_is_and_what_is_new() -> None:
    """Counts are told, muted channels keep theirs to themselves, long counts are cut."""
    page = read(sidebar())
    channels = page.one("ul", id="channel-list").all("a")
    assert [link.text for link in channels] == ["general", "design unread: 3", "noise", "launch"]
    assert [link.attributes["href"] for link in channels[:2]] == ["/channels/c1", "/channels/c2"]
    assert [link.text for link in page.all(aria_current="page")] == ["design unread: 3"]
    person = page.one("ul", id="people-list").one("a")
    assert person.text == "GH Grace Hopper , online unread: 99+"
    assert person.attributes["href"] == "/channels/d1"


def test_a_person_without_a_conversation_leads_to_a_new_one() -> None:
    """And one does not appear in one's own list."""
    page = read(views.people_list([GRACE, ADA_ENTRY], [], me_id="u1"))
    assert [link.attributes["href"] for link in page.all("a")] == ["/page/people/u2"]


def test_chats_are_grouped_by_day() -> None:
    """Today, yesterday, older: by the reader's zone; a chat that is answering says so."""
    page = read(views.chat_list(CHATS, current="k2", now=NOW, zone=UTC))
    assert [head.text for head in page.all("h3")] == ["Today", "Yesterday", "Older"]
    assert [link.text for link in page.all("a")] == ["Intervals , answering", "Agenda", "Boats"]
    assert page.one(aria_current="page").attributes["href"] == "/c/k2"


def test_an_empty_sidebar_says_what_to_do() -> None:
    """No list is just empty."""
    page = read(sidebar(channels=[], people=[], chats=[]))
    assert len(page.all("li", classed="empty")) == 3


def test_ids_cannot_lead_elsewhere() -> None:
    """An id from a foreign server is one segment of a path."""
    page = read(views.channel_list([entry("../../auth?x=1#y", "n")]))
    assert page.one("a").attributes["href"] == "/channels/..%2F..%2Fauth%3Fx%3D1%23y"


@pytest.mark.parametrize(("user", "offered"), [(ADA, False), (ROOT, True)])
def test_only_administrators_are_led_to_the_providers(user: object, offered: bool) -> None:
    """The menu also has the theme and the way out."""
    page = read(views.user_menu(user, theme="light"))
    assert bool(page.all("a", href="/settings/providers")) is offered
    assert [button.text for button in page.all("button")] == ["System", "Light", "Dark", "Sign out"]
    assert page.one(aria_pressed="true").text == "Light"


# --- channel ---


def test_a_channel_has_its_log_and_a_box_to_write_in() -> None:
    """Labels that people and tests rely on."""
    page = read(MAINS["channel"])
    assert (page.one("main").attributes["data-kind"], page.one("main").attributes["data-id"]) == (
        "channel",
        "c1",
    )
    log = page.one(role="log")
    assert (log.attributes["id"], log.attributes["aria-label"]) == ("log", "Messages")
    assert [row.attributes["id"] for row in log.all("article")] == ["m-m1", "m-t2", "m-t3"]
    assert page.one("button", id="earlier").text == "Load earlier"
    box = page.one("form", id="composer").one("textarea", id="message")
    assert box.attributes["aria-label"] == "Message"
    assert page.one("p", id="typing").text == "Grace is typing…"


def test_the_beginning_of_a_channel_says_who_reads() -> None:
    """An empty channel is a beginning, not a hole."""
    assert "Everyone here can read" in read(MAINS["empty channel"]).one(id="top").text
    group = read(views.channel_main(detail(type="group"), [], me=ADA, has_earlier=False))
    assert "Only its members" in group.one(id="top").text


def test_where_one_may_only_read_the_box_says_so() -> None:
    """It is closed, and the rows offer nothing."""
    page = read(views.channel_main(detail(write_access=False), ROWS[:1], me=ADA, has_earlier=False))
    box = page.one("textarea")
    assert "disabled" in box.attributes
    assert "not write" in box.attributes["placeholder"]
    assert page.one("div", id="log").all(role="group") == []


def test_the_line_of_the_unread_stands_above_the_first_message_of_others() -> None:
    """Own messages are not news; without a mark there is no line."""
    rows = [SampleRow(message(f"m{n}", by="u1" if n == 2 else "u2", at=n)) for n in range(5)]
    mark = rows[1].message.created_at
    drawn = read(views.channel_rows(rows, me=ADA, last_read_at=mark, zone=UTC))
    lines = [row.attributes["data-id"] for row in drawn.all("article") if row.all(classed="unread-line")]
    assert lines == ["m3"]
    assert "unread-line" not in str(h.fragment[views.channel_rows(rows, me=ADA, zone=UTC)])


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["A"], "A is typing…"),
        (["A", "B"], "A and B are typing…"),
        (["A", "B", "C"], "A, B and C are typing…"),
        (["A", "B", "C", "D"], "A, B and 2 others are typing…"),
    ],
)
def test_the_typing_line_names_people_as_one_would(names: list[str], text: str) -> None:
    """One person is, several are; the line is always there, so that nothing moves."""
    assert read(views.typing_line(names)).one("p", id="typing").text == text


# --- chat, home, providers, errors ---


def test_a_running_answer_can_be_stopped() -> None:
    """Stop appears with the run; the question in the box waits for the end."""
    page = read(MAINS["running chat"])
    assert page.one("button", id="stop").text == "Stop"
    assert "disabled" in page.one("button", aria_label="Send").attributes
    assert read(MAINS["chat"]).all("button", id="stop") == []


def test_the_model_is_chosen_in_the_form_that_asks() -> None:
    """Labelled, sorted by name; one that is gone stays named and cannot be chosen again."""
    select = read(views.model_picker(MODELS, "gpt")).one("select", id="model")
    assert (select.attributes["aria-label"], select.attributes["form"]) == ("Model", "composer")
    assert [option.text for option in select.all("option")] == ["Eliza", "GPT"]
    gone = read(views.model_picker(MODELS, "old")).all("option")[0]
    assert gone.text == "old (not available)"
    assert {"selected", "disabled"} <= gone.attributes.keys()


def test_without_models_the_start_says_what_to_do() -> None:
    """The administrator can add a provider, others know whom to ask."""
    assert read(MAINS["home without models"]).one("a", href="/settings/providers").text == "Add a provider"
    assert "Ask your administrator" in read(views.home_main(user=ADA)).text


def test_where_eliza_is_alone_the_start_says_what_she_is() -> None:
    """Nobody expects a therapist of rules to write Python; an administrator learns how there can be more."""
    eliza = ModelInfo(id="eliza", name="Eliza", owned_by="antiphon")
    mine, admins = (read(views.home_main(user=user, models=[eliza])) for user in (ADA, ROOT))
    assert "needs no key and no network" in mine.text
    assert mine.all("a", href="/settings/providers") == []
    assert admins.one("a", href="/settings/providers").text == "Add a provider"
    others = read(views.home_main(user=ROOT, models=[eliza, ModelInfo(id="gpt", name="GPT")]))
    assert "Eliza" not in others.one(classed="welcome").text
    stranger = read(views.home_main(user=ROOT, models=[ModelInfo(id="eliza", name="Eliza 70B")]))
    assert "built-in" not in stranger.text
    openings = [
        {button.text for button in page.all("button") if "data-suggestion" in button.attributes}
        for page in (mine, others)
    ]
    assert all(openings)
    assert openings[0].isdisjoint(openings[1])


def test_providers_are_listed_with_what_checking_them_gave() -> None:
    """The key never travels back; results are spoken."""
    page = read(MAINS["providers"])
    first, second = page.one("ul", id="providers").all(classed="what")
    assert "Key set" in first.text
    assert first.one(role="status").text == "Answers. m"
    assert "Models begin with “b.”" in second.text
    assert second.one(role="status").text == "Silent."
    assert page.one(role="alert").text == "No."
    assert "value" not in page.one("input", name="key").attributes


def test_no_provider_is_no_dead_end() -> None:
    """The list says what answers meanwhile, and the form stands below."""
    page = read(views.providers_main([], eliza=True))
    assert "Eliza" in page.one("li", classed="empty").text
    assert "Eliza" not in read(views.providers_main([])).text  # a server of somebody else has none
    assert page.one("form", id="add-provider").one("button").text == "Add and check"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 418, 429, 500, 502, 503, 504])
def test_every_error_says_what_to_do(status: int) -> None:
    """A title, an advice and a way on; what the server said about it is text."""
    page = read(views.error_main(status, "<b>because</b>", signed_in=False))
    assert page.one("h1").text
    assert page.one("p", classed="hint").text
    assert page.one("p", classed="lead").text == "<b>because</b>"
    assert page.one("a", classed="button").attributes["href"] in {"/", "/auth"}


@pytest.mark.parametrize("state", LinkState)
def test_every_state_of_the_link_is_said(state: LinkState) -> None:
    """In words, with the state for the style sheet."""
    page = read(views.server_link(Link(state, since=NOW, next_attempt_at=NOW + 3.6), now=NOW))
    assert page.one("span", id="server-link").attributes["data-state"] == state
    assert page.text
    if state == LinkState.WAITING:
        assert page.text == "Waiting for the server. Trying again in 4 s; what you write is kept."


def test_both_links_have_their_place_in_the_status_region() -> None:
    """The page's script writes one, the server's patches the other."""
    page = read(h.fragment[whole(MAINS["home"])])
    region = page.one("div", id="link")
    assert (region.attributes["role"], region.attributes["aria-live"]) == ("status", "polite")
    assert [span.attributes["id"] for span in region.all("span")] == ["page-link", "server-link"]


def test_a_toast_is_text() -> None:
    """Its kind is one of four, its words are words."""
    page = read(views.toast("<b>Saved</b>", kind="nonsense"))
    assert page.one("p").text == "<b>Saved</b>"
    assert page.all(classed="info")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("thumbsup", "👍"),
        (":heart:", "❤️"),
        ("+1", "👍"),
        ("blob", ":blob:"),
        ("🦊", "🦊"),
        ("", "::"),
        ("ä" * 50, f":{'ä' * 50}:"),
    ],
)
def test_a_reaction_shows_its_picture_or_its_name(name: str, shown: str) -> None:
    """Names travel as Open WebUI stores them."""
    assert emoji.glyph(name) == shown


def test_the_picker_offers_a_dozen_reactions_with_names() -> None:
    """It opens without a script and every picture is named."""
    picker = read(emoji.picker()).one(id="emoji-picker")
    assert "popover" in picker.attributes
    buttons = picker.all("button")
    assert len(buttons) == 12
    assert all(button.attributes["aria-label"] and not button.text.startswith(":") for button in buttons)


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ada Lovelace", "AL"),
        ("ada", "A"),
        ("Jean-Luc van Damme", "JD"),
        ("@bot (beta)", "BB"),
        ("", "?"),
        ("🦊", "?"),
        ("ß x", "SS"),
    ],
)
def test_initials_stand_for_a_name(name: str, letters: str) -> None:
    """At most two letters, the first and the last word's."""
    assert read(views.avatar("u1", name)).text == letters


def test_a_colour_belongs_to_a_person() -> None:
    """It follows from the id, not from the name."""
    assert views.avatar("u1", "A").__html__().replace(">A<", "") == views.avatar(
        "u1", "B"
    ).__html__().replace(">B<", "")
