#!/usr/bin/env bash
# A throw-away Slurm on this machine for tests: loopback only, no systemd, nothing outside its own folder.
#   cluster.sh install            apt-get install slurm, munge, slurmdbd and mariadb (needs root)
#   cluster.sh up                 start it and wait until both nodes are idle
#   cluster.sh kill-node N        kill the slurmd of node N; its jobs live on
#   cluster.sh start-node N       start it again
#   cluster.sh wipe               cancel jobs, stop what was started (by pid and start time), remove the folder
# Two pretend nodes n0 and n1 of two CPUs each; partition "work" can be preempted by "urgent".
# IGDM_SLURM_DIR: its folder, under /tmp. IGDM_SLURM_PORT: slurmctld; the others take the ports beside it.
set -euo pipefail
[[ ${1:-} == install ]] || : "${IGDM_SLURM_DIR:?set it to a folder under /tmp}"
ROOT=${IGDM_SLURM_DIR:-}
PORT=${IGDM_SLURM_PORT:-16817} # node i: PORT+1+i; slurmdbd: PORT-1; mariadbd: PORT-2
NODES=2 CPUS=2
SBIN=/usr/sbin
export SLURM_CONF=$ROOT/etc/slurm.conf
die() { printf 'cluster.sh: %s\n' "$*" >&2; exit 1; }

