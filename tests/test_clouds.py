"""Which clouds there are, and what is said about the files of others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cache.failure import Exit
from console.clouds import BUILT_IN, Cloud, CloudError, load_cloud
from console.simulator.certificates import make_certificates

CONTOSO = {
    "name": '"Contoso"',
    "authority": '"https://login.contoso.example"',
    "resource_manager": '"https://arm.contoso.example/"',
    "audience": '"https://arm.contoso.example"',
    "azure_portal": '"https://portal.contoso.example"',
    "defender_portal": '"https://defender.contoso.example"',
}


def _file(folder: Path, **changes: str | None) -> Path:
    path = folder / "contoso.toml"
    lines = [f"{key} = {value}" for key, value in (CONTOSO | changes).items() if value is not None]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _refused(path: Path) -> str:
    """The sentence, which names the file."""
    with pytest.raises(CloudError) as failure:
        load_cloud(str(path))
    assert failure.value.exit_code is Exit.CONFIGURATION
    sentence = str(failure.value)
    assert str(path) in sentence
    return sentence


def test_azure_is_built_in_thrice() -> None:
    assert set(BUILT_IN) == {"public", "usgovernment", "china"}
    for key, cloud in BUILT_IN.items():
        assert load_cloud(key) is cloud
        assert (cloud.key, cloud.built_in, cloud.ca_file) == (key, True, None)
    assert load_cloud("usgovernment").scope == "https://management.core.usgovcloudapi.net/.default"


def test_china_has_no_integration() -> None:
    assert not BUILT_IN["china"].integration_supported
    assert BUILT_IN["public"].integration_supported
    assert BUILT_IN["usgovernment"].integration_supported


@pytest.mark.parametrize(
    ("alias", "key"),
    [
        ("Azure", "public"),
        (" PUBLIC ", "public"),
        ("us-gov", "usgovernment"),
        ("AzureUSGovernment", "usgovernment"),
        ("us_government", "usgovernment"),
        ("AzureChina", "china"),
    ],
)
def test_clouds_have_the_names_that_people_use(alias: str, key: str) -> None:
    assert load_cloud(alias).key == key


def test_an_unknown_name_lists_the_known_ones_and_suggests(tmp_path: Path) -> None:
    (tmp_path / "contoso.toml").touch()
    with pytest.raises(
        CloudError, match=r"“contosso” is not known. Did you mean “contoso”\? Known are public, usgovernment, china, contoso"
    ):
        load_cloud("contosso", tmp_path)
    for odd in ("", "\x00", "a\x1b[2Jb", ".."):
        with pytest.raises(CloudError, match="is not known") as failure:
            load_cloud(odd, tmp_path)
        assert str(failure.value).isprintable()


def test_a_file_makes_a_cloud(tmp_path: Path) -> None:
    cloud = load_cloud(str(_file(tmp_path)))
    assert cloud.name == "Contoso"
    assert cloud.resource_manager == "https://arm.contoso.example"
    assert cloud.scope == "https://arm.contoso.example/.default"
    assert cloud.integration_supported
    assert not cloud.built_in
    assert cloud.ca_file is None
    assert cloud.key.startswith("contoso-")


def test_a_cloud_is_found_in_the_folder_by_name(tmp_path: Path) -> None:
    _file(tmp_path)
    assert load_cloud("contoso", tmp_path) == load_cloud(str(tmp_path / "contoso.toml"))


def test_two_resource_managers_have_two_keys(tmp_path: Path) -> None:
    first = load_cloud(str(_file(tmp_path)))
    second = load_cloud(str(_file(tmp_path, resource_manager='"https://other.example"')))
    assert first.key != second.key


def test_the_ca_file_is_relative_to_the_cloud_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "ca.pem").write_bytes(make_certificates().ca_pem)
    monkeypatch.chdir("/")
    path = _file(tmp_path, ca_file='"certificates/ca.pem"')
    assert load_cloud(str(path)).ca_file == tmp_path / "certificates" / "ca.pem"


def test_a_missing_ca_file_is_told(tmp_path: Path) -> None:
    assert "nowhere.pem does not exist" in _refused(_file(tmp_path, ca_file='"nowhere.pem"'))


@pytest.mark.parametrize(
    "content", [b"no certificate", b"", b"\x30\x82\x01\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_ca_file_that_is_not_pem_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    assert "PEM" in _refused(_file(tmp_path, ca_file='"ca.pem"'))


@pytest.mark.parametrize("value", ['"."', '""', "7", '"~nobody-of-that-name/ca.pem"', '"a\\u0000b"'])
def test_an_odd_ca_file_is_told(tmp_path: Path, value: str) -> None:
    assert "ca_file" in _refused(_file(tmp_path, ca_file=value))


def test_an_unknown_key_is_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    assert "“autority” is not known in a cloud file. Did you mean “authority”?" in _refused(_file(tmp_path, autority='"x"'))
    assert "Known are name, authority" in _refused(_file(tmp_path, zzz="1"))


@pytest.mark.parametrize("key", CONTOSO)
@pytest.mark.parametrize("value", [None, "7", "true", '""', "[]"])
def test_every_key_is_needed_and_is_text(tmp_path: Path, key: str, value: str | None) -> None:
    assert f"“{key}” is missing or is not text. Add a line such as: {key} =" in _refused(_file(tmp_path, **{key: value}))


@pytest.mark.parametrize(
    "address",
    [
        "http://arm.contoso.example",
        "arm.contoso.example",
        "https://",
        "https://user@arm.contoso.example",
        "https://user:secret@arm.contoso.example",
        "https://:secret@arm.contoso.example",
        "https://arm.contoso.example?x=1",
        "https://arm.contoso.example#x",
        "https://arm.contoso.example:port",
        "https://[arm",
        "https://arm contoso",
        "https://arm.contoso.example\\\\x",
        "https://arm.contoso.exámple",
    ],
)
def test_tokens_are_sent_to_plain_https_alone(tmp_path: Path, address: str) -> None:
    for key in ("authority", "resource_manager", "audience"):
        assert f"“{key}” " in _refused(_file(tmp_path, **{key: f'"{address}"'}))


def test_a_truth_value_is_no_text(tmp_path: Path) -> None:
    assert "“integration_supported” must be true or false" in _refused(_file(tmp_path, integration_supported='"yes"'))
    assert not load_cloud(str(_file(tmp_path, integration_supported="false"))).integration_supported


def test_bad_toml_names_the_line(tmp_path: Path) -> None:
    assert "line 3" in _refused(_file(tmp_path, resource_manager="https://without.quotes"))


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "contoso.toml"
    path.write_bytes(b'name = "\xff"')
    assert "UTF-8" in _refused(path)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    _refused(tmp_path / "nowhere.toml")
    (tmp_path / "folder.toml").mkdir()
    _refused(tmp_path / "folder.toml")


def test_deep_nesting_is_told(tmp_path: Path) -> None:
    path = tmp_path / "deep.toml"
    path.write_text("name = " + "[" * 50_000, encoding="utf-8")
    _refused(path)


_VALUES = st.text(max_size=20) | st.sampled_from(('"https://a.example"', "true", "7", "[]", "{a = 1}", '"\\u001b[2J"', "2024-01-01", "nan"))
_LINES = st.tuples(st.sampled_from((*CONTOSO, "ca_file", "integration_supported", "other")), _VALUES).map(" = ".join)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80) | st.lists(_LINES, max_size=8).map(lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")))
def test_any_file_is_a_cloud_or_a_sentence_that_names_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(content)
    try:
        cloud = load_cloud(str(path))
    except CloudError as failure:
        sentence = str(failure)
        assert str(path) in sentence  # noqa: PT017 (most files end here, a few do not)
        assert sentence.isprintable()  # noqa: PT017
    else:
        assert isinstance(cloud, Cloud)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30))
def test_any_name_is_a_cloud_or_a_sentence(name: str) -> None:
    try:
        assert isinstance(load_cloud(name), Cloud)
    except CloudError as failure:
        assert str(failure).isprintable()  # noqa: PT017 (most names end here, a few do not)
