"""A study in its database: made once, then read by page, answer by answer."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from quals.errors import InputError, MissingExtraError
from quals.study import tables
from quals.study.records import ATTRIBUTES, Answer, Judgement, Plan

try:
    import sqlalchemy as sa
except ImportError as error:
    raise MissingExtraError("quals study", "study") from error


@dataclass(frozen=True)
class Annotator:
    """Someone who judges; ``token`` is the secret part of their link."""

    id: int
    name: str
    token: str


@dataclass(frozen=True)
class Task:
    """An item in an annotator's list.

    Attributes:
        number: its place, from 1.
        version: how many saves it has had.
        write_id: the name of the newest; "" if there is none.
    """

    id: int
    number: int
    version: int
    write_id: str
    answer: Answer


@dataclass(frozen=True)
class Shown:
    """What an annotator sees of an item: no system's name, and the sides already decided."""

    document: str
    left: str
    right: str


class Store:
    """Reads and writes one study. Every method is one transaction, and safe to call from several threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        with engine.connect() as connection:
            row = connection.execute(sa.select(tables.study)).one()
        self.title: str = row.title
        self.token: str = row.token
        self.created_at: str = row.created_at
        self.settings: dict[str, Any] = row.settings

    @classmethod
    def create(
        cls, where: str, plan: Plan, names: Sequence[str], *, title: str, settings: Mapping[str, object]
    ) -> Store:
        """Write a planned study to a new SQLite file or an empty PostgreSQL database.

        Raises:
            InputError: two annotators have the same name, or there is something already.
        """
        if len(set(names)) != len(names):
            raise InputError("two annotators have the same name")
        with tables.new_tables(where) as connection:
            connection.execute(tables.document.insert(), _document_rows(plan))
            connection.execute(tables.pair.insert(), _pair_rows(plan))
            people = [{"id": number, "name": name, "token": new_token()} for number, name in enumerate(names, 1)]
            connection.execute(tables.annotator.insert(), people)
            connection.execute(tables.item.insert(), _item_rows(plan))
            head = {"format": tables.FORMAT, "title": title, "token": new_token(), "created_at": now()}
            connection.execute(tables.study.insert(), [{**head, "settings": dict(settings)}])
        return cls.open(where)

    @classmethod
    def open(cls, where: str) -> Store:
        """Open a study that `create` has made.

        Raises:
            InputError: there is none.
        """
        return cls(tables.open_tables(where))

    def annotators(self) -> list[Annotator]:
        """Everybody, in the order of the plan."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(tables.annotator).order_by(tables.annotator.c.id))
            return [Annotator(row.id, row.name, row.token) for row in rows]

    def find_annotator(self, token: str) -> Annotator | None:
        """Whose link this is; None for one that never was, or is no more."""
        if "\0" in token:  # PostgreSQL would not even look
            return None
        query = sa.select(tables.annotator).where(tables.annotator.c.token == token)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return Annotator(row.id, row.name, row.token) if row else None

    def renew_link(self, annotator: int) -> bool:
        """Give an annotator a new token, so that the old link is worth nothing; False if there is none such."""
        statement = tables.annotator.update().where(tables.annotator.c.id == annotator).values(token=new_token())
        with self._engine.begin() as connection:
            return bool(connection.execute(statement).rowcount)

    def tasks(self, annotator: int) -> list[Task]:
        """An annotator's items in their order, with the newest answer to each."""
        item = tables.item
        query = (
            sa.select(item.c.id, item.c.position, *tables.answer.c)
            .select_from(item.outerjoin(tables.answer, _answered))
            .where(item.c.annotator_id == annotator)
            .order_by(item.c.position)
        )
        with self._engine.connect() as connection:
            return [
                Task(row.id, row.position + 1, row.version or 0, row.write_id or "", _answer(row))
                for row in connection.execute(query)
            ]

    def shown(self, annotator: int, item_id: int) -> Shown | None:
        """What the annotator sees of one of their items; None if it is not theirs."""
        item, pair = tables.item, tables.pair
        query = (
            sa.select(item.c.flipped, pair.c.first_text, pair.c.second_text, tables.document.c.text)
            .select_from(item.join(pair).join(tables.document))
            .where(item.c.id == item_id, item.c.annotator_id == annotator)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        left, right = (row.second_text, row.first_text) if row.flipped else (row.first_text, row.second_text)
        return Shown(row.text, left, right)

    def save(self, item_id: int, answer: Answer, *, bases: Collection[str], write_id: str) -> int | None:
        """Add an answer as the newest version; that version, or None if it was made on another than the newest.

        Sending the newest write again changes nothing and gives its version again.

        Args:
            item_id: what is answered.
            answer: all of the answer, not only what is new.
            bases: names of the writes on any of which the answer may build; "" is the item without an answer.
            write_id: a name of this write's own.
        """
        for _ in range(2):
            try:
                return self._try_save(item_id, answer, bases, write_id)
            except sa.exc.IntegrityError:  # another save came between our look and our write: look again
                continue
        return None

    def _try_save(self, item_id: int, answer: Answer, bases: Collection[str], write_id: str) -> int | None:
        with self._engine.begin() as connection:
            before = tables.answer
            query = sa.select(before).where(before.c.item_id == item_id).order_by(before.c.version.desc()).limit(1)
            newest = connection.execute(query).one_or_none()
            version, newest_id = (newest.version, newest.write_id) if newest is not None else (0, "")
            if newest_id == write_id:
                return int(version) if _answer(newest) == answer else None
            if newest_id not in bases:
                return None
            head = {"item_id": item_id, "version": version + 1, "write_id": write_id, "saved_at": now()}
            connection.execute(tables.answer.insert(), [{**head, **asdict(answer)}])
        return int(version) + 1

    def documents(self) -> dict[str, str]:
        """The text of each document, by its name."""
        query = sa.select(tables.document.c.name, tables.document.c.text)
        with self._engine.connect() as connection:
            return {row.name: row.text for row in connection.execute(query)}

    def judgements(self) -> list[Judgement]:
        """Everything said so far, at its newest, in the order of annotators and positions."""
        item, pair, who = tables.item, tables.pair, tables.annotator
        query = (
            sa.select(item, pair, *tables.answer.c, who.c.name.label("who"), tables.document.c.name.label("document"))
            .select_from(item.join(pair).join(who).join(tables.document).join(tables.answer, _answered))
            .order_by(item.c.annotator_id, item.c.position)
        )
        with self._engine.connect() as connection:
            return [_judgement(row) for row in connection.execute(query)]


def new_token() -> str:
    """A secret of 192 random bits, safe in a URL."""
    return secrets.token_urlsafe(24)


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


# Looked up item by item in the primary key, which stays fast however many answers there are.
_older = tables.answer.alias()
_answered = sa.and_(
    tables.answer.c.item_id == tables.item.c.id,
    tables.answer.c.version
    == sa.select(sa.func.max(_older.c.version)).where(_older.c.item_id == tables.item.c.id).scalar_subquery(),
)


def _document_rows(plan: Plan) -> list[dict[str, Any]]:
    documents = {pair.document.id: pair.document for pair in plan.pairs}
    return [
        {"id": number, "name": document.id, "text": document.text}
        for number, document in enumerate(documents.values(), 1)
    ]


def _pair_rows(plan: Plan) -> list[dict[str, Any]]:
    numbers = {row["name"]: row["id"] for row in _document_rows(plan)}
    return [
        {
            "id": number,
            "document_id": numbers[pair.document.id],
            "first": pair.first,
            "second": pair.second,
            "first_text": pair.first_text,
            "second_text": pair.second_text,
            "is_check": pair.check,
        }
        for number, pair in enumerate(plan.pairs, 1)
    ]


def _item_rows(plan: Plan) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    position = 0
    for number, item in enumerate(plan.items, 1):
        position = position + 1 if rows and rows[-1]["annotator_id"] == item.annotator + 1 else 0
        rows.append(
            {
                "id": number,
                "annotator_id": item.annotator + 1,
                "pair_id": item.pair + 1,
                "position": position,
                "flipped": item.flipped,
                "is_repeat": item.repeat,
            }
        )
    return rows


def _answer(row: Any) -> Answer:
    if row.version is None:
        return Answer()
    return Answer(row.choices, row.comment, row.marks, row.seconds)


def _judgement(row: Any) -> Judgement:
    signs = {"left": -1 if row.flipped else 1, "equal": 0, "right": 1 if row.flipped else -1}
    sides = {"left": "second" if row.flipped else "first", "right": "first" if row.flipped else "second"}
    return Judgement(
        annotator=row.who,
        item=row.item_id,
        pair=row.pair_id,
        document=row.document,
        first=row.first,
        second=row.second,
        check=row.is_check,
        repeat=row.is_repeat,
        flipped=row.flipped,
        position=row.position + 1,
        choices={attribute: signs[row.choices[attribute]] for attribute in ATTRIBUTES if attribute in row.choices},
        comment=row.comment,
        marks=[{**mark, "side": sides[mark["side"]]} for mark in row.marks],
        seconds=row.seconds,
        saved_at=row.saved_at,
    )
