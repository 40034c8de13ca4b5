"""The user's rules file extends the diagnosis; a mistake in it is a sentence with its place and costs only the rule it is in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.rules.diagnosis import diagnose
from console.rules.own import FILE, LAYERS, OwnRules, from_kept, kept, read_own_rules
from tests.rules.samples import SUB, a_machine, a_server, defender

WHERE = "/home/ann/rules.toml"
PROXY = """# our own
[[rule]]
code = "proxy-block"
pattern = 'blocked by policy \\d+'
layer = "extension"
meaning = "Our proxy refused the download."
remedy = "Ask the network team about {subscription}."
reference = "https://wiki.example/proxy"
"""
DISK = """[[rule]]
code = "quota"
pattern = "quota exceeded"
layer = "installer"
meaning = "The disk quota is used up."
remedy = "Ask for more."
"""


def read(text: str) -> OwnRules:
    return read_own_rules(text.encode(), WHERE)


def test_a_rule_of_the_users_is_believed_before_the_table_and_shown_as_theirs() -> None:
    own = read(PROXY)
    assert own.mistakes == ()
    found = diagnose(a_machine(), defender("Failed", "1", "curl: (35) error\nBLOCKED by policy 12, exiting (24)"), own.rules)
    assert (found.code, found.cause) == ("own-proxy-block", "Our proxy refused the download.")
    assert found.remedy == f"Ask the network team about {SUB}."
    assert FILE in found.layer
    assert found.layer.startswith("extension")
    assert found.reference == "https://wiki.example/proxy"
    assert diagnose(a_machine(), defender("Failed", "1", "curl: (35) error"), own.rules).code == "tls-inspection"


def test_a_rule_without_a_reference_refers_to_its_line() -> None:
    (_, quota) = read(PROXY + DISK).rules
    assert quota.reference == "rules.toml, line 9"


def test_the_code_of_the_extension_is_looked_at_too() -> None:
    own = read(PROXY.replace("blocked by policy \\d+", "^ProvisioningState/failed/99$"))
    assert diagnose(a_machine(), defender("Failed", "ProvisioningState/failed/99", "odd"), own.rules).code == "own-proxy-block"


def test_the_layer_is_part_of_the_match() -> None:
    said = defender("Failed", "1", "blocked by policy 3")
    fits = {
        layer: [
            diagnose(machine, said, read(PROXY.replace('"extension"', f'"{layer}"')).rules).code == "own-proxy-block"
            for machine in (a_machine(), a_server(), a_machine(kind="arc"))
        ]
        for layer in LAYERS
    }
    assert fits == {
        "installer": [True, False, True],
        "windows": [False, True, False],
        "arc": [False, False, True],
        "extension": [True, True, True],
        "platform": [True, True, True],
    }


@pytest.mark.parametrize(
    ("line", "place", "said"),
    [
        ("layer = extension", "line 7, column 9", "not TOML"),
        ('layer = "extension', "line 7, column 19", "not TOML"),
        ('layer = "network"', "line 7, column 9", "installer, extension, arc, windows, platform"),
        ("layer = 7", "line 7, column 9", "text in quotes"),
        ('layer = ""', "line 7, column 9", "text in quotes"),
        ('layers = "extension"', "line 7, column 1", "not part of a rule"),
        ('pattern = "(["', "line 7, column 11", "RE2"),
        ("pattern = '(a)\\1'", "line 7, column 11", "RE2"),
        ('pattern = ".*"', "line 7, column 11", "every text"),
        (f'pattern = "{"x" * 201}"', "line 7, column 11", "longer than 200"),
        ('code = "Our Code"', "line 7, column 8", "small letters"),
        ('meaning = "\\u001b[31mred"', "line 7, column 11", "visible"),
        ('meaning = "\udcff"', "line 7, column 12", "UTF-8"),
        ("", "line 6, column 1", "is missing"),
    ],
)
def test_a_mistake_on_line_7_is_a_sentence_and_the_other_rules_hold(line: str, place: str, said: str) -> None:
    values = {
        "code": 'code = "mine"',
        "pattern": 'pattern = "mine"',
        "layer": 'layer = "arc"',
        "meaning": 'meaning = "M."',
        "remedy": 'remedy = "R."',
    }
    values.pop(next((key for key in values if line.startswith(key)), "layer"))
    bad = "\n".join(["# 1", "# 2", "# 3", "# 4", "# 5", "[[rule]]", line, *values.values(), ""])
    own = read_own_rules(f"{bad}\n{DISK}".encode("utf-8", "surrogateescape"), WHERE)
    assert [one.code for one in own.rules] == ["quota"]
    (told,) = own.mistakes
    assert told.startswith(f"{WHERE}, {place}: ")
    assert said in told
    assert told.endswith("The console goes on without this rule.")


def test_two_rules_of_one_code_are_one_too_many() -> None:
    own = read(DISK + DISK)
    assert len(own.rules) == 1
    (told,) = own.mistakes
    assert told.startswith(f"{WHERE}, line 8, column 8: another rule has the code “quota” already")


def test_what_stands_in_no_rule_is_told() -> None:
    own = read(f"colour = 1\n{DISK}")
    assert len(own.rules) == 1
    assert "line 1, column 10" in own.mistakes[0]


def test_very_many_rules_end_in_a_sentence() -> None:
    many = "".join(DISK.replace("quota", f"quota-{number}", 1).replace("used up", "used up " * 20) for number in range(200))
    own = read(many)
    assert 0 < len(own.rules) < 200
    assert len(own.rules) + len(own.mistakes) == 200
    assert from_kept(kept(own.rules)) == own.rules


def test_no_pattern_can_hold_the_console_up() -> None:
    own = read(PROXY.replace("blocked by policy \\d+", "(a+)+$"))
    # A backtracking engine would need longer than anybody lives, and so than this test may take.
    assert diagnose(a_machine(), defender("Failed", "999", "a" * 3000 + "!"), own.rules).code == "unknown"


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: (DISK + text + PROXY).encode("utf-8", "replace")))
def test_any_file_is_read_without_a_crash_and_what_it_gives_can_be_kept(data: bytes) -> None:
    own = read_own_rules(data, WHERE)
    assert all("line " in one and "column " in one for one in own.mistakes)
    assert from_kept(kept(own.rules)) == own.rules
    assert diagnose(a_machine(), defender("Failed", "1", "quota exceeded"), own.rules).cause


@pytest.mark.parametrize("text", ["", "{", "[1]", '[["a"]]', '[["a","(","c","d","e","f"]]'])
def test_a_damaged_memory_of_the_rules_is_no_rule(text: str) -> None:
    assert from_kept(text) == ()
