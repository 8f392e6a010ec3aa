"""Channel keys: who may send, and how the file is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.chassis.errors import ConfigurationError
from services.intake.channels import ChannelKeys, key_digest, read_channels
from tests.unit.intake.conftest import KEY, OTHER_KEY


def test_key_names_its_channel(channels_file: Path) -> None:
    """A valid key is its channel; the scheme's case does not matter."""
    keys = ChannelKeys(channels_file)
    channel = keys.authenticate(f"bearer {KEY}")
    assert channel is not None
    assert (channel.name, channel.process_events) == ("web", True)
    other = keys.authenticate(f"Bearer {OTHER_KEY}")
    assert other is not None
    assert (other.name, other.process_events) == ("chat", False)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {KEY}",
        f"Bearer {KEY}x",
        f"Bearer {key_digest(KEY)}",
        "Bearer \udcff",
    ],
)
def test_anything_else_is_nobody(channels_file: Path, header: str | None) -> None:
    """No key, another scheme, a wrong key, and the digest from the file itself are all refused."""
    assert ChannelKeys(channels_file).authenticate(header) is None


def test_change_of_the_file_counts_at_once(channels_file: Path) -> None:
    """A key is added and another revoked without a restart."""
    keys = ChannelKeys(channels_file)
    fresh = "ck_live_abcdefgh_new"
    channels_file.write_text(
        f'[channels.web]\nkey_sha256 = ["{key_digest(KEY)}", "{key_digest(fresh)}"]\n'
    )
    assert keys.authenticate(f"Bearer {fresh}") is not None
    assert keys.authenticate(f"Bearer {KEY}") is not None
    assert keys.authenticate(f"Bearer {OTHER_KEY}") is None


def test_broken_file_keeps_the_keys_of_before(channels_file: Path) -> None:
    """A slip of the editor must not lock every channel out; mending it works."""
    keys = ChannelKeys(channels_file)
    good = channels_file.read_text()
    channels_file.write_text("[channels.web\n")
    assert keys.authenticate(f"Bearer {KEY}") is not None
    channels_file.unlink()
    assert keys.authenticate(f"Bearer {KEY}") is not None
    channels_file.write_text(good.replace("web", "shop"))
    channel = keys.authenticate(f"Bearer {KEY}")
    assert channel is not None
    assert channel.name == "shop"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "add one per sender"),
        ("[channels]", "add one per sender"),
        ("channels = 3", "add one per sender"),
        ('[channels.Web]\nkey_sha256 = "x"', "lower-case"),
        ('[channels.web]\nkey_sha256 = "secret"', "hex SHA-256"),
        ("[channels.web]\nkey_sha256 = []", "hex SHA-256"),
        ("[channels.web]\nprocess_events = true", "hex SHA-256"),
        ('[channels.web]\nkey = "x"', "takes key_sha256"),
        ("[channels]\nweb = 3", "not a table"),
        (
            f'[channels.web]\nkey_sha256 = "{"0" * 64}"\nprocess_events = "yes"',
            "true or false",
        ),
        ("][", "channels file"),
    ],
)
def test_faulty_file_is_named_with_the_remedy(text: str, message: str) -> None:
    """What is wrong is said with the entry and what belongs there."""
    with pytest.raises(ConfigurationError, match=message):
        read_channels(text)


def test_missing_file_stops_the_start(tmp_path: Path) -> None:
    """Without channels nobody could send."""
    with pytest.raises(ConfigurationError, match="INTAKE_CHANNELS_FILE"):
        ChannelKeys(tmp_path / "none.toml")
