"""What people's and models' texts look like once they are rendered."""

from __future__ import annotations

import pytest

from antiphon.web import markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**a** *b* ~~c~~ `d`", "<p><strong>a</strong> <em>b</em> <s>c</s> <code>d</code></p>\n"),
        ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
        ("# a", "<h3>a</h3>\n"),
        ("###### a", "<h6>a</h6>\n"),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>\n"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>\n'),
        (
            "```\na < b\n```",
            f'<div class="code">{markdown.COPY_BUTTON}<pre><code>a &lt; b\n</code></pre></div>\n',
        ),
    ],
)
def test_markdown_becomes_html(text: str, html: str) -> None:
    """CommonMark with strikethrough; line ends count; headings stay below the page's own."""
    assert markdown.render(text) == html


def test_a_table_is_aligned_by_class() -> None:
    """The page's policy allows no inline style, so alignment is a class."""
    html = markdown.render("|a|b|c|\n|-|:-:|-:|\n|1|2|3|")
    assert '<td>1</td>\n<td class="center">2</td>\n<td class="right">3</td>' in html
    assert "style" not in html


def test_code_is_coloured_by_role_and_labelled() -> None:
    """A fence that names its language gets spans of our roles and the name for the label."""
    html = markdown.render("```python title=x\nreturn 1  # why\n```")
    assert '<div class="code" data-lang="python">' in html
    assert '<span class="keyword">return</span> <span class="number">1</span>' in html
    assert '<span class="comment"># why</span>' in html


@pytest.mark.parametrize("language", ["", "text", "no-such-language", "python<script>"])
def test_code_of_no_known_language_stays_plain(language: str) -> None:
    """What no lexer knows is shown as it is, escaped."""
    html = markdown.render(f"```{language}\n<b>&\n```")
    assert "&lt;b&gt;&amp;\n</code>" in html or "python" in language
    assert "<b>" not in html
    assert "<script>" not in html


def test_a_link_opens_elsewhere_and_tells_nothing() -> None:
    """Links leave the page in a new tab, without opener, referrer or endorsement."""
    assert markdown.render('[a](https://example.com "t")') == (
        '<p><a href="https://example.com" title="t" target="_blank"'
        ' rel="noopener noreferrer nofollow">a</a></p>\n'
    )


@pytest.mark.parametrize(
    ("text", "address", "after"),
    [
        ("see https://example.com/a_b_c?x=1&y=2.", "https://example.com/a_b_c?x=1&amp;y=2", "."),
        ("(https://example.com/a_(b))", "https://example.com/a_(b)", ")"),
        ("https://example.com, yes", "https://example.com", ", yes"),
        ("**https://example.com**", "https://example.com", "</strong>"),
        ("<https://example.com>", "https://example.com", "</p>"),
    ],
)
def test_a_bare_address_becomes_a_link_without_the_sentence_around_it(
    text: str, address: str, after: str
) -> None:
    """Punctuation after an address and brackets around it are not part of it."""
    html = markdown.render(text)
    assert f'<a href="{address}"' in html
    assert f">{address}</a>{after}" in html


@pytest.mark.parametrize(
    "text", ["`https://example.com`", "```\nhttps://example.com\n```", "https://", "xhttps://a"]
)
def test_an_address_in_code_or_none_at_all_is_no_link(text: str) -> None:
    """Code shows addresses as text, and a scheme alone is no address."""
    assert "<a" not in markdown.render(text)


def test_a_picture_is_a_link_until_somebody_asks_for_it() -> None:
    """Loading a picture would tell its host who reads the message."""
    html = markdown.render("![a *cat*](https://example.com/cat.png)")
    assert "<img" not in html
    assert '<a href="https://example.com/cat.png"' in html
    assert ">a cat</a>" in html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<@U:1|Ada Lovelace> hi", '<span class="mention">@Ada Lovelace</span> hi'),
        ("<@M:gpt|@GPT>", '<span class="mention model">@GPT</span>'),
        ("<#C:9|general>", '<span class="mention">#general</span>'),
        ("<@U:1>", '<span class="mention">@1</span>'),
        ("**<@U:1|a*b>**", '<strong><span class="mention">@a*b</span></strong>'),
        ("`<@U:1|Ada>`", "<code>&lt;@U:1|Ada&gt;</code>"),
    ],
)
def test_a_mention_is_readable(text: str, html: str) -> None:
    """Open WebUI's mention markup (0.12.4) shows the label, and its code shows as code."""
    assert html in markdown.render(text)


def test_a_line_has_no_blocks() -> None:
    """`render_inline` knows emphasis, code, links and mentions only."""
    assert (
        markdown.render_inline("# **a** <@U:1|b>") == '# <strong>a</strong> <span class="mention">@b</span>'
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# Title\n\n- **a**\n- b\n", "Title a b"),
        ("hi <@U:1|Ada>, see [this](https://e.x)\nnow", "hi @Ada, see this now"),
        ("```py\nx = 1\n```", "x = 1"),
        ("![a cat](https://e.x/c.png)", "a cat"),
        ("a" * 300, "a" * 199 + "…"),
        ("", ""),
    ],
)
def test_a_quote_shows_words_alone(text: str, words: str) -> None:
    """Markup, line ends and length are taken away from what is quoted."""
    assert markdown.plain(text) == words


def test_a_text_of_a_megabyte_is_shown_as_it_is() -> None:
    """Nobody's page stands still over one message."""
    html = markdown.render("[" * 1_000_000 + "<b>")
    assert html.startswith('<div class="plain">[[[')
    assert html.endswith("&lt;b&gt;</div>")


@pytest.mark.parametrize(
    ("value", "web"),
    [
        ("https://example.com/a", True),
        ("http://example.com", True),
        ("mailto:a@example.com", True),
        ("javascript:alert(1)", False),
        (" https://example.com", False),
        ("https://example.com/ x", False),
        ("/relative", False),
        (None, False),
        (7, False),
    ],
)
def test_only_web_addresses_become_links(value: object, web: bool) -> None:
    """Sources of an answer come from outside: only http, https and mailto count."""
    assert markdown.is_web_address(value) is web


def test_a_line_end_is_a_space_to_models_and_a_line_end_to_people() -> None:
    """Models write CommonMark, in which a paragraph may be wrapped; two spaces still end a line."""
    assert markdown.render("one\ntwo") == "<p>one<br>\ntwo</p>\n"
    assert markdown.render("one\ntwo", soft=True) == "<p>one\ntwo</p>\n"
    assert markdown.render("one  \ntwo", soft=True) == "<p>one<br>\ntwo</p>\n"
