"""Moves a complaint whose case was not given through the search for it.

Pure, like `machine`, and beside it because most complaints never come here.  Questions go to the customer stage (which cases has
this customer?) and to the evidence stage (how well does this case fit?); when all are answered, `cases.choose` says which one
is meant, whether the customer is asked, or that only the words are left.

Hazard: answers come in any order, and some again when another case is heard of.  What is chosen follows from all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from schemas.vocabulary import ComplaintState, LocatedBy
from services.router.lifecycle.cases import Possible, Search, choose
from services.router.lifecycle.machine import Step, request
from services.router.lifecycle.model import (
    AskWhich,
    DecideByText,
    Effect,
    Life,
    PublishStatus,
    SearchCases,
    StopTracing,
    WeighCase,
)
from services.router.tracing.model import HOUR, NO_CLUES, Clues

PATIENCE: Final = 24 * 3_600 * 1_000_000
"""µs: how long a customer's answer is waited for."""
_NAMED: Final = frozenset({LocatedBy.GIVEN, LocatedBy.TEXT, LocatedBy.ANSWERED})
"""The case was named; nothing that merely fits takes its place."""


def begin(
    life: Life, customers: Iterable[str], named: Iterable[str], clues: Clues = NO_CLUES
) -> Step:
    """A new complaint without a case: search by customer, and look up what its words name."""
    known = tuple(dict.fromkeys(customers))
    searching = replace(life, search=Search(customers=known, awaited=known, clues=clues))
    searching, weighing = _weigh(searching, dict.fromkeys(named, LocatedBy.TEXT))
    effects: list[Effect] = [PublishStatus()]
    if not known and not weighing:
        return searching, (*effects, DecideByText())
    return searching, (*effects, *map(SearchCases, known), *weighing)


def found(life: Life, customer: str, cases: Iterable[str], *, at: int) -> Step:
    """The cases of a customer; again whenever another one is heard of."""
    search = life.search
    if search is None or life.located in _NAMED:
        return life, ()
    new = [case for case in cases if case not in search.possible]
    if customer not in search.awaited and not new:
        return life, ()
    awaited = tuple(each for each in search.awaited if each != customer)
    if life.over:
        # Nothing is asked now; they are weighed if it is opened again.
        possible = dict(search.possible) | {case: Possible(0, parts=0) for case in new}
        return replace(life, search=replace(search, awaited=awaited, possible=possible)), ()
    life = replace(life, search=replace(search, awaited=awaited))
    if not new:
        return _settle(life, at)
    # Those known before are weighed again: all are compared as of one time.
    return _weigh(life, _known(search) | dict.fromkeys(new))


def weighed(life: Life, case_id: str, sequence: int, parts: int | None, *, at: int) -> Step:
    """How well a case fits; None for one of which nothing was ever heard."""
    search = life.search
    if search is None:
        return life, ()
    asked = search.possible.get(case_id)
    if asked is None or asked.sequence != sequence:
        return life, ()
    possible = dict(search.possible)
    if parts is None and asked.named is not None:
        # What the customer wrote may be any number: it is not kept.
        del possible[case_id]
    else:
        possible[case_id] = replace(asked, parts=parts or 0)
    life = replace(life, search=replace(search, possible=possible))
    return (life, ()) if life.over else _settle(life, at)


def answered(
    life: Life, option: str | None, named: Iterable[str], clues: Clues = NO_CLUES, *, at: int
) -> Step:
    """The customer wrote again: named one of the options, some reference, or what else tells the cases apart.

    Args:
        life: the complaint.
        option: the one of `Search.options` that was named, if one was.
        named: references in the text.
        clues: what else the text tells of the case, as of `at`.
        at: when; µs.
    """
    search = life.search
    if search is None or life.over or life.ending is not None or life.located in _NAMED:
        return life, ()
    if option is not None:
        return _locate(life, option, LocatedBy.ANSWERED, as_of=at)
    answers = dict.fromkeys(named, LocatedBy.ANSWERED)
    told = _told(search.clues, clues, later=max(0, at - life.occurred_at))
    if told == search.clues:
        return _weigh(life, answers)
    life = replace(life, search=replace(search, clues=told))
    return _weigh(life, {**_known(search), **answers})


def due(life: Life, *, as_of: int) -> Step:
    """The customer has not answered: weigh the cases once more; then a person decides."""
    search = life.search
    if search is None or life.over or life.due is None or life.due > as_of:
        return life, ()
    return again(replace(life, due=None, search=replace(search, expired=True)))


def again(life: Life) -> Step:
    """Weigh the known cases once more."""
    search = life.search
    if search is None or not search.possible:
        return life, (DecideByText(),)
    return _weigh(life, _known(search))


def _told(before: Clues, clues: Clues, *, later: int) -> Clues:
    """What the complaint told, and in its place what the customer says by now.

    Args:
        before: as of the complaint.
        clues: of a message.
        later: by how much the message is later than the complaint; µs.
    """
    waited = None if clues.waited is None else clues.waited - later // HOUR
    return Clues(
        waited if waited is not None and waited > 0 else before.waited,
        clues.amounts or before.amounts,
    )


def _known(search: Search) -> dict[str, LocatedBy | None]:
    """The cases that were weighed, in the order of their ids: a search that was read from its row asks as one that was not."""
    return {case: each.named for case, each in sorted(search.possible.items())}


def _weigh(life: Life, cases: Mapping[str, LocatedBy | None]) -> Step:
    possible = {} if life.search is None else dict(life.search.possible)
    sequence = life.sequence
    effects: list[Effect] = []
    for case, named in cases.items():
        sequence += 1
        possible[case] = Possible(sequence, named)
        effects.append(WeighCase(case, sequence))
    search = replace(life.search or Search(), possible=possible)
    return replace(life, sequence=sequence, search=search), tuple(effects)


def _settle(life: Life, at: int) -> Step:
    search = life.search
    choice = None if search is None else choose(search)
    if search is None or choice is None:
        return life, ()
    if choice.case_id is not None and choice.by is not None:
        return _locate(life, choice.case_id, choice.by, as_of=life.occurred_at)
    if life.case_id is not None:
        # Several fit now; the one that was clear when it was chosen stays until the customer names another.
        return life, ()
    if not choice.options or search.options or search.expired or life.ending is not None:
        return life, (DecideByText(),)
    asking = replace(life, search=replace(search, options=choice.options))
    return asking, (AskWhich(choice.options, at + PATIENCE),)


def _locate(life: Life, case_id: str, by: LocatedBy, *, as_of: int) -> Step:
    if life.case_id == case_id:
        return replace(life, located=by), () if by is life.located else (PublishStatus(),)
    effects: list[Effect] = []
    if life.case_id is not None:
        life = replace(life, sequence=life.sequence + 1)
        effects.append(StopTracing(life.case_id or "", life.sequence))
    located = replace(
        life,
        case_id=case_id,
        located=by,
        due=None,
        unanswered=False,
        # A complaint that was decided by its words stands as it stands until the case has been traced.
        state=life.state if life.revision else ComplaintState.LOCATED,
    )
    located, asked = request(
        located, as_of=max(as_of, life.occurred_at), reason="located", status=True
    )
    return located, (*effects, *asked)
