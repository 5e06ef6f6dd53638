#!/usr/bin/env bash
# run.sh PYTHON [pytest arguments…]: the tests, with throw-away Slurms beside them where they can be
# had. Where not, tests/support/slurm_fixture.py skips what needs one and says why (fails it, with CI
# set). Several processes run the tests, each with a Slurm of its own: many tests wait.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 1 ] || { echo "usage: run.sh PYTHON [pytest arguments...]" >&2; exit 2; }
python=$1
shift

work=$(mktemp -d /tmp/hpctrain-slurm.XXXXXX) || exit 1
tidy() {
    for cluster in "$work"/*/; do bash "$here/slurm.sh" stop "$cluster"; done
    rm -rf "$work"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$work" # munge wants its socket reachable

# What is compiled once serves all processes: here, while the Slurm is installed.
unset PYTHONDONTWRITEBYTECODE
"$python" -m pytest --collect-only --quiet "$@" >/dev/null 2>&1 &

unset SLURM_CONF HPCTRAIN_TEST_CLUSTERS HPCTRAIN_TEST_SLURM_REASON
if bash "$here/slurm.sh" install >"$work/log" 2>&1; then
    export HPCTRAIN_TEST_CLUSTERS=$work
else
    HPCTRAIN_TEST_SLURM_REASON=$(tail -n 1 "$work/log")
    export HPCTRAIN_TEST_SLURM_REASON
    [ -z "${CI-}" ] || cat "$work/log" >&2
fi
wait $!
"$python" -m pytest --numprocesses "${TEST_PROCESSES:-6}" --dist loadgroup "$@"
