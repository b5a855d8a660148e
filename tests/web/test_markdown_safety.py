"""Whatever a text tries, nothing that a browser would run, load or follow comes out of it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.web import markdown

ATTEMPTS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=https://evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script\x0c>alert(1)</script>",
    "</p><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror\x0b=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    '<img """><script>alert(1)</script>">',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math href='javascript:alert(1)'>x</math>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<body onload=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>x</details>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<style>@import 'https://evil.example/x.css';</style>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href=https://evil.example/>",
    "<template><script>alert(1)</script></template>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "<a href=javascript:alert(1)>x</a>",
    "<div style='background:url(javascript:alert(1))'>x</div>",
    "<hx-partial hx-target='#view' hx-swap='outerHTML'>x</hx-partial>",
    "<div hx-get=/page/sign-out hx-trigger=load>x</div>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](java&#10;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A&#x61vascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](%6aavascript:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml,<svg/onload=alert(1)>)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example)",
    "[x](/page/sign-out)",
    "[x](blob:https://example.com/1)",
    "[x]: javascript:alert(1)\n\n[x]",
    "<javascript:alert(1)>",
    "<data:text/html,<script>alert(1)</script>>",
    '[x](https://a.example "onmouseover=alert(1) x=")',
    "[x](https://a.example '\"><script>alert(1)</script>')",
    '[x](https://a.example/"onmouseover="alert(1))',
    "[<img src=x onerror=alert(1)>](https://a.example)",
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    '![x" onerror="alert(1)](https://evil.example/x.png)',
    "[![x](https://evil.example/x.png)](javascript:alert(1))",
    "```html\n<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "```js onload=alert(1)\nalert(1)\n```",
    "```<img/src=x/onerror=alert(1)>\nx\n```",
    "    <script>alert(1)</script>",
    "`<script>alert(1)</script>`",
    "<@U:1|<script>alert(1)</script>>",
    '<@U:1|" onmouseover="alert(1)>',
    "<@U:1|</span><img src=x onerror=alert(1)>>",
    '<@U:"><script>alert(1)</script>|x>',
    "<#C:javascript:alert(1)|general>",
    "<@M:x|&lt;script&gt;alert(1)&lt;/script&gt;>",
    "https://a.example/<script>alert(1)</script>",
    'https://a.example/"onmouseover="alert(1)',
    "https://a.example/'><script>alert(1)</script>",
    "javascript://https://a.example/%0aalert(1)",
    "| <script>alert(1)</script> | x |\n|-|-|\n| <img src=x onerror=alert(1)> | y |",
    '|a|\n|:-:|\n|" style="background:red|',
    "# <script>alert(1)</script>",
    "> <iframe src=x></iframe>",
    "1. <svg onload=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\\<script>alert(1)\\</script>",
    "*<img src=x onerror=alert(1)>*",
    "\0<script\0>alert(1)</script>",
    "<img src=x onerror=alert(1)>\u2028<script>alert(1)</script>",
    "\ufeff<script>alert(1)</script>",
    '<span class="copy"></span> [a](https://example.com \'<span class="copy"></span>\')',
    '[a](https://example.com "<span class=&quot;copy&quot;></span>") `<span class="copy"></span>`',
]

TAGS = {
    *(
        "a",
        "blockquote",
        "br",
        "code",
        "div",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "s",
    ),
    *("span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {
    "a": {"href", "title", "target", "rel"},
    "ol": {"start"},
    "div": {"class", "data-lang"},
    "span": {"class"},
    "td": {"class"},
    "th": {"class"},
}


class Inspector(HTMLParser):
    """Reads HTML as a browser would and notes all that is not on the short list of harmless things."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.complaints: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Judge an element by its name and attributes."""
        if tag not in TAGS:
            self.complaints.append(f"<{tag}>")
        for name, value in attrs:
            if name not in ATTRIBUTES.get(tag, ()):
                self.complaints.append(f"{tag}[{name}]")
            if name == "href" and not (value or "").lower().startswith(("http://", "https://", "mailto:")):
                self.complaints.append(f"href={value}")
        if (
            tag == "a"
            and ("href" in dict(attrs))
            and dict(attrs).get("rel") != "noopener noreferrer nofollow"
        ):
            self.complaints.append("a link without rel")

    def handle_comment(self, data: str) -> None:
        """No comment is harmless enough to stay."""
        self.complaints.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        """Nor is a declaration."""
        self.complaints.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        """Nor a processing instruction."""
        self.complaints.append(f"<?{data}>")


def complaints(html: str) -> list[str]:
    """Everything in some HTML that must not be there."""
    inspector = Inspector()
    inspector.feed(str(html).replace(f">{markdown.COPY_BUTTON}<pre>", "><pre>"))  # ours, in its place
    inspector.close()
    return inspector.complaints


def test_the_inspector_sees_what_it_looks_for() -> None:
    """A check that cannot fail is none."""
    assert complaints("<p onclick=x><script>1</script><a href='javascript:x'>y</a><!-- z -->") == [
        "p[onclick]", "<script>", "href=javascript:x", "a link without rel", "<!-- z -->",
    ]  # fmt: skip


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_attempt_ends_as_text(attempt: str) -> None:
    """As a text, as a line, in a list, in blocks, in bold: only harmless HTML comes out."""
    assert complaints(markdown.render(attempt)) == []
    assert complaints(markdown.render_inline(attempt)) == []
    assert complaints(markdown.render(f"- {attempt}\n\n**{attempt}**")) == []
    for block in markdown.blocks(attempt):
        assert complaints(markdown.render(block, markdown.references(attempt))) == []


@given(st.lists(st.sampled_from(ATTEMPTS) | st.text(max_size=12), max_size=4).map("".join))
def test_attempts_put_together_end_as_text(text: str) -> None:
    """What one attempt opens another does not get to use."""
    assert complaints(markdown.render(text)) == []


def test_the_corpus_is_large() -> None:
    """At least sixty different attempts stay in it."""
    assert len(set(ATTEMPTS)) >= 60
