"""A practice Slurm in a folder, for tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from waiting import wait_for

SCRIPTS = {
    "ok.sh": "#!/bin/bash\nexit 0\n",
    "fail.sh": "#!/bin/bash\nexit 3\n",
    "sleep.sh": "#!/bin/bash\nsleep 60\n",
    "sig.sh": "#!/bin/bash\nsleep 60\n",
    "killed.sh": "#!/bin/bash\nkill -9 $$\n",
    "env.sh": "#!/bin/bash\nenv\n",
    "crlf.sh": "#!/bin/bash\r\nexit 0\r\n",
    "empty.sh": "",
    "noshebang.sh": "exit 0\n",
    "headbad.sh": "#!/bin/bash\n#SBATCH --nonsense\nexit 0\n",
    "headtime.sh": "#!/bin/bash\n#SBATCH --time=blah\nexit 0\n",
}
OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")


class Cluster:
    def __init__(self, cwd: Path, folder: Path) -> None:
        self.cwd = cwd
        self.folder = folder
        cwd.mkdir(parents=True)
        folder.mkdir(parents=True)
        for name, text in SCRIPTS.items():
            (cwd / name).write_bytes(text.encode())

    def real(self, *words: str, text: str = "") -> tuple[int, str, str]:
        reply = subprocess.run(
            words, cwd=self.cwd, capture_output=True, text=True, timeout=60, input=text
        )
        return reply.returncode, reply.stdout, reply.stderr

    def call(self, *words: str, text: str = "") -> tuple[int, str, str]:
        prefix = (sys.executable, "-m", "hpctrain.schedulers.practice_cluster", str(self.folder))
        return self.real(*prefix, *words, text=text)

    def submit(self, script: str, *options: str, words: tuple[str, ...] = ()) -> str:
        """The number of a job with this script."""
        path = self.cwd / f"script-{len(list(self.cwd.iterdir()))}.sh"
        path.write_text(script)
        code, out, err = self.call("sbatch", "--parsable", *options, str(path), *words)
        assert (code, err) == (0, "")
        return out.strip()

    def states(self) -> dict[str, str]:
        code, out, err = self.call("squeue", "--me", "-h", "-t", "all", "-o", "%i %T")
        assert (code, err) == (0, "")
        return dict(line.split(" ", 1) for line in out.splitlines())

    def until(self, number: str, state: str) -> None:
        def there() -> bool:
            seen = self.states()[number]
            assert seen == state or seen not in OVER, seen
            return seen == state

        wait_for(there, 20, f"job {number} is {state}")

    def clear(self) -> None:
        """Nothing of it goes on."""
        (self.folder / "down").unlink(missing_ok=True)
        self.call("scancel", "--me")
        left = ("RUNNING", "COMPLETING")
        wait_for(lambda: not set(left) & set(self.states().values()), 20, "the jobs are over")
