# What a job script reads first. From here on a line that fails ends the attempt, with its reason in
# the attempt's result.json. As with `set -e`, a command behind `if`, or before || or &&, may fail.
#
# This is shell, because what is missing may be the trainer's Python.

hpctrain_run=${BASH_SOURCE[0]%/job/before.sh}
hpctrain_attempt=${1:-1}
hpctrain_output=/proc/$$/fd/2
hpctrain_offset=
# What is in the output already is of an earlier job, or of a login shell.
[ ! -f "$hpctrain_output" ] || hpctrain_offset=$(wc -c <"$hpctrain_output")

# Print the lines of the output that tell of an error.
hpctrain_errors() {
    [ -z "$hpctrain_offset" ] || tail -c "+$((hpctrain_offset + 1))" "$hpctrain_output" |
        grep -iE 'error|no such|not found|cannot|could not|unable|denied|fail'
}

# Where modules fail without an exit code: Environment Modules before 4.0, and any module function
# whose program is missing on the node. Each prints an error, and the module is not in the list.
are_loaded() {
    local name
    [ -n "$(hpctrain_errors)" ] || return 0
    for name in $*; do
        case $name in -*) continue ;; esac
        case :${LOADEDMODULES-} in *":$name"*) continue ;; esac
        hpctrain_command="module load $name"
        return 1
    done
}

# Print what the output says of an error, else its last two lines.
hpctrain_last_words() {
    local errors
    [ -n "$hpctrain_offset" ] || return 0
    # Without the name of the script that bash puts before its own messages.
    errors=$(hpctrain_errors | tail -n 2 | sed 's|^/.*: line [0-9]*: ||')
    [ -z "$errors" ] || { echo "$errors"; return; }
    tail -c "+$((hpctrain_offset + 1))" "$hpctrain_output" | grep '[^[:space:]]' | tail -n 2
}

# Leave claim.json and result.json, as job/attempt.py does.
hpctrain_tell() { # reason
    local number=$hpctrain_attempt id=${HPCTRAIN_LOCAL_JOB_ID:-${SLURM_JOB_ID:-${PBS_JOBID-}}}
    local folder claim result reason now
    # A job that Slurm has put back into the queue is the next attempt.
    [ -n "${HPCTRAIN_LOCAL_JOB_ID-}" ] || number=$((number + ${SLURM_RESTART_COUNT:-0}))
    [ ! -e "$hpctrain_run/cancel" ] || return 0
    # Of the jobs of a chain one tells it: the others would use up the attempts.
    grep -qs '"continuation": "chain"' "$hpctrain_run/job/settings.json" &&
        grep -qs '"begun": false' "$hpctrain_run"/attempts/*/result.json && return
    folder=$hpctrain_run/attempts/$(printf %02d "$number")
    claim=$folder/claim.json result=$folder/result.json now=$(date +%s)
    reason=$(tr -s '\n\t"\\' "  '/" <<<"$1" | tr -d '\000-\037' | tr '\177-\377' '?' | cut -c 1-600)
    mkdir -p "$folder" || return
    printf '{"host": "%s", "job_id": %s, "pid": %d, "time": %d}\n' \
        "$(uname -n)" "$([ -n "$id" ] && echo "\"$id\"" || echo null)" $$ "$now" >"$claim.$$"
    # A link, because it fails where another job has this attempt.
    if ln "$claim.$$" "$claim"; then
        printf '{"schema": "hpctrain.result/1", "attempt": %d, "begun": false, "state": "failed", "reason": "%s", "started": %d, "ended": %d}\n' \
            "$number" "${reason% }" "$now" "$now" >"$result.$$" && mv "$result.$$" "$result"
    fi
    rm -f "$claim.$$" "$result.$$"
}

hpctrain_end() { # exit code, command
    local code=$1 command=${hpctrain_command:-$2} said
    trap - ERR EXIT
    set +eufC +o pipefail
    unset IFS
    export LC_ALL=C PATH=$PATH:/usr/bin:/bin
    # Ended by a signal: the scheduler knows why.
    case $code in 0 | 129 | 130 | 138 | 143) return ;; esac
    [ -z "${hpctrain_line-}" ] || [ -n "${hpctrain_command-}" ] ||
        command=$(sed -n "${hpctrain_line}s/^ *//p" "$hpctrain_run/job.sh" 2>/dev/null)
    command=${command:-$2}
    said=$(hpctrain_last_words)
    case $said in *"module: command not found"*)
        said="$said (there is no module in this shell; on many clusters there is with shell: login)"
    esac
    echo "hpctrain: the attempt ends before its training: $command" >&2
    hpctrain_tell "before the training, $command failed (exit code $code): ${said:-it printed nothing}"
}

hpctrain_fail() { # exit code, line, depth
    # What fails inside a file that the script reads is that file's own affair.
    [ "$3" -gt 1 ] || { hpctrain_line=$2; exit "$1"; }
}

trap 'hpctrain_fail $? $LINENO ${#BASH_SOURCE[@]}' ERR
trap 'hpctrain_end $? "$BASH_COMMAND"' EXIT
# An exec that fails goes on to the end of the script, and is told like everything else.
shopt -s execfail
