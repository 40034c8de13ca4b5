#!/bin/sh
# mde-console: reads whether this machine reaches the addresses of Microsoft Defender for Endpoint. It changes nothing and writes no file.
# Where Defender is not installed, it asks some of these addresses itself, with curl or wget, and keeps nothing of what they answer.
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin"
have() { command -v "$1" >/dev/null 2>&1; }
ask() {
  if [ "$tool" = curl ]; then
    code=$(curl -s -o /dev/null -m 20 -w '%{http_code}' "$1" 2>/dev/null)
    ended=$?
    if [ "$ended" -ne 0 ]; then result="[FAILED] (curl error $ended)"
    else
      case "$code" in 2??|3??) result='[OK]' ;; *) result="[FAILED] (HTTP $code)" ;; esac
    fi
  else
    wget -q -T 20 -O /dev/null "$1" >/dev/null 2>&1
    ended=$?
    if [ "$ended" -eq 0 ]; then result='[OK]'; else result="[FAILED] (wget error $ended)"; fi
  fi
  printf 'Testing connection with %s ... %s\n' "$1" "$result"
}
echo '--- mde-console connectivity {run} begin ---'
echo 'system : Linux'
if have mdatp; then
  echo 'tool : mdatp'
  limit=''; older=''
  have timeout && limit='timeout 90'
  told=$($limit mdatp connectivity test 2>&1)
  ended=$?
  case "$told" in
    *'Testing connection'*) ;;
    *)  # the versions of early 2020 call it otherwise
      [ "$ended" -eq 124 ] || older=$($limit mdatp --connectivity-test 2>&1)
      case "$older" in *'Testing connection'*) told=$older ;; esac ;;
  esac
  if [ "${#told}" -gt 3300 ]; then
    printf '%s\n' "$told" | grep -a 'Testing connection' | grep -av '\[OK\]' | cut -c 1-150 | tail -n 16
    printf 'reached : %s\n' "$(printf '%s\n' "$told" | grep -ac '\[OK\]')"
    echo 'shortened : true'
  else
    printf '%s\n' "$told"
  fi
  [ "$ended" -eq 124 ] && echo 'ended : timeout'
else
  tool=none
  if have curl; then tool=curl; elif have wget; then tool=wget; fi
  printf 'tool : %s\n' "$tool"
  if [ "$tool" != none ]; then
    for address in {addresses}; do ask "https://$address" & done
    wait
  fi
fi
echo '--- mde-console connectivity {run} end ---'
