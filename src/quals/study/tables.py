"""The tables of a study's database, and opening one: an SQLite file or a PostgreSQL URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from quals.errors import InputError, MissingExtraError

try:
    import sqlalchemy as sa
except ImportError as error:
    raise MissingExtraError("quals study", "study") from error

FORMAT = 1  # raised when the tables change

metadata = sa.MetaData()

study = sa.Table(
    "study",
    metadata,
    sa.Column("format", sa.Integer, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("token", sa.String(64), nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
)

document = sa.Table(
    "document",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

pair = sa.Table(
    "pair",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("document_id", sa.ForeignKey("document.id"), nullable=False),
    sa.Column("first", sa.Text, nullable=False),
    sa.Column("second", sa.Text, nullable=False),
    sa.Column("first_text", sa.Text, nullable=False),
    sa.Column("second_text", sa.Text, nullable=False),
    sa.Column("is_check", sa.Boolean, nullable=False),
)

annotator = sa.Table(
    "annotator",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("token", sa.String(64), nullable=False, unique=True),
)

item = sa.Table(
    "item",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("annotator_id", sa.ForeignKey("annotator.id"), nullable=False, index=True),
    sa.Column("pair_id", sa.ForeignKey("pair.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("flipped", sa.Boolean, nullable=False),
    sa.Column("is_repeat", sa.Boolean, nullable=False),
)

# Every save adds a row, so nothing an annotator has said is ever lost. The primary key is what decides
# between two tabs that save at once; the write id is what makes a save that is sent again harmless.
answer = sa.Table(
    "answer",
    metadata,
    sa.Column("item_id", sa.ForeignKey("item.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("write_id", sa.String(64), nullable=False),
    sa.Column("choices", sa.JSON, nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("marks", sa.JSON, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("saved_at", sa.String(32), nullable=False),
    sa.UniqueConstraint("item_id", "write_id"),
)


@contextmanager
def new_tables(where: str) -> Iterator[sa.Connection]:
    """A connection to a new study, kept if the block succeeds: all of it is made, or nothing.

    Raises:
        InputError: there is a file or a study already, or the database cannot be used.
    """
    if not _is_url(where):
        try:  # the file holds the annotators' links: for its owner's eyes only
            os.close(os.open(where, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise InputError(f"cannot be created: {error.strerror}", file=where) from error
    engine = _engine(where)
    try:
        with engine.begin() as connection:
            if sa.inspect(connection).has_table("study"):
                raise InputError("this database already holds a study", file=_shown(engine))
            metadata.create_all(connection)
            yield connection
    except BaseException as error:
        if not _is_url(where):
            Path(where).unlink()
        if isinstance(error, sa.exc.SQLAlchemyError):
            raise _unusable(engine, error) from error
        raise
    finally:
        engine.dispose()


def open_tables(where: str) -> sa.Engine:
    """An engine on a study made before.

    Raises:
        InputError: there is no study, or one that another version of this package has made.
    """
    if not _is_url(where) and not Path(where).is_file():
        raise InputError("no such study; make one with 'quals study new'", file=where)
    engine = _engine(where)
    try:
        with engine.connect() as connection:
            found = connection.scalar(sa.select(study.c.format))
    except sa.exc.SQLAlchemyError as error:
        raise _unusable(engine, error) from error
    if found != FORMAT:
        raise InputError(f"a study of format {found}; this version of quals reads {FORMAT}", file=_shown(engine))
    return engine


def _is_url(where: str) -> bool:
    return where.startswith(("postgresql:", "postgresql+psycopg:", "postgres:"))


def _engine(where: str) -> sa.Engine:
    if not _is_url(where):
        engine = sa.create_engine(sa.URL.create("sqlite", database=where), connect_args={"timeout": 30})
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return engine
    try:
        url = sa.make_url(where).set(drivername="postgresql+psycopg")
        return sa.create_engine(url, pool_pre_ping=True)
    except sa.exc.ArgumentError as error:
        raise InputError("not a PostgreSQL URL like postgresql://user@host/database") from error
    except ImportError as error:
        raise MissingExtraError("a study in PostgreSQL", "study") from error


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions late and unlocked: of two that read and then write, one would
    # fail at once instead of waiting. So it is told to keep out, and each begins with the lock held.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")


def _shown(engine: sa.Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _unusable(engine: sa.Engine, error: sa.exc.SQLAlchemyError) -> InputError:
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    return InputError(f"not a usable study: {reason}", file=_shown(engine))
