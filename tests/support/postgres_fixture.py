"""A throw-away PostgreSQL of Debian's, for tests marked real_postgres."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from debian import install

PASSWORD = "s3cret+word"


@dataclass(frozen=True)
class Postgres:
    """A server that answers on 127.0.0.1; it wants a password."""

    port: int

    def url(self, password: str = PASSWORD, port: int | None = None) -> str:
        return f"postgresql://tester:{password}@127.0.0.1:{port or self.port}/structures"


def _programs() -> Path | None:
    """Where initdb and pg_ctl are: the latest of the versions that Debian keeps side by side."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    return found[-1].parent if found else None


def _version(path: Path) -> float:
    return float(path.parts[4])


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _needs() -> str | None:
    try:
        import psycopg2  # noqa: F401
    except ImportError:
        return "psycopg2 is not installed: pip install '.[postgres]'"
    return install("postgresql", _programs)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Its data are in a folder of its own, and go with it."""
    reason = _needs()
    if reason:
        message = f"no PostgreSQL to test with: {reason}"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    programs = _programs()
    assert programs is not None
    # A short path: a socket's may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="hpctrain-pg-", dir="/tmp"))
    root = os.getuid() == 0
    if root:
        shutil.chown(folder, "postgres", "postgres")
    # The server refuses to run as root.
    owner: dict[str, Any] = (
        {"user": "postgres", "group": "postgres", "extra_groups": []} if root else {}
    )
    port, data = _free_port(), str(folder / "data")

    def call(program: str, *arguments: str, words: str = "") -> None:
        # To a file: the server keeps what it was given open, and a pipe would never end.
        with (folder / "out").open("w+") as out:
            done = subprocess.run(
                [str(programs / program), *arguments],
                cwd=folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "PGPASSWORD": PASSWORD},
                input=words,
                stdout=out,
                stderr=out,
                text=True,
                timeout=120,
                **owner,
            )
            out.seek(0)
            assert done.returncode == 0, out.read()

    def client(program: str, *arguments: str, words: str = "") -> None:
        where = ["-h", "127.0.0.1", "-p", str(port), "-U", "tester"]
        call(program, *where, *arguments, words=words)

    try:
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        call("initdb", "-D", data, "-U", "tester", "-A", "scram-sha-256", "-E", "UTF8",
             "--locale=C", f"--pwfile={folder / 'password'}", "--no-sync")  # fmt: skip
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        try:
            call("pg_ctl", "-D", data, "-w", "-t", "60", "-l", str(folder / "log"),
                 "-o", options, "start")  # fmt: skip
            client("createdb", "structures")
            yield Postgres(port)
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
