#!/usr/bin/env bash
# A throw-away one-node Slurm with accounting, for tests. Needs root; needs no systemd.
#
#   slurm.sh install      the Debian packages, if missing (exit 3: not possible here)
#   slurm.sh start DIR    everything it writes is in DIR; prints what a client must export
#   slurm.sh stop DIR     ends what start began, and nothing else
#   slurm.sh status DIR   exit 0 if it answers
#
# Two of them on one machine do not meet: ports, sockets and databases are their own.
set -u
PATH=$PATH:/usr/sbin:/sbin

packages=(slurmctld slurmd slurm-client slurmdbd munge mariadb-server-core mariadb-client-core)
programs=(slurmctld slurmd slurmdbd sbatch sacctmgr munged mariadbd mariadb-install-db mariadb)

say() { printf 'slurm.sh: %s\n' "$*" >&2; }

not_here() { # one line that says why; run.sh passes it on to the tests that are skipped
    say "$*"
    exit 3
}

missing_programs() {
    local program
    for program in "${programs[@]}"; do
        command -v "$program" >/dev/null || printf '%s ' "$program"
    done
}

install() {
    local missing policy=/usr/sbin/policy-rc.d added=
    missing=$(missing_programs)
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || not_here "missing: ${missing}(not a Debian: install them by hand)"
    [ "$(id -u)" = 0 ] || not_here "missing: ${missing}(not root: cannot install them)"
    # The packages would start the machine's own services; ours are private.
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && added=yes
    fi
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-get install -y -q --no-install-recommends "${packages[@]}" ||
            { apt-get update -q && apt-get install -y -q --no-install-recommends "${packages[@]}"; }
    } >&2 </dev/null
    [ -z "$added" ] || rm -f $policy
    missing=$(missing_programs)
    [ -z "$missing" ] || not_here "apt-get did not bring: $missing"
}

# ---------------------------------------------------------------- helpers

await() { # SECONDS WHAT COMMAND…: until the command succeeds
    local end=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            say "gave up waiting: $what"
            return 1
        fi
        sleep 0.1
    done
}

free_port() { # below the ephemeral range, so that no client socket takes it in between
    local port
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        case " ${ports_taken-} " in *" $port "*) continue ;; esac
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
        ports_taken="${ports_taken-} $port"
        found_port=$port
        return
    done
}

launch() { # NAME COMMAND…
    local name=$1
    shift
    SLURM_CONF=$dir/slurm.conf setsid "$@" >>"$dir/log/$name.out" 2>&1 </dev/null &
    echo $! >"$dir/pids/$name"
}

is_ours() { # a pid file may be old, and its number another program's by now
    grep -qzxF "SLURM_CONF=$dir/slurm.conf" "/proc/$1/environ" 2>/dev/null
}

our_jobs() { # what runs in a job leaves slurmd's process tree; its environment still tells whose it is
    local environ pid
    for environ in $(grep -lzxF "SLURM_CONF=$dir/slurm.conf" /proc/[0-9]*/environ 2>/dev/null); do
        pid=${environ#/proc/}
        pid=${pid%/environ}
        if grep -qzE '^SLURMD_NODENAME=' "$environ" 2>/dev/null; then echo "$pid"; fi
    done
}

our_steps() {
    local pid
    for pid in $(grep -lx slurmstepd /proc/[0-9]*/comm 2>/dev/null | tr -dc '0-9\n'); do
        if is_ours "$pid"; then echo "$pid"; fi
    done
}

is_gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null; }

end() { # PID SECONDS
    kill -TERM "$1" 2>/dev/null
    await "$2" "end of process $1" is_gone "$1" || kill -KILL "$1" 2>/dev/null
}

node_is_idle() { [ "$(sinfo --noheader -p cpu -o %T)" = idle ]; }

sql() { mariadb --no-defaults --socket="$dir/run/mariadb.sock" -u root "$@"; }

# ---------------------------------------------------------------- the configuration

