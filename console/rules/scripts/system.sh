#!/bin/sh
# mde-console: reads whether this machine meets what Microsoft Defender for Endpoint needs. It changes nothing and writes no file.
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin"
say() { printf '%s : %.200s\n' "$1" "${2:-unknown}"; }
have() { command -v "$1" >/dev/null 2>&1; }
number() { case "$1" in ''|*[!0-9]*) return 1 ;; esac; }
limit=''
have timeout && limit='timeout 60'
echo '--- mde-console system {run} begin ---'
say system Linux
user=''
have id && user=$(id -u 2>/dev/null)
case "$user" in 0) root=yes ;; '') root=unknown ;; *) root=no ;; esac
say root "$root"

# The distribution: os-release is read, not run. CentOS 7 and RHEL 7 tell their minor version only in another file.
for file in /etc/os-release /usr/lib/os-release; do
  [ -r "$file" ] || continue
  while IFS='=' read -r key value || [ -n "$key" ]; do
    case "$key" in ID|VERSION_ID|PRETTY_NAME) say "os_$key" "$value" ;; esac
  done < "$file"
  break
done
for file in /etc/oracle-release /etc/redhat-release /etc/system-release; do
  [ -r "$file" ] || continue
  read -r line < "$file"
  say release "$line"
  break
done
kernel=''
[ -r /proc/sys/kernel/osrelease ] && read -r kernel < /proc/sys/kernel/osrelease
say kernel "$kernel"
machine=''
have uname && machine=$(uname -m 2>/dev/null)
say architecture "$machine"
init=''
[ -r /proc/1/comm ] && read -r init < /proc/1/comm
[ -d /run/systemd/system ] && init=systemd
say init "$init"

# Processors, memory and free space
cores=''
if [ -r /proc/cpuinfo ]; then
  cores=0
  while read -r key _; do [ "$key" = processor ] && cores=$((cores + 1)); done < /proc/cpuinfo
fi
case "$cores" in ''|0) have getconf && cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null) ;; esac
say cores "$cores"
memory=''
if [ -r /proc/meminfo ]; then
  while read -r key value _; do
    [ "$key" = MemTotal: ] && number "$value" && memory=$((value / 1024))
  done < /proc/meminfo
fi
say memory_mb "$memory"

# $real: the folder, or the nearest above it that exists, without symbolic links
real_of() {
  real=$1
  while [ -n "$real" ] && [ ! -d "$real" ]; do real=${real%/*}; done
  real=$(cd -P "${real:-/}" 2>/dev/null && pwd -P)
}
free_mb() {
  free=''
  have df && free=$($limit df -Pk "$1" 2>/dev/null | { read -r _; read -r _ _ _ kb _; number "$kb" && echo $((kb / 1024)); })
}
# $noexec: whether programs may not run from the file system that holds a folder
noexec_of() {
  best=''; noexec=''
  [ -r /proc/mounts ] || return
  while read -r _ point _ flags _; do
    case "$1/" in
      "${point%/}/"*)
        if [ "${#point}" -ge "${#best}" ]; then
          best=$point
          case ",$flags," in *,noexec,*) noexec=yes ;; *) noexec=no ;; esac
        fi ;;
    esac
  done < /proc/mounts
}
for pair in opt=/opt/microsoft var=/var/opt/microsoft waagent=/var/lib/waagent arc=/var/lib/GuestConfig tmp=/tmp; do
  real_of "${pair#*=}"
  if [ -z "$real" ]; then noexec=''; free=''; else noexec_of "$real"; free_mb "$real"; fi
  say "noexec_${pair%%=*}" "$noexec"
  case "$pair" in opt=*|var=*) say "free_${pair%%=*}_mb" "$free" ;; esac
done

# Python, of which the extension needs one
python=none
for name in python3 python python2 /usr/libexec/platform-python; do
  if have "$name"; then python=$(command -v "$name"); break; fi
done
say python "$python"

# Whether the kernel has fanotify: told by itself since 5.13, before that by its configuration
fanotify=''
if [ -d /proc/sys/fs/fanotify ]; then
  fanotify=yes
elif [ -r "/boot/config-$kernel" ]; then
  fanotify=no
  while read -r line; do
    case "$line" in CONFIG_FANOTIFY=y) fanotify=yes ;; esac
  done < "/boot/config-$kernel"
fi
say fanotify "$fanotify"

# Which processes hold fanotify; with marks on file systems, as those that check each access have. Only root sees them all.
holders=''; watchers=''; seen=0
if have grep; then
  for folder in /proc/[0-9]*; do
    seen=$((seen + 1))
    found=$(grep -hs '^fanotify ' "$folder"/fdinfo/* 2>/dev/null)
    [ -n "$found" ] || continue
    name=''
    read -r name 2>/dev/null < "$folder/comm"
    case "$name" in ''|*[!A-Za-z0-9_.:/+@-]*) name="process-${folder#/proc/}" ;; esac
    case "$found" in *mnt_id:*|*sdev:*) holders="$holders $name" ;; *) watchers="$watchers $name" ;; esac
  done
  [ "$root" = yes ] && [ "$seen" -gt 0 ] && : "${holders:=none}" "${watchers:=none}"
fi
say fanotify_holders "$holders"
say fanotify_watchers "$watchers"
services=''
if have systemctl; then
  services=none
  for name in ds_agent cbsensor MFEcma; do
    state=$($limit systemctl is-active "$name" 2>/dev/null)
    [ "$state" = active ] && services="$services $name"
  done
fi
say other_services "${services#none }"
if have mdatp; then say mdatp installed; else say mdatp not-installed; fi
echo '--- mde-console system {run} end ---'
