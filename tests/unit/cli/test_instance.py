"""One data folder: secrets that only the owner reads, made once, and one pipeline at a time."""

import hashlib
import os
import stat
import tomllib
from dataclasses import astuple
from pathlib import Path

import pytest

from services.chassis.errors import ConfigurationError
from services.cli.instance import Folder, Running, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def running(pid: int, root: Path) -> Running:
    return Running("http://i", "http://c", "k:1", "ak", "ck", "whsec_x", str(root), "shop", "", pid)


def test_secrets_are_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    """A second start keeps the keys that channels were given."""
    folder = Folder(tmp_path / "data")
    first = folder.prepare()
    assert folder.prepare() == first
    files = [*folder.secrets.iterdir(), folder.channels]
    assert len(files) == 6
    assert {mode(path) for path in files} == {0o600}
    assert mode(folder.root) == 0o700
    assert len(set(astuple(first))) == 5


def test_a_secret_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut right after the first start leaves it whole: content is flushed, then the name, then the folder."""
    flushed: list[tuple[bool, bool]] = []
    flush, path = os.fsync, tmp_path / "secret"

    def watched(handle: int) -> None:
        flush(handle)
        flushed.append((stat.S_ISDIR(os.fstat(handle).st_mode), path.exists()))

    monkeypatch.setattr(os, "fsync", watched)
    write_private(path, "kept\n")

    assert flushed == [(False, False), (True, True)]


def test_two_folders_share_no_secret(tmp_path: Path) -> None:
    """Keys are drawn, not derived."""
    one, other = Folder(tmp_path / "a").prepare(), Folder(tmp_path / "b").prepare()
    assert one.channel_key != other.channel_key
    assert one.webhook_secret != other.webhook_secret


def test_the_channels_file_holds_the_digest_and_never_the_key(tmp_path: Path) -> None:
    """Who reads the file cannot post with it."""
    folder = Folder(tmp_path)
    secrets = folder.prepare()
    text = folder.channels.read_text(encoding="utf-8")
    (channel,) = tomllib.loads(text)["channels"].values()
    assert channel["key_sha256"] == hashlib.sha256(secrets.channel_key.encode()).hexdigest()
    assert secrets.channel_key not in text


def test_the_receivers_file_for_people_is_made_once_and_names_every_department(
    tmp_path: Path,
) -> None:
    """All commented out: nobody is called before somebody says where."""
    folder = Folder(tmp_path)
    secrets = folder.prepare()
    path = folder.receivers_for(["packing", "finance"], None, secrets.webhook_secret)
    text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text) == {}
    assert "[receivers.packing]" in text
    path.write_text("# edited\n", encoding="utf-8")
    assert folder.receivers_for(["packing"], None, "x").read_text(encoding="utf-8") == "# edited\n"


def test_given_webhooks_leave_the_file_for_people_alone(tmp_path: Path) -> None:
    """A demo on one's own folder changes nothing that was set up."""
    folder = Folder(tmp_path)
    secrets = folder.prepare()
    mine = folder.receivers_for(["packing"], None, secrets.webhook_secret)
    mine.write_text("# edited\n", encoding="utf-8")
    path = folder.receivers_for(["packing"], "http://127.0.0.1:9/hooks/", secrets.webhook_secret)
    found = tomllib.loads(path.read_text(encoding="utf-8"))["receivers"]
    assert found == {
        "packing": {"url": "http://127.0.0.1:9/hooks/packing", "secret": secrets.webhook_secret}
    }
    assert path != mine
    assert mine.read_text(encoding="utf-8") == "# edited\n"


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    """The second is told who holds it and what to do."""
    folder = Folder(tmp_path)
    handle = folder.hold()
    with pytest.raises(ConfigurationError, match=f"as process {os.getpid()}.*--data-dir"):
        Folder(tmp_path).hold()
    os.close(handle)
    os.close(folder.hold())


def test_the_note_of_a_pipeline_that_was_killed_is_not_believed(tmp_path: Path) -> None:
    """Only a living process is running."""
    folder = Folder(tmp_path)
    folder.prepare()
    assert folder.running() is None
    here = running(os.getpid(), tmp_path)
    folder.note_running(here)
    assert mode(folder.note) == 0o600
    assert folder.running() == here
    folder.note_running(running(2**22 + 1, tmp_path))
    assert folder.running() is None


def test_a_note_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    """Another version wrote it, or half of it."""
    folder = Folder(tmp_path)
    folder.prepare()
    folder.note.write_text('{"intake": 1', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="delete it"):
        folder.running()