configure() {
    local host cores memory secret cpu_port dbd_port node_port sql_port
    host=$(hostname -s)
    cores=$(nproc)
    memory=$(awk '/^MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo)
    secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    free_port && cpu_port=$found_port
    free_port && node_port=$found_port
    free_port && dbd_port=$found_port
    free_port && sql_port=$found_port

    mkdir -p "$dir"/{log,pids,run,state,spool}
    chmod 755 "$dir" # munge wants its socket reachable
    od -An -N128 -tx1 /dev/urandom | tr -d ' \n' >"$dir/munge.key"
    chmod 400 "$dir/munge.key"
    printf '%s\n' "$sql_port" >"$dir/sql.port"
    printf '%s\n' "$secret" >"$dir/sql.secret"
    chmod 600 "$dir/sql.secret"

    cat >"$dir/slurm.conf" <<CONF
ClusterName=throwaway
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge.sock
CryptoType=crypto/munge
SlurmctldPort=$cpu_port
SlurmdPort=$node_port
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.log
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
ReturnToService=2
RebootProgram=/bin/false
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=0
PriorityType=priority/basic
MinJobAge=5
KillWait=3
CompleteWait=0
InactiveLimit=0
MessageTimeout=5
SlurmctldTimeout=30
SlurmdTimeout=30
TCPTimeout=2
JobRequeue=1
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$dbd_port
AccountingStoragePass=$dir/run/munge.sock
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment,job_script
GresTypes=gpu
DefMemPerCPU=100
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores RealMemory=$memory Feature=throwaway,gpu Gres=gpu:a100:2 State=UNKNOWN
PartitionName=cpu Nodes=$host Default=YES MaxTime=1-00:00:00 DefaultTime=01:00:00 State=UP
PartitionName=short Nodes=$host MaxTime=00:10:00 State=UP
CONF
    # Slurm counts GPUs by their files and never opens them here: two empty files will do.
    touch "$dir/run/gpu0" "$dir/run/gpu1"
    printf 'AutoDetect=off\nNodeName=%s Name=gpu Type=a100 File=%s\n' \
        "$host" "$dir/run/gpu[0-1]" >"$dir/gres.conf"
    case "$(slurmd -V)" in # since 23.11 slurmd looks for cgroups even when no plugin needs them
        *" 2"[0-2].* | *" 23.02"*) : ;;
        *) printf 'CgroupPlugin=disabled\n' >"$dir/cgroup.conf" ;;
    esac
    cat >"$dir/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge.sock
DbdAddr=127.0.0.1
DbdHost=localhost
DbdPort=$dbd_port
SlurmUser=root
LogFile=$dir/log/slurmdbd.log
PidFile=$dir/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$sql_port
StorageUser=slurm
StoragePass=$secret
StorageLoc=slurm_acct_db
CONF
    chmod 600 "$dir/slurmdbd.conf"
}

# ---------------------------------------------------------------- start, stop, status

start_database() {
    # A database that starts removes the temporary tables of all others from a TMPDIR they share
    # (MariaDB 10.11: "Unknown table 'mysql.tmp_user_sys'", in one of twelve starts side by side).
    local -x TMPDIR=$dir/run/tmp
    mkdir -p "$TMPDIR"
    mariadb-install-db --no-defaults --user=root --datadir="$dir/mariadb" --skip-test-db \
        --auth-root-authentication-method=normal >"$dir/log/mariadb-install.out" 2>&1 || return 1
    launch mariadb mariadbd --no-defaults --user=root --datadir="$dir/mariadb" \
        --socket="$dir/run/mariadb.sock" --pid-file="$dir/run/mariadb.pid" \
        --bind-address=127.0.0.1 --port="$(cat "$dir/sql.port")" --skip-name-resolve \
        --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=60 \
        --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --skip-log-bin
    await 30 "the database" sql -e 'select 1' || return 1
    sql <<SQL
create database slurm_acct_db;
create user slurm@'127.0.0.1' identified by '$(cat "$dir/sql.secret")';
grant all on slurm_acct_db.* to slurm@'127.0.0.1';
alter user root@localhost identified by '$(cat "$dir/sql.secret")';
SQL
}

