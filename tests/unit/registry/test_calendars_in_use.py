"""Calendars where the rest of the folder uses them: who lends one, and what a promise may ask of it."""

import shutil
from pathlib import Path

from services.registry import example_folder

from .spoiling import change, refused


def test_days_in_a_calendar_are_refused(folder: Path) -> None:
    """Two working days are as many hours as their shifts have, not 48."""
    change(
        folder,
        "processes/order.toml",
        'owner = "finance"\n',
        'owner = "finance"\ncalendar = "owner"\n',
    )
    change(
        folder,
        "processes/order.toml",
        'allowance = "24h"\n\n[activities.refund',
        'allowance = "1d"\n\n[activities.refund',
    )
    assert "a working day has as many hours as its shifts" in refused(folder)


def test_an_owner_without_a_calendar_cannot_lend_it(folder: Path) -> None:
    """Where to add it is said."""
    change(
        folder,
        "processes/order.toml",
        'owner = "payments"\n',
        'owner = "payments"\ncalendar = "owner"\n',
    )
    assert 'Add calendar = "…" to [departments.payments]' in refused(folder)


def test_a_calendar_may_be_named_before_there_is_any(tmp_path: Path) -> None:
    """Departments come before calendars when one writes them: the check says where to write it, and does not end."""
    folder = tmp_path / "bank"
    shutil.copytree(example_folder("bank"), folder)
    (folder / "calendars.toml").unlink()
    said = refused(folder)
    assert 'there is no calendar "' in said
    assert "There is none yet: write [calendars." in said
    assert "in calendars.toml" in said


def test_a_broken_calendar_is_told_once(tmp_path: Path) -> None:
    """Only what is written wrong is named, not the table that it spoils, nor those who use it."""
    folder = tmp_path / "bank"
    shutil.copytree(example_folder("bank"), folder)
    change(folder, "calendars.toml", "mon-fri", "senin-jumat")
    (line,) = refused(folder).splitlines()
    assert 'name a day ("sat") or a range ("mon-fri")' in line


def test_the_worst_moment_of_the_week_must_keep_the_promise(tmp_path: Path) -> None:
    """Working hours fit on a Monday morning and not on a Friday afternoon: that one is named."""
    folder = tmp_path / "bank"
    shutil.copytree(example_folder("bank"), folder)
    change(
        folder,
        "processes/account.toml",
        'within = "24h"\ncalendar = "office"\n',
        'within = "72h"\n',
    )
    said = refused(folder)
    assert "promises.account_ready.within: the allowances on the way add up to" in said
    assert "begun on a Friday at" in said or "begun on a Thursday at" in said
