"""The receivers' file: what it may hold, and what happens when someone breaks it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from services.chassis.errors import ConfigurationError
from services.notifier.receivers import ReceiversFile, parse

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 32).decode()


def entry(
    name: str = "packing", url: str = "https://wms.example/hook", secret: str = SECRET
) -> str:
    """One table of the file."""
    return f'[receivers.{name}]\nurl = "{url}"\nsecret = "{secret}"\n'


def test_a_receiver_is_read() -> None:
    """Department, URL and secrets, the newest first."""
    text = entry() + f'previous_secret = "{OTHER}"\n'
    receiver = parse(text, where="r.toml", allow_plain=False)["packing"]
    assert (receiver.name, receiver.url) == ("packing", "https://wms.example/hook")
    assert [secret.key[:1] for secret in receiver.secrets] == [b"k", b"o"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[receivers", "not TOML"),
        ("receivers = 3", "one table for each department"),
        ("[other]\n", "other"),
        (entry(url="http://wms.example"), "https://"),
        (entry(url="ftp://wms.example"), "https://"),
        (entry(url="https://"), "https://"),
        (entry(url="https://u:p@wms.example"), "password"),
        (entry(url="https://wms.example/#x"), "fragment"),
        (entry(url="https://wms.example:0/"), "port"),
        (entry(url="https://wms.example:x/"), "no URL"),
        (entry(secret="plain"), "whsec_"),
        ("[receivers.packing]\n", "receivers.packing.url"),
        (entry() + "colour = 1\n", "colour"),
    ],
)
def test_a_mistake_is_named(text: str, named: str) -> None:
    """The error names file, field and remedy, and gives no secret away."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text, where="r.toml", allow_plain=False)
    assert "r.toml" in str(caught.value)
    assert named in str(caught.value)
    assert SECRET not in str(caught.value)


def test_every_mistake_is_told_at_once() -> None:
    """Two broken tables are two problems of one error."""
    text = entry("packing", secret="x") + entry("finance", url="http://x")
    with pytest.raises(ConfigurationError, match=r"packing.*|finance.*") as caught:
        parse(text, where="r.toml", allow_plain=False)
    assert "receivers.packing.secret" in caught.value.detail
    assert "receivers.finance.url" in caught.value.detail


def test_plain_http_within_a_private_network() -> None:
    """`http://` is for installations that allow private receivers."""
    assert parse(entry(url="http://127.0.0.1:9/x"), where="r", allow_plain=True)["packing"].url


def test_another_address_is_another_fingerprint() -> None:
    """Only the URL counts: a new secret does not revive what was gone."""
    one = parse(entry(), where="r", allow_plain=False)["packing"]
    two = parse(entry(secret=OTHER), where="r", allow_plain=False)["packing"]
    three = parse(entry(url="https://new.example"), where="r", allow_plain=False)["packing"]
    assert one.fingerprint == two.fingerprint != three.fingerprint


def test_a_change_is_seen_and_a_broken_one_keeps_the_last_good(tmp_path: Path) -> None:
    """Edits count at the next look; nonsense is reported as unready until it is put right."""
    path = tmp_path / "receivers.toml"
    path.write_text(entry())
    file = ReceiversFile(path, allow_plain=False)
    assert list(file.current()) == ["packing"]
    assert not file.refresh()
    path.write_text(entry() + entry("finance"))
    assert file.refresh()
    assert sorted(file.current()) == ["finance", "packing"]
    path.write_text("nonsense")
    assert not file.refresh()
    assert file.check() is not None
    assert sorted(file.current()) == ["finance", "packing"]
    path.unlink()
    assert not file.refresh()
    assert "cannot be read" in (file.check() or "")
    path.write_text(entry("finance"))
    assert file.refresh()
    assert (list(file.current()), file.check()) == (["finance"], None)


def test_a_broken_file_stops_the_start(tmp_path: Path) -> None:
    """At the start there is no last good content to keep."""
    with pytest.raises(ConfigurationError):
        ReceiversFile(tmp_path / "absent.toml", allow_plain=False)


def test_no_file_is_no_receivers() -> None:
    """Without a file every department is without a receiver."""
    file = ReceiversFile(None, allow_plain=False)
    assert (dict(file.current()), file.refresh(), file.check()) == ({}, False, None)