start_daemons() {
    launch munge munged --foreground --force --key-file="$dir/munge.key" \
        --socket="$dir/run/munge.sock" --pid-file="$dir/run/munged.pid" \
        --log-file="$dir/log/munged.log" --seed-file="$dir/run/munged.seed" --num-threads=4
    start_database || return 1
    await 10 "munge" munge --socket="$dir/run/munge.sock" --no-input || return 1
    launch slurmdbd slurmdbd -D
    await 30 "slurmdbd" sacctmgr --noheader list cluster || return 1
    sacctmgr -i -Q add cluster throwaway >>"$dir/log/sacctmgr.out" 2>&1
    sacctmgr -i -Q add qos long >>"$dir/log/sacctmgr.out" 2>&1
    sacctmgr -i -Q add account materials Cluster=throwaway QOS=normal,long DefaultQOS=normal \
        >>"$dir/log/sacctmgr.out" 2>&1
    sacctmgr -i -Q add user root Account=materials DefaultAccount=materials Cluster=throwaway \
        >>"$dir/log/sacctmgr.out" 2>&1
    launch slurmctld slurmctld -D -i -f "$dir/slurm.conf"
    launch slurmd slurmd -D -f "$dir/slurm.conf"
    await 30 "an idle node" node_is_idle || return 1
    await 10 "accounting" accounting_answers
}

# Only a registered controller sends job records; before that they are kept, and come late.
accounting_answers() {
    sacct -X --noheader && [ "$(sacctmgr --noheader -P list cluster format=ControlPort)" != 0 ]
}

start() {
    [ "$(id -u)" = 0 ] || not_here "not root: Slurm's daemons cannot be started"
    local missing
    missing=$(missing_programs)
    [ -z "$missing" ] || not_here "missing: $missing(slurm.sh install)"
    mkdir -p "$dir" || exit 1
    if [ ${#dir} -gt 80 ]; then
        not_here "$dir: too long a path for a socket"
    fi
    stop
    # What an unclean stop left behind; DIR is ours, but only these names are.
    rm -rf "$dir"/{log,pids,run,state,spool,mariadb,munge.key,sql.port,sql.secret}
    configure
    export SLURM_CONF=$dir/slurm.conf
    if ! start_daemons; then
        tail -n 15 "$dir"/log/* >&2
        stop
        say "Slurm did not start; logs are in $dir/log"
        exit 1
    fi
    printf 'export SLURM_CONF=%s\n' "$dir/slurm.conf"
}

stop() {
    [ -d "$dir/pids" ] || return 0
    local name pid
    # Nothing is worth keeping, so jobs are not cancelled first: that takes KillWait and more.
    for name in slurmctld slurmd jobs slurmdbd mariadb munge; do
        if [ $name = jobs ]; then
            for pid in $(our_jobs); do kill -KILL "$pid" 2>/dev/null; done
            for pid in $(our_steps); do end "$pid" 1 2>/dev/null; done
            continue
        fi
        pid=$(cat "$dir/pids/$name" 2>/dev/null)
        if [ -n "$pid" ] && is_ours "$pid"; then end "$pid" 10; fi
        rm -f "$dir/pids/$name"
    done
}

status() {
    [ -f "$dir/slurm.conf" ] || { say "$dir: no cluster"; return 1; }
    SLURM_CONF=$dir/slurm.conf timeout 10 sinfo || return 1
}

command=${1-}
case "$command" in
    install) install ;;
    start | stop | status)
        [ -n "${2-}" ] || { say "usage: slurm.sh $command DIR"; exit 2; }
        dir=$(realpath -m -- "$2")
        "$command"
        ;;
    *) say "usage: slurm.sh install | start DIR | stop DIR | status DIR"; exit 2 ;;
esac
