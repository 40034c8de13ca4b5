"""What Azure names stays text in a document: in a real reader of Markdown no cell ends another, nothing is a link, nothing is HTML."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cache.markdown import Made, code, link, table, text
from cache.text import clean

READER = MarkdownIt("gfm-like")
"""With tables, and with bare addresses that become links, as on GitHub."""

HOSTILE = (
    "a|b",
    "\\",
    "a\\|b",
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](https://evil.example/pixel)",
    "https://evil.example/",
    "www.evil.example",
    "ann@contoso.example",
    "mailto:ann@contoso.example",
    "&lt;b&gt;&#124;",
    "`code`",
    "**bold** _it_ ~~no~~",
    "# title",
    "- item",
    "1. item",
    "> quote",
    "---",
    "===",
    "a\nb\r\n\nc",
    "| a | b |",
    ":---:",
    "http\\://x",
    "xmpp:a@b.example",
    "A.PW",
    "web-1.contoso.com",
    "http.//evil.example",
    "evil.com/a.b",
    "1.com",
    "www.1.de",
)
NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40), st.text(alphabet="\\|`*_[]()<>&#!~-+=:/.@w1 \n", max_size=24))


def said(token: Token) -> str:
    """What a reader shows of an inline token; anything but plain text in it is a failure."""
    kinds = {one.type for one in token.children or ()}
    assert kinds <= {"text", "text_special"}, kinds
    return "".join(one.content for one in token.children or ())


def plain(value: str) -> str:
    return clean(" ".join(value.split()), 2000)


@given(st.lists(st.tuples(NAMES, NAMES, NAMES), max_size=5))
@example([(one, one, one) for one in HOSTILE])
def test_no_cell_breaks_its_table(rows: list[tuple[str, str, str]]) -> None:
    document = "\n".join(table(("A", "B", "C"), rows))
    tokens = READER.parse(document)
    kinds = [one.type for one in tokens]
    assert kinds[0] == "table_open"
    assert kinds[-1] == "table_close"
    assert kinds.count("tr_open") == len(rows) + 1
    shown = [said(one) for one in tokens if one.type == "inline"]
    assert shown[3:] == [plain(cell) or "–" for row in rows for cell in row]


@given(NAMES)
def test_a_text_in_a_list_or_a_paragraph_is_a_text(name: str) -> None:
    for document in (text(name), f"- {text(name)}", f"- **Name:** {text(name)}"):
        tokens = READER.parse(document)
        if plain(name):
            (inline,) = [one for one in tokens if one.type == "inline"]
            assert [one.type for one in tokens].count("list_item_open") == document.startswith("- ")
            content = "".join(one.content for one in inline.children or ())
            assert content.endswith(plain(name))
            assert {one.type for one in inline.children or ()} <= {"text", "text_special", "strong_open", "strong_close"}


@given(NAMES, st.text(max_size=40))
@example("](x)", "/a b)<c>\"'\n[")
def test_a_link_leads_where_it_says_and_shows_the_words(words: str, rest: str) -> None:
    (paragraph,) = [one for one in READER.parse(link(words or "x", f"https://portal.example/{rest}")) if one.type == "inline"]
    children = paragraph.children or []
    assert [one.type for one in children if one.type.startswith("link")] == ["link_open", "link_close"]
    assert str(children[0].attrs["href"]).startswith("https://portal.example/")
    assert "".join(one.content for one in children) == plain(words or "x")


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "http://portal.example", "data:text/html,x"])
def test_what_is_no_web_address_is_no_link(address: str) -> None:
    assert link("here", address) == "here"


@given(NAMES)
def test_code_is_copied_as_it_is(command: str) -> None:
    if plain(command):
        (inline,) = [one for one in READER.parse(f"Run {code(command)} there.") if one.type == "inline"]
        (found,) = [one for one in inline.children or () if one.type == "code_inline"]
        assert found.content == plain(command)


def test_numbers_have_their_separators_and_what_is_made_stays() -> None:
    assert table(("A",), [(1204,), (Made("[x](<https://a>)"),), (None,)], right=("A",))[1:] == [
        "|---:|",
        "| 1,204 |",
        "| [x](<https://a>) |",
        "| – |",
    ]
