#!/usr/bin/env bash
# run.sh PYTHON [pytest arguments…]: the tests, with a throw-away Slurm beside them where one can
# be had. Where not, tests/support/slurm_fixture.py skips what needs it and says why (fails it, with CI set).
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 1 ] || { echo "usage: run.sh PYTHON [pytest arguments...]" >&2; exit 2; }
python=$1
shift

work=$(mktemp -d /tmp/hpctrain-slurm.XXXXXX) || exit 1
tidy() {
    bash "$here/slurm.sh" stop "$work/cluster"
    rm -rf "$work"
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
chmod 755 "$work" # munge wants its socket reachable

unset SLURM_CONF HPCTRAIN_TEST_SLURM HPCTRAIN_TEST_SLURM_REASON
if { bash "$here/slurm.sh" install && bash "$here/slurm.sh" start "$work/cluster"; } \
    >"$work/log" 2>&1; then
    export HPCTRAIN_TEST_SLURM=$work/cluster SLURM_CONF=$work/cluster/slurm.conf
else
    HPCTRAIN_TEST_SLURM_REASON=$(tail -n 1 "$work/log")
    export HPCTRAIN_TEST_SLURM_REASON
    [ -z "${CI-}" ] || cat "$work/log" >&2
fi
"$python" -m pytest "$@"
