"""Signing in and out, and what the browser gets to keep."""

from __future__ import annotations

import stat

from tests.server.serving import PASSWORD

from antiphon.client import Client

from .serving import Page, page_for


async def test_the_first_account_is_told_that_it_becomes_the_administrator(page: Page) -> None:
    """The page for nobody says whose the first account is, and does not say so again."""
    first = await page.browser().get("/auth")
    assert "administrator" in first.text
    await page.person("Ada")
    second = await page.browser().get("/auth?mode=sign-up")
    assert "administrator" not in second.text


async def test_a_wrong_password_is_said_in_the_page(page: Page) -> None:
    """The form comes back with the reason and the address that was typed."""
    await page.person("Ada")
    answer = await page.browser().form("/page/sign-in", email="ada@example.com", password="not-the-password")
    assert answer.status == 422
    assert answer.alert
    assert 'value="ada@example.com"' in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_taken_address_and_a_weak_password_are_said_in_the_page(page: Page) -> None:
    """Both bring the form back with the server's reason; nobody is signed in."""
    await page.person("Ada")
    taken = await page.browser().form("/page/sign-up", name="Eve", email="ada@example.com", password=PASSWORD)
    weak = await page.browser().form("/page/sign-up", name="Eve", email="eve@example.com", password="1")
    for answer in (taken, weak):
        assert answer.status == 422
        assert answer.alert
        assert "set-cookie" not in answer.headers
    assert taken.alert != weak.alert


async def test_the_token_never_reaches_the_browser(page: Page) -> None:
    """The cookie is opaque, HttpOnly and SameSite; no answer holds the server's token (W-83)."""
    browser = page.browser()
    answer = await browser.form("/page/sign-up", name="Ada", email="ada@example.com", password=PASSWORD)
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    (person,) = page.site.people
    token = person.client.token
    assert token is not None
    home = await browser.get("/")
    tab = await browser.open(kind="home")
    for text in (cookie, home.text, tab.html):
        assert token not in text


async def test_the_cookie_is_secure_over_tls(page: Page) -> None:
    """Behind a proxy that ends TLS the cookie travels encrypted only."""
    browser = page.browser()
    form = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD}
    answer = await browser.form("/page/sign-up", {"x-forwarded-proto": "https"}, **form)
    assert "secure" in answer.headers["set-cookie"].lower()


async def test_a_session_survives_a_restart_of_the_page(page: Page, tmp_path) -> None:
    """Another page with the same folder knows the cookie; the file is private and does not hold it."""
    browser = await page.person("Ada")
    cookie = next(iter(browser.http.cookie_jar))
    file = tmp_path / "page" / "page.sqlite3"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert cookie.value.encode() not in file.read_bytes()
    await page.app.drain()
    async with page_for(page.server, tmp_path / "page") as again:
        other = again.browser()
        other.http.cookie_jar.update_cookies({cookie.key: cookie.value})
        assert (await other.get("/")).status == 200
        assert await other.general()


async def test_signing_out_ends_the_session_everywhere(page: Page) -> None:
    """The cookie is worth nothing afterwards, the open streams are told, and the client is closed."""
    browser = await page.person("Ada")
    tab = await browser.open(kind="home")
    cookie = next(iter(browser.http.cookie_jar))
    answer = await browser.form("/page/sign-out")
    assert answer.headers["location"] == "/auth"
    await tab.ends()
    assert tab.events[-1].name == "signed-out"
    assert len(page.site.people) == 0
    thief = page.browser()
    thief.http.cookie_jar.update_cookies({cookie.key: cookie.value})
    assert (await thief.get("/")).status == 303


async def test_one_comes_back_to_where_one_wanted_to_go(page: Page) -> None:
    """A path of this page is kept over the sign-in; an address elsewhere is not."""
    await page.person("Ada")
    wanted = await page.browser().get("/channels/some")
    assert wanted.headers["location"] == "/auth?redirect=/channels/some"
    form = {"email": "ada@example.com", "password": PASSWORD}
    assert (await page.browser().form("/page/sign-in", next="/channels/some", **form)).headers[
        "location"
    ] == ("/channels/some")
    for elsewhere in (
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\n/evil",
    ):
        answer = await page.browser().form("/page/sign-in", next=elsewhere, **form)
        assert answer.headers["location"] == "/"


async def test_a_request_that_another_site_started_changes_nothing(page: Page) -> None:
    """Sec-Fetch-Site and Origin are believed; a person stays signed in and nothing is posted."""
    browser = await page.person("Ada")
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
    ):
        answer = await browser.form("/page/sign-out", headers)
        assert answer.status == 403
    assert (await browser.get("/")).status == 200


async def test_every_page_forbids_what_it_does_not_need(page: Page) -> None:
    """The policy allows no inline script and no eval, and nobody may frame the page."""
    browser = await page.person("Ada")
    for path in ("/", "/auth", "/nowhere"):
        headers = (await browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
    home = (await browser.get("/")).text
    assert "<script>" not in home
    assert " onclick=" not in home
    assert " style=" not in home


async def test_a_token_that_the_server_no_longer_knows_signs_every_tab_out(page: Page) -> None:
    """Revoked elsewhere, the session ends here too: the stream says so, and the next page is to sign in."""
    browser = await page.person("Ada")
    tab = await browser.open(kind="home")
    (person,) = page.site.people
    elsewhere = Client(person.client.url, token=person.client.token)
    await elsewhere.rest.accounts.sign_out()
    await elsewhere.rest.close()
    home = await browser.get("/channels/some")
    await tab.ends()
    assert tab.events[-1].name == "signed-out"
    again = await browser.get("/channels/some")
    assert (home.status, again.headers.get("location")) in {
        (status, "/auth?redirect=/channels/some") for status in (303, 404, 401, 503)
    }
