"""A small study, made the way ``quals study new`` makes one, on SQLite or on a PostgreSQL server of our own."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quals.io.systems import Document, Systems
from quals.study.new import StudySettings, plan_study
from quals.study.records import ATTRIBUTES, Answer
from quals.study.store import Store

_WORDS = ["apple", "bridge", "castle", "dragon", "engine", "forest", "garden", "harbour", "island", "jacket"]


def make_documents(count: int, systems: tuple[str, ...] = ("conseq", "mle")) -> list[Document]:
    """Documents of different lengths, whose summaries are about nothing but themselves."""
    topics = [f"{_WORDS[number % 10]}{number}" for number in range(count)]
    return [
        Document(
            f"d{number}",
            f"A text about the {topic}. " + "And so on. " * number,
            {system: f"The {topic} as {number} told." for number, system in enumerate(systems)},
        )
        for number, topic in enumerate(topics)
    ]


def make_systems(count: int, systems: tuple[str, ...] = ("conseq", "mle")) -> Systems:
    return Systems(systems, tuple(make_documents(count, systems)), "id")


MakeStore = Callable[..., Store]


@pytest.fixture
def make_store(tmp_path: Path) -> MakeStore:
    def make(
        *,
        where: str | None = None,
        systems: Systems | None = None,
        names: tuple[str, ...] = ("Ann", "Ben"),
        **settings: int,
    ) -> Store:
        chosen = StudySettings(**{"documents": 4, "judgements": 2, **settings})
        plan = plan_study(systems or make_systems(8), chosen, names)
        where = where or str(tmp_path / "study.sqlite")
        return Store.create(where, plan, names, title="A study", settings=chosen.to_dict())

    return make


def answer(consistency: str, informativeness: str = "equal", grammar: str = "equal", **more: object) -> Answer:
    choices = dict(zip(ATTRIBUTES, (consistency, informativeness, grammar), strict=True))
    return Answer(choices, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Gives the URL of a new, empty database each time it is called."""
    programs = shutil.which("initdb") or max(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default="")
    if not programs:
        pytest.skip("PostgreSQL is not installed")
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() == 0 and user not in {entry.pw_name for entry in pwd.getpwall()}:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    # The path of a socket is limited to about 100 characters: pytest's own folders can be too deep.
    folder = Path(subprocess.check_output(["mktemp", "-d", "/tmp/quals-pg-XXXXXX"], text=True).strip())
    if os.getuid() == 0:
        shutil.chown(folder, user)

    def run(program: str, *arguments: str) -> None:
        command = [str(Path(programs).resolve().parent / program), *arguments]
        subprocess.run(command, user=user if os.getuid() == 0 else None, cwd=folder, check=True, capture_output=True)

    run("initdb", "-D", f"{folder}/data", "-U", "quals", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    run("pg_ctl", "-D", f"{folder}/data", "-w", "-l", f"{folder}/log", "-o", options, "start")
    databases = iter(range(1000))

    def create() -> str:
        name = f"study{next(databases)}"
        run("createdb", "-h", str(folder), "-U", "quals", name)
        return f"postgresql://quals@/{name}?host={folder}"

    try:
        yield create
    finally:
        run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a study, once in each kind of database."""
    if request.param == "sqlite":
        return str(tmp_path / "study.sqlite")
    create: Callable[[], str] = request.getfixturevalue("postgres")
    return create()
