"""The command line as a person meets it: help that teaches, errors that help, JSON for scripts."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.chassis.errors import ConfigurationError
from services.cli.app import app
from services.cli.connection import console_address, intake_address

SHOP = Path(__file__).parents[3] / "examples" / "shop"
COMMANDS = ("up", "demo", "replay", "send", "trace", "topics", "doctor")

runner = CliRunner()


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder, with an environment that names nothing."""
    monkeypatch.chdir(tmp_path)
    for name in ("AKAR_URL", "AKAR_KEY", "AKAR_CONSOLE_URL", "AKAR_REGISTRY", "AKAR_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)


@pytest.mark.parametrize("command", [*COMMANDS, "registry check"])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    """`--help` ends with something to copy."""
    shown = runner.invoke(app, [*command.split(), "--help"], terminal_width=100)
    assert shown.exit_code == 0
    if command != "doctor":
        assert f"akar {command}" in " ".join(shown.output.split())


def test_help_loads_no_service() -> None:
    """Nor Kafka, nor pydantic: a person who asks for help does not wait."""
    heavy = "kafka,pydantic,fastapi,simpy,sqlalchemy,httpx,services.router"
    program = (
        "import sys\nfrom services.cli.app import app\n"
        f"print([name for name in {heavy!r}.split(',') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_good_company_is_described_and_a_bad_one_is_put_right_line_by_line(
    tmp_path: Path,
) -> None:
    """Exit code 1, and each problem with its file."""
    good = runner.invoke(app, ["registry", "check", str(SHOP)])
    assert good.exit_code == 0
    assert "good." in good.output
    shutil.copytree(SHOP, tmp_path / "mine")
    departments = tmp_path / "mine" / "departments.toml"
    text = departments.read_text(encoding="utf-8")
    departments.write_text(
        text.replace('managed_by = "logistics"', 'managed_by = "nobody"'), encoding="utf-8"
    )
    bad = runner.invoke(app, ["registry", "check", str(tmp_path / "mine"), "--json"])
    assert bad.exit_code == 1
    found = json.loads(bad.output)
    assert not found["ok"]
    assert {problem["file"] for problem in found["problems"]} == {"departments.toml"}
    assert all(problem["remedy"] for problem in found["problems"])


def test_topics_are_listed_without_a_broker() -> None:
    """Names, keys, writers and readers; figures only when a broker answers."""
    shown = runner.invoke(app, ["topics", "--json"])
    assert shown.exit_code == 0
    found = json.loads(shown.output)
    assert found["kafka"] is None
    names = [topic["name"] for topic in found["topics"]]
    assert {"complaint.received", "department.packing.inbox", "complaint.traced"} <= set(names)
    assert all(topic["records"] is None for topic in found["topics"])


def test_without_a_pipeline_the_commands_say_how_to_get_one(tmp_path: Path) -> None:
    """Neither a traceback nor a connection that hangs."""
    with pytest.raises(ConfigurationError, match="akar up"):
        intake_address(tmp_path, None, None)
    with pytest.raises(ConfigurationError, match="akar up"):
        console_address(tmp_path, None)


def test_an_address_without_a_key_is_refused_and_the_environment_gives_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that belongs to another pipeline is never sent along."""
    with pytest.raises(ConfigurationError, match="no key for http://elsewhere"):
        intake_address(tmp_path, "http://elsewhere", None)
    monkeypatch.setenv("AKAR_URL", "http://there")
    monkeypatch.setenv("AKAR_KEY", "secret")
    address = intake_address(tmp_path, None, None)
    assert (address.url, address.key) == ("http://there", "secret")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["replay"], "name files to replay, or --olist"),
        (["replay", "a.csv", "--report", "r.json"], "--report goes with --olist"),
        (["send", "  "], "TEXT is empty"),
        (["up", "--registry", "nothing"], "no example of that name. Use: bank, olist, shop."),
        (["registry", "check", "nothing"], "akar registry new nothing"),
        (["registry", "check", "."], "akar registry new FOLDER"),
        (
            ["registry", "check", str(SHOP / "company.toml")],
            f"name the folder that it is in, {SHOP}",
        ),
        (["registry", "check", "5064d135da7c4bcd"], "looks like a digest, and no pipeline"),
        (["backtest", "--candidate", "3149ebdl", "--topics"], "looks like a digest"),
        (["backtest", "--candidate", "nxet", "--topics"], "no example of that name"),
        (["replay", "--olist", "missing"], "needs complaints.csv"),
    ],
)
def test_mistakes_are_told_with_the_remedy(arguments: list[str], told: str) -> None:
    """Before anything is started or sent."""
    result = runner.invoke(app, arguments)
    assert isinstance(result.exception, ConfigurationError)
    assert told in result.exception.detail


def test_help_is_quick() -> None:
    """Below a second even on a busy machine; 0.3 s on a quiet one."""
    took = []
    for _ in range(3):
        begun = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "services.cli", "--help"], capture_output=True, check=True
        )
        took.append(time.monotonic() - begun)
    assert min(took) < 2.0