starttime() { # field 22 of /proc/PID/stat, read after the ")" that ends the command's name
  local s
  s=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  s=${s##*) }
  # shellcheck disable=SC2086
  set -- $s
  echo "${20}"
}
alive() { # is the process recorded under this name still that process?
  local p t
  [[ -f $ROOT/run/$1.pid ]] || return 1
  read -r p t <"$ROOT/run/$1.pid"
  [[ -n ${t:-} && $(starttime "$p" || true) == "$t" ]]
}
launch() { # name command...: in the foreground mode of the daemon, in a session of its own, pid and start time recorded
  local n=$1 p
  shift
  alive "$n" && return 0
  mkdir -p "$ROOT/run/cwd.$n"
  (cd "$ROOT/run/cwd.$n" && exec setsid "$@") >>"$ROOT/log/$n.out" 2>&1 </dev/null &
  p=$!
  disown "$p" 2>/dev/null || true
  for _ in 1 2 3 4 5; do starttime "$p" >/dev/null && break; sleep 0.1; done
  echo "$p $(starttime "$p" || echo gone)" >"$ROOT/run/$n.pid"
}
stop() { # names: TERM them all, wait 8 s at most, KILL what is left
  local n p t
  for n in "$@"; do if alive "$n"; then read -r p t <"$ROOT/run/$n.pid"; kill -TERM "$p" 2>/dev/null || true; fi; done
  for n in "$@"; do
    for _ in $(seq 80); do alive "$n" || break; sleep 0.1; done
    if alive "$n"; then read -r p t <"$ROOT/run/$n.pid"; kill -KILL "$p" 2>/dev/null || true; fi
    rm -f "$ROOT/run/$n.pid"
  done
}
wait_for() { # seconds command...
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do ((SECONDS < end)) || return 1; sleep 0.2; done
}
node_list() { seq 0 $((NODES - 1)); }

write_conf() {
  local me
  me=$(id -un)
  mkdir -p "$ROOT"/{etc,run,log,state,spool}
  chmod 700 "$ROOT/run"
  [[ -s $ROOT/etc/munge.key ]] || (umask 077; head -c 128 /dev/urandom >"$ROOT/etc/munge.key")
  {
    # cred_expire: a requeued job waits that long before it may start again; two minutes by default.
    cat <<CONF
ClusterName=laptop
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$PORT
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket=$ROOT/etc/munge.sock,cred_expire=5
CredType=cred/munge
SlurmUser=$me
SlurmdUser=$me
StateSaveLocation=$ROOT/state
SlurmdSpoolDir=$ROOT/spool/%n
SlurmctldPidFile=$ROOT/run/ctld.daemon
SlurmdPidFile=$ROOT/run/%n.daemon
SlurmctldLogFile=$ROOT/log/slurmctld.log
SlurmdLogFile=$ROOT/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=5,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=5
MinJobAge=3600
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((PORT - 1))
AccountingStoragePass=$ROOT/etc/munge.sock
MailProg=/bin/true
CONF
    for i in $(node_list); do
      echo "NodeName=n$i NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((PORT + 1 + i)) CPUs=$CPUS State=UNKNOWN"
    done
    echo "PartitionName=work Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 PreemptMode=REQUEUE GraceTime=20 State=UP"
    echo "PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=10 State=UP"
  } >"$SLURM_CONF"
}

start_accounting() { # mariadbd with its own data folder, socket and loopback port; slurmdbd
  local d=$ROOT/db me sql
  me=$(id -un)
  sql=(mariadb --no-defaults --socket="$ROOT/run/db.sock" -u root -e)
  if [[ ! -d $d/mysql ]]; then
    mariadb-install-db --no-defaults --datadir="$d" --user="$me" --auth-root-authentication-method=normal \
      --skip-test-db >"$ROOT/log/mariadb-install.out" 2>&1
  fi
  launch mariadbd "$SBIN/mariadbd" --no-defaults --datadir="$d" --user="$me" --socket="$ROOT/run/db.sock" \
    --pid-file="$ROOT/run/db.daemon" --bind-address=127.0.0.1 --port=$((PORT - 2)) --skip-name-resolve=0 \
    --innodb-buffer-pool-size=64M --innodb-log-file-size=16M --innodb-lock-wait-timeout=900 --performance-schema=OFF
  wait_for 60 mariadb-admin --no-defaults --socket="$ROOT/run/db.sock" -u root ping || die "mariadbd did not start"
  [[ -s $ROOT/etc/db.pass ]] || (umask 077; head -c 18 /dev/urandom | base64 | tr -d '/+=' >"$ROOT/etc/db.pass")
  "${sql[@]}" "create database if not exists slurm_acct_db"
  for host in localhost 127.0.0.1; do
    "${sql[@]}" "create or replace user slurm@'$host' identified by '$(cat "$ROOT/etc/db.pass")';
      grant all on slurm_acct_db.* to slurm@'$host'"
  done
  (
    umask 077
    cat >"$ROOT/etc/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$ROOT/etc/munge.sock
CommunicationParameters=NoInAddrAny
DbdAddr=127.0.0.1
DbdHost=localhost
DbdPort=$((PORT - 1))
SlurmUser=$me
LogFile=$ROOT/log/slurmdbd.log
PidFile=$ROOT/run/dbd.daemon
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((PORT - 2))
StorageUser=slurm
StoragePass=$(cat "$ROOT/etc/db.pass")
StorageLoc=slurm_acct_db
CONF
  )
  launch slurmdbd env SLURM_CONF="$ROOT/etc/slurmdbd.conf" "$SBIN/slurmdbd" -D
  wait_for 60 sacctmgr -n -i list cluster || die "slurmdbd did not start, see $ROOT/log/slurmdbd.log"
  [[ -n $(sacctmgr -n -P list cluster laptop format=cluster) ]] || sacctmgr -i -Q add cluster laptop >/dev/null
}
start_node() {
  mkdir -p "$ROOT/spool/n$1"
  launch "slurmd-n$1" "$SBIN/slurmd" -D -N "n$1" -f "$SLURM_CONF"
}
nodes_idle() { [[ $(sinfo -h -N -p work -t idle,mix,alloc -o %N 2>/dev/null | wc -l) -ge $NODES ]]; }

up() {
  for b in munged slurmctld slurmd slurmdbd mariadbd; do [[ -x $SBIN/$b ]] || die "$b is missing: cluster.sh install"; done
  alive slurmctld || write_conf
  launch munged "$SBIN/munged" --foreground --force --key-file "$ROOT/etc/munge.key" --socket "$ROOT/etc/munge.sock" \
    --pid-file "$ROOT/run/munged.daemon" --log-file "$ROOT/log/munged.log" --seed-file "$ROOT/run/munged.seed" \
    --num-threads 2 --origin 127.0.0.1
  wait_for 10 test -S "$ROOT/etc/munge.sock" || die "munged did not start, see $ROOT/log/munged.out"
  start_accounting
  launch slurmctld "$SBIN/slurmctld" -D -i -f "$SLURM_CONF"
  wait_for 30 scontrol ping || die "slurmctld did not start, see $ROOT/log/slurmctld.log"
  for i in $(node_list); do start_node "$i"; done
  wait_for 60 nodes_idle || { sinfo -N -l >&2; die "nodes are not ready, see $ROOT/log"; }
}
strays() { # what outlives slurmd: the slurmstepds it started (known by the folder our slurmd ran in), all that is below
  local p roots=" "
  for p in $(pgrep -x slurmstepd || true); do
    [[ $(readlink "/proc/$p/cwd" 2>/dev/null || true) == "$ROOT/run/cwd.slurmd-n"* ]] && roots+="$p "
  done
  [[ $roots == " " ]] && return 0
  ps -e -o pid=,ppid= | awk -v r="$roots" 'BEGIN{n=split(r,a," ");for(i=1;i<=n;i++)k[a[i]]=1} {par[$1]=$2}
    END{do{c=0;for(p in par)if(!(p in k)&&(par[p] in k)){k[p]=1;c=1}}while(c);for(p in k)print p}'
}
down() {
  local f n p d=()
  [[ -d $ROOT ]] || return 0
  if alive slurmctld; then
    timeout 10 scancel --user="$(id -un)" 2>/dev/null || true
    wait_for 12 bash -c '[[ -z $(squeue -h -t all -o %T | grep -E "RUNNING|COMPLETING|PENDING|SUSPENDED") ]]' || true
  fi
  for f in "$ROOT"/run/slurmd-n*.pid; do [[ -f $f ]] && { n=${f##*/}; d+=("${n%.pid}"); }; done
  stop slurmctld "${d[@]}"
  stop slurmdbd
  stop mariadbd
  for p in $(strays); do kill -KILL "$p" 2>/dev/null || true; done
  stop munged
}
case ${1:-} in
  install)
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm munge slurmdbd mariadb-server
    ;;
  up) up ;;
  kill-node)
    alive "slurmd-n$2" || die "n$2 is not running"
    read -r p _ <"$ROOT/run/slurmd-n$2.pid"
    kill -KILL "$p"
    rm -f "$ROOT/run/slurmd-n$2.pid"
    ;;
  start-node) start_node "$2" ;;
  wipe)
    down
    case $ROOT in /tmp/?*) rm -rf -- "$ROOT" ;; *) die "not removing $ROOT (not under /tmp)" ;; esac
    ;;
  *) sed -n '2,11p' "$0"; exit 2 ;;
esac
