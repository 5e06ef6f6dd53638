"""The programs of the practice PBS, with everything imported once: each call is a fork of that.

Else most of the time of these tests would be Python's, beginning. What a caller starts is still a
program of that name, in a process of its own, with its arguments, folder, environment and output.
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
import signal
import socket
import sys
import traceback
from pathlib import Path

from hpctrain.schedulers.practice_cluster import __main__ as practice
from hpctrain.schedulers.practice_cluster.pbs import main as pbs  # noqa: F401  else imported by every call

# Only what a bare interpreter has loaded anyway.
CLIENT = """#!{python} -IS
import _socket, marshal, os, sys
asked = marshal.dumps((os.getcwd(), {words!r} + sys.argv[1:], dict(os.environ)))
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
server.connect({address!r})
mine = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
server.sendmsg([len(asked).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, mine)])
while asked:
    asked = asked[server.send(asked):]
code = server.recv(1)
os._exit(code[0] if code else 70)
"""


def put_programs(folder: Path, address: Path) -> None:
    """The programs of the practice PBS in ``folder``, in its ``bin``; the server is at address."""
    (folder / "bin").mkdir(parents=True)
    for name in practice.PROGRAMS["pbs"]:
        path = folder / "bin" / name
        words = [str(folder), name]
        path.write_text(CLIENT.format(python=sys.executable, words=words, address=str(address)))
        path.chmod(0o755)


def serve(address: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    while True:
        caller, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            answer(caller)
        caller.close()


def answer(caller: socket.socket) -> None:
    """Be the program that was called, to its end."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        length, descriptors, _, _ = socket.recv_fds(caller, 8, 3)
        left, asked = int.from_bytes(length, "big"), b""
        while len(asked) < left:
            asked += caller.recv(left - len(asked))
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        folder, words, environment = marshal.loads(asked)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        code = practice.main(words)
        sys.stdout.flush()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 (told, as Python itself tells it)
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
            caller.send(bytes([code & 255]))
        os._exit(code & 255)


if __name__ == "__main__":
    serve(sys.argv[1])
