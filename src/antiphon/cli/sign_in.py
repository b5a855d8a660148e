"""`antiphon login` and `antiphon logout`: a token for one server, in a file of the person's own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import typer

from antiphon.cli.failures import StartFailed, say
from antiphon.client import Client
from antiphon.client.errors import AntiphonError, SignedOut, Unreachable
from antiphon.client.logins import Login, Logins, canonical
from antiphon.client.rest import Rest

T = TypeVar("T")


def run_login(url: str, email: str | None, *, stdin: bool, token: bool) -> int:
    """Sign in with a password, or keep a token that the person has; gives the exit code."""
    address = _address(url)
    logins = Logins()
    if email is None and not stdin and not token and _still_good(logins, address):
        return 0
    if token:
        secret = _secret("Token", stdin=stdin)
        user = asyncio.run(_asking(address, secret, lambda rest: rest.accounts.session_user()))
        kept = secret
    else:
        who = email or _ask("E-mail")
        password = _secret("Password", stdin=stdin)
        user = asyncio.run(_asking(address, None, lambda rest: rest.accounts.sign_in(who, password)))
        if not user.token:
            raise StartFailed(f"{address} gave no token; give one with --token")
        kept = user.token
    login = Login(address, kept, user.id, user.name, user.email or "", user.expires_at)
    logins.keep(login)
    typer.echo(f"Signed in at {address} as {_person(login)}{_until(login)}.")
    if user.role == "pending":
        say("the account waits for an administrator to let it in")
    return 0


def run_logout(url: str | None) -> int:
    """End the session on the server and forget its token; gives the exit code."""
    logins = Logins()
    current, known = logins.known()
    address = _address(url) if url is not None else current
    if address is None or address not in known:
        raise StartFailed(f"nobody is signed in{f' at {address}' if address else ''}", code=2)
    try:
        asyncio.run(_asking(address, known[address].token, lambda rest: rest.accounts.sign_out()))
    except SignedOut:
        pass  # the session had ended already
    except AntiphonError as error:
        say(f"the server could not be told, so the token stays good there until it expires: {error}")
    now = logins.drop(address)
    typer.echo(f"Signed out from {address}." + (f" The current server is {now}." if now else ""))
    return 0


def run_list() -> int:
    """Print the servers that somebody is signed in at, the current one with a star; gives the exit code."""
    current, known = Logins().known()
    if not known:
        raise StartFailed("nobody is signed in: run 'antiphon login URL'", code=2)
    for url, login in known.items():
        typer.echo(f"{'*' if url == current else ' '} {url}  {_person(login)}{_until(login)}")
    return 0


def _still_good(logins: Logins, address: str) -> bool:
    """Whether somebody is signed in there already; then that server is the current one again."""
    _, known = logins.known()
    login = known.get(address)
    if login is None:
        return False
    try:
        asyncio.run(_asking(address, login.token, lambda rest: rest.accounts.session_user()))
    except SignedOut:
        return False
    logins.use(address)
    typer.echo(f"Signed in at {address} as {_person(login)} already; it is the current server.")
    return True


async def _asking(address: str, token: str | None, ask: Callable[[Rest], Awaitable[T]]) -> T:
    """Ask a server one thing, without a link to it."""
    client = Client(address, token=token, durable=False)
    try:
        return await ask(client.rest)
    except Unreachable as error:
        raise Unreachable(f"{error}; 'antiphon doctor {address}' tells more", sent=error.sent) from error
    finally:
        await client.rest.close()


def _address(url: str) -> str:
    try:
        return canonical(url)
    except AntiphonError as error:
        raise StartFailed(str(error), code=2) from error


def _secret(what: str, *, stdin: bool) -> str:
    """Read a secret from the first line of input, or ask for it without showing it."""
    secret = sys.stdin.readline().rstrip("\r\n") if stdin else _ask(what, hidden=True)
    if not secret:
        raise StartFailed(f"no {what.lower()} was given", code=2)
    return secret


def _ask(what: str, *, hidden: bool = False) -> str:
    if not sys.stdin.isatty():
        option = "--stdin" if hidden else "--email"
        raise StartFailed(f"no terminal to ask on: give the {what.lower()} with {option}", code=2)
    answer: str = typer.prompt(what, hide_input=hidden, err=True)
    return answer


def _person(login: Login) -> str:
    if login.name and login.email:
        return f"{login.name} <{login.email}>"
    return login.name or login.email or "somebody"


def _until(login: Login) -> str:
    if login.expires_at is None:
        return ""
    return f", until {datetime.fromtimestamp(login.expires_at, UTC):%Y-%m-%d %H:%M} UTC"
