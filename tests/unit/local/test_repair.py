"""What is mended before a start after a power cut, and what is left alone."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from services.chassis.errors import ConfigurationError
from services.local import folder
from services.local.folder import Layout
from services.local.repair import CLEAN_SHUTDOWN, METADATA_LOG, mend

OLD_ID, NEW_ID = bytes(range(1, 17)), bytes(range(101, 117))
LONG = "long." * 40


def topic_record(name: str, topic_id: bytes) -> bytes:
    """A topic's record as the metadata log has it, with bytes of its batch around."""
    length = len(name) + 1
    varint = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])
    return b"\x3c\x00\x01" + b"\x01\x02\x00" + varint + name.encode() + topic_id + b"\x00\x00"


def id_file(topic_id: bytes) -> bytes:
    """`partition.metadata` as Kafka writes it."""
    return b"version: 0\ntopic_id: " + base64.urlsafe_b64encode(topic_id).rstrip(b"=")


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A storage after kill -9, in which every file is well."""
    found = {
        "replication-offset-checkpoint": b"0\n2\nplain 0 40\n__transaction_state 3 0\n",
        "recovery-point-offset-checkpoint": b"0\n0\n",
        "log-start-offset-checkpoint": b"",
        "meta.properties": b"#\nversion=1\n",
        "plain-0/00000000000000000000.log": b"records",
        "plain-0/leader-epoch-checkpoint": b"0\n2\n0 0\n2 30\n",
        "plain-0/partition.metadata": id_file(NEW_ID),
        f"{METADATA_LOG}/00000000000000000000.log": topic_record("plain", OLD_ID)
        + topic_record(LONG, OLD_ID),
        f"{METADATA_LOG}/00000000000000000090.log": topic_record("plain", NEW_ID),
        f"{METADATA_LOG}/00000000000000000050-0000000002.checkpoint": topic_record("snap", OLD_ID),
        f"{METADATA_LOG}/partition.metadata": id_file(bytes(15) + b"\x01"),
        f"{METADATA_LOG}/quorum-state": b'{"leaderId":1,"leaderEpoch":2,"data_version":0}',
    }
    for name, content in found.items():
        file = tmp_path / "log" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "log"


def everything(logs: Path) -> dict[str, bytes]:
    """Every file and what is in it."""
    return {
        str(path.relative_to(logs)): path.read_bytes() for path in logs.rglob("*") if path.is_file()
    }


def test_what_is_well_is_left_alone(logs: Path) -> None:
    """A killed broker leaves whole files, empty checkpoints among them; nothing is touched, and nothing said."""
    before = everything(logs)

    assert mend(logs) == []
    assert everything(logs) == before


def test_before_the_first_start_there_is_nothing(tmp_path: Path) -> None:
    """A folder that was never used is no trouble."""
    assert mend(tmp_path / "log") == []


def test_after_a_clean_shutdown_nothing_is_looked_at(logs: Path) -> None:
    """Whoever edited a file by hand since then hears of it from Kafka."""
    (logs / CLEAN_SHUTDOWN).touch()
    (logs / "replication-offset-checkpoint").write_bytes(b"0\n2\npl")

    assert mend(logs) == []


@pytest.mark.parametrize(
    "content",
    [bytes(20), b"0\n2\nplain 0 40\n", b"0\n1\nplain 0\n", b"0\nx\n", b"1\n0\n", b"\xff\xfe"],
    ids=["zeros", "half", "cut in a line", "no count", "another version", "no text"],
)
def test_a_checkpoint_that_kafka_would_end_at_is_put_aside(logs: Path, content: bytes) -> None:
    """It is kept under another name, one sentence says so, and nothing else changes."""
    name = "replication-offset-checkpoint"
    (logs / name).write_bytes(content)
    before = everything(logs)

    (line,) = mend(logs)

    assert name in line
    assert before.pop(name) == content
    assert everything(logs) == {**before, f"{name}.broken": content}


def test_epochs_of_a_partition_and_the_quorum_s_state_are_put_aside(logs: Path) -> None:
    """Kafka works both out from records: one of its log's epochs, one of the only voter."""
    (logs / "plain-0" / "leader-epoch-checkpoint").write_bytes(b"0\n2\n0 ")
    (logs / METADATA_LOG / "quorum-state").write_bytes(b'{"leaderId":1,"lea')

    assert len(mend(logs)) == 2
    assert not (logs / "plain-0" / "leader-epoch-checkpoint").exists()
    assert not (logs / METADATA_LOG / "quorum-state").exists()


@pytest.mark.parametrize("content", [None, b"", bytes(43), b"version: 0\ntopic_id: "])
def test_a_topic_s_id_is_written_anew(logs: Path, content: bytes | None) -> None:
    """It is the last one that the metadata log gave the name; without it Kafka would put the records aside as stray."""
    file = logs / "plain-0" / "partition.metadata"
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)

    assert len(mend(logs)) == 1
    assert file.read_bytes() == id_file(NEW_ID)


@pytest.mark.parametrize(
    ("folder", "topic_id"),
    [("snap-12", OLD_ID), (f"{LONG}-0", OLD_ID), (METADATA_LOG, bytes(15) + b"\x01")],
)
def test_ids_are_found_wherever_they_are(logs: Path, folder: str, topic_id: bytes) -> None:
    """In a snapshot, under a long name, and of the metadata log itself, whose id is Kafka's own."""
    (logs / folder).mkdir(exist_ok=True)
    file = logs / folder / "partition.metadata"
    file.unlink(missing_ok=True)

    assert len(mend(logs)) == 1
    assert file.read_bytes() == id_file(topic_id)


def test_an_id_that_is_not_known_is_not_guessed(logs: Path) -> None:
    """Neither for a name that only resembles one, nor for what is being deleted: Kafka deletes what has a wrong id."""
    gone = f"plain-0.{'a' * 32}-delete"
    for name in ("pla-0", "plain.more-0", gone, "remote-log-index-cache"):
        (logs / name).mkdir()
    (logs / "pla-0" / "partition.metadata").write_bytes(b"")
    before = everything(logs)

    assert mend(logs) == []
    assert everything(logs) == before


def test_a_storage_without_its_name_is_not_formatted_anew(tmp_path: Path) -> None:
    """Whoever has lost `meta.properties` is told so; a new format would orphan every record.  An empty folder is no storage."""
    layout = Layout(tmp_path)
    folder._refuse_storage_without_its_name(layout)
    layout.logs.mkdir()
    folder._refuse_storage_without_its_name(layout)
    (layout.logs / "plain-0").mkdir()

    with pytest.raises(ConfigurationError, match=r"no meta\.properties"):
        folder._refuse_storage_without_its_name(layout)
