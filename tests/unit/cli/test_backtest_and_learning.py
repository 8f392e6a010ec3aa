"""`akar backtest` and `akar learn` as commands: files, exit codes, and what promotion refuses."""

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.chassis.errors import ConfigurationError
from services.cli.app import app
from services.cli.backtest_files import chunks, line, samples
from services.cli.learn_run import labelled, trial, written
from services.registry import example_folder, load
from services.router.learning import expected_calibration_error, fit_calibration
from services.router.rules import rules_from
from services.router.tracing.choice import calibrated
from services.router.tracing.company import Rules
from services.router.tracing.model import PARTS


def call(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a company, complaints to fit on and complaints to try on."""
    folder = tmp_path_factory.mktemp("learning")
    shutil.copytree(example_folder("shop"), folder / "shop")
    shutil.rmtree(folder / "shop" / "learned", ignore_errors=True)
    for name, seed in (("fit", 2), ("try", 1_002)):
        call(
            "backtest",
            "export",
            "-o",
            folder / f"{name}.ndjson",
            "--company",
            "shop",
            "--orders",
            330,
            "--seed",
            seed,
            "--missing",
            0.1,
        )
    return folder


@pytest.fixture(scope="module")
def candidate(home: Path) -> Path:
    """What a fit on the first complaints gives."""
    call(
        "learn",
        "fit",
        "--verdicts",
        home / "fit.ndjson",
        "--registry",
        home / "shop",
        "-o",
        home / "next.toml",
        "--version",
        "t1",
    )
    return home / "next.toml"


def test_a_chunk_has_the_lines_that_begin_in_it(home: Path) -> None:
    """However the file is cut, each complaint is read once, in order."""
    whole = [one.complaint_id for chunk in chunks(home / "try.ndjson") for one, _ in samples(chunk)]
    cut = [
        one.complaint_id
        for chunk in chunks(home / "try.ndjson", 1_777)
        for one, _ in samples(chunk)
    ]
    assert 290 < len(whole) == len(set(whole))
    assert cut == whole


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """A line without its text says in which file, and where the fields are described."""
    path = tmp_path / "cases.ndjson"
    path.write_text(line({"complaint_id": "a", "occurred_at": "2026-07-01T00:00:00Z"}))
    with pytest.raises(ConfigurationError, match=r"cases\.ndjson.*docs/evaluation\.md"):
        list(samples(chunks(path)[0]))


def test_the_limit_on_moves_is_an_exit_code(home: Path, tmp_path: Path) -> None:
    """A candidate that moves too many complaints ends with 1, and says from where to where."""
    shutil.copytree(home / "shop", tmp_path / "next")
    process = tmp_path / "next" / "processes" / "order.toml"
    text = process.read_text(encoding="utf-8")
    assert 'allowance = "6h"' in text
    process.write_text(text.replace('allowance = "6h"', 'allowance = "5h"'), encoding="utf-8")
    words = ("backtest", "--live", home / "shop", "--file", home / "try.ndjson", "--json")
    same = json.loads(call(*words, "--candidate", home / "shop", "--fail-if-moved", 0))
    assert same["moved"] == 0
    policy = tmp_path / "next" / "company.toml"
    policy.write_text(
        policy.read_text(encoding="utf-8").replace("assign_at = 0.6", "assign_at = 0.999"),
        encoding="utf-8",
    )
    found = json.loads(
        call(*words, "--candidate", tmp_path / "next", "--fail-if-moved", 0.001, code=1)
    )
    assert found["moved"] > 0
    assert found["complaints"] == same["complaints"]


def test_two_processes_count_like_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks in other processes give the same report."""
    from services.cli import backtest_run

    monkeypatch.setattr(backtest_run, "chunks", lambda path: chunks(path, 200_000))
    live, file = str(home / "shop"), home / "try.ndjson"
    one = backtest_run.compare(live=live, candidate=live, file=file, workers=1)
    two = backtest_run.compare(live=live, candidate=live, file=file, workers=2)
    for key in ("seconds", "cpu_microseconds_per_complaint", "workers"):
        one.pop(key), two.pop(key)
    assert one == two


def test_a_fit_on_simulated_verdicts_lowers_the_calibration_error(home: Path) -> None:
    """Were the core too modest by a third, a fit would find out, and be true on complaints that it was not fitted on."""
    rules = rules_from(load(home / "shop"))
    fitted, tried = (
        [replace(one, raw=one.raw * 2 // 3) for one in labelled([home / name], rules).labels]
        for name in ("fit.ndjson", "try.ndjson")
    )
    points = replace(rules, calibration=fit_calibration(fitted))

    def error(with_: Rules) -> float:
        return expected_calibration_error(
            (calibrated(one.raw, with_) / PARTS, one.leading == one.cause)
            for one in tried
            if one.leading is not None
        )

    assert error(points) < 0.08 < error(replace(rules, calibration=()))


def test_the_shadow_says_whose_confidence_is_truer(home: Path, candidate: Path) -> None:
    """The report has the calibration error of both sides, and lies beside the candidate."""
    words = ("learn", "shadow", candidate, "--registry", home / "shop")
    found = json.loads(call(*words, "--file", home / "try.ndjson", "--json"))
    assert set(found["calibration_error"]) == {"live", "candidate"}
    assert json.loads(candidate.with_suffix(".shadow.json").read_text(encoding="utf-8")) == found


def test_a_candidate_loads_and_names_its_version(home: Path, candidate: Path) -> None:
    """What is written is what the registry reads."""
    learned = tomllib.loads(candidate.read_text(encoding="utf-8"))
    assert learned["version"] == "t1"
    assert learned["calibration"]
    assert learned["priors"]["late_delivery"]


def test_nothing_is_promoted_without_a_shadow_report(
    home: Path, candidate: Path, tmp_path: Path
) -> None:
    """Without a report, with one about another candidate, or without a person, promotion is refused."""
    alone = tmp_path / "alone.toml"
    shutil.copyfile(candidate, alone)
    with pytest.raises(ConfigurationError, match="shadow"):
        call("learn", "promote", alone, "--registry", home / "shop", "--by", "S", "--reason", "r")
    call("learn", "shadow", alone, "--registry", home / "shop", "--file", home / "try.ndjson")
    alone.write_text(alone.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="another candidate"):
        call("learn", "promote", alone, "--registry", home / "shop", "--by", "S", "--reason", "r")
    with pytest.raises(ConfigurationError, match="person"):
        call("learn", "promote", alone, "--registry", home / "shop", "--by", " ", "--reason", "r")


LIVE = 'version = "t0"\nnote = "by hand"\n'


def test_a_promotion_records_who_and_why(home: Path, candidate: Path, tmp_path: Path) -> None:
    """The registry has the candidate, the person and the reason, another digest, and rules that name the version."""
    shutil.copytree(home / "shop", tmp_path / "shop")
    mine = tmp_path / "next.toml"
    shutil.copyfile(candidate, mine)
    # What is live tells an editor its schema, and by the report it is the cheaper and the truer one.
    live = tmp_path / "shop" / "learned" / "learned.toml"
    live.parent.mkdir(exist_ok=True)
    live.write_text(f"#:schema ../schema/learned.json\n{LIVE}", encoding="utf-8")
    before = load(tmp_path / "shop").digest
    call("learn", "shadow", mine, "--registry", tmp_path / "shop", "--file", home / "try.ndjson")
    words = ("learn", "promote", mine, "--registry", tmp_path / "shop")
    report = tmp_path / "next.shadow.json"
    seen = json.loads(report.read_text(encoding="utf-8"))
    seen["calibration_error"] = {"live": 0.01, "candidate": 0.05}
    report.write_text(json.dumps(seen), encoding="utf-8")
    said = call(*words, "--by", "Sari W.", "--reason", "truer on hand-overs")
    assert "calibration error rises from 0.01 to 0.05" in said
    # The folder's version control would not do: at a start, what was active once is not taken up again.
    assert f"Back: akar registry activate {before[:12]}." in said
    assert live.read_text(encoding="utf-8").startswith("#:schema ../schema/learned.json\n# Written")
    company = load(tmp_path / "shop")
    assert company.digest != before
    (learned,) = company.learned.values()
    assert "Sari W.: truer on hand-overs" in learned.note
    rules = rules_from(company)
    assert "t1" in rules.learned.values()
    assert rules.calibration
    # The live registry has changed: the same report does not hold for it any more.
    with pytest.raises(ConfigurationError, match="another state"):
        call(*words, "--by", "Sari W.", "--reason", "again")


BEFORE = """
version = "old-1"
calibration = [[0, 0], [10000, 9000]]
[priors.late_delivery]
courier = 0.5
[priors.refund_overdue]
finance = 0.75
[priors.staff_conduct]
courier = 0.625
"""


def test_what_was_learned_before_stays_where_nothing_new_is_known(
    home: Path, tmp_path: Path
) -> None:
    """Three verdicts about late parcels: the other learned priors and the calibration are carried on, and it says so."""
    shutil.copytree(home / "shop", tmp_path / "shop")
    (tmp_path / "shop" / "learned").mkdir()
    (tmp_path / "shop" / "learned" / "learned.toml").write_text(BEFORE, encoding="utf-8")
    cases = tmp_path / "cases.ndjson"
    verdict = {"kind": "ruled", "cause": "packing"}
    late = {
        "text": "paket saya belum sampai juga, telat!",
        "language": "id",
        "occurred_at": "2026-07-01T00:00:00Z",
        "verdict": verdict,
    }
    cases.write_text(
        "".join(line({"complaint_id": f"c{number}", **late}) for number in range(3)),
        encoding="utf-8",
    )
    words = ("learn", "fit", "--verdicts", cases, "--registry", tmp_path / "shop")
    output = tmp_path / "next.toml"
    told = json.loads(call(*words, "-o", output, "--json"))
    assert told["kept_priors"] == ["refund_overdue", "staff_conduct"]
    assert (told["calibration_points"], told["kept_calibration_points"]) == (0, 2)
    said = "kept of old-1: priors of refund_overdue, staff_conduct and the calibration"
    assert said in call(*words, "-o", output)

    learned = tomllib.loads(output.read_text(encoding="utf-8"))
    assert learned["note"].endswith(said)
    assert learned["calibration"] == [[0, 0], [10000, 9000]]
    assert learned["priors"]["refund_overdue"] == {"finance": 0.75}
    assert learned["priors"]["staff_conduct"] == {"courier": 0.625}
    assert learned["priors"]["late_delivery"]["packing"] > 0
    with trial(tmp_path / "shop", output) as folder:
        rules = rules_from(load(folder))
    assert rules.calibration == ((0, 0), (10_000, 9_000))
    assert rules.symptoms["staff_conduct"].priors == {"courier": 0.625}


def test_priors_that_verdicts_emptied_are_not_the_first_guess_again(
    home: Path, tmp_path: Path
) -> None:
    """A table without entries stands for nobody; left out, the priors of symptoms.toml would be back."""
    output = tmp_path / "next.toml"
    text = written(version="t", note="", priors={"late_delivery": {}}, points=())
    output.write_text(text, encoding="utf-8")
    with trial(home / "shop", output) as folder:
        assert rules_from(load(folder)).symptoms["late_delivery"].priors == {}


def test_verdicts_alone_are_joined_to_their_complaints(home: Path, tmp_path: Path) -> None:
    """Verdicts of departments come as their own file; a time-out teaches nothing."""
    rows = [
        {
            "complaint_id": f"shop-2-{number}",
            "department": "packing",
            "kind": kind,
            "reached_at": "2026-07-01T09:00:00Z",
        }
        for number, kind in enumerate(("accepted", "timed_out", "own_fault", "rejection_upheld"))
    ]
    path = tmp_path / "verdicts.ndjson"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    told = json.loads(
        call(
            "learn",
            "fit",
            "--verdicts",
            path,
            "--cases",
            home / "fit.ndjson",
            "--registry",
            home / "shop",
            "-o",
            tmp_path / "few.toml",
            "--json",
        )
    )
    assert told["labels"] == 3
    assert told["calibration_points"] == 0
    with pytest.raises(ConfigurationError, match="--cases"):
        call("learn", "fit", "--verdicts", path, "-o", tmp_path / "none.toml")
