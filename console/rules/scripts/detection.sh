#!/bin/sh
# mde-console: raises the test alert "Enumeration of files with sensitive data" of Defender for Endpoint on this machine, a harmless one.
# It downloads Microsoft's test tool into a folder of its own, runs it, and removes the folder again.
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/bin:/usr/local/bin"
echo '--- mde-console test {run} begin ---'
folder=$(mktemp -d /var/lib/mde-console-test.XXXXXX 2>/dev/null || mktemp -d)
trap 'cd /; [ -n "$folder" ] && rm -rf "$folder"' EXIT
if ! cd "$folder"; then
  echo 'test : no-folder'
elif ! curl -fsSL --max-time 60 -o mde_linux_edr_diy.zip https://aka.ms/LinuxDIY; then
  echo 'test : not-downloaded'
elif ! unzip -q mde_linux_edr_diy.zip && ! python3 -m zipfile -e mde_linux_edr_diy.zip .; then
  echo 'test : not-extracted'
else
  tool=./mde_linux_edr_diy
  [ -f "$tool" ] || tool=./mde_linux_edr_diy.sh
  chmod +x "$tool"
  "$tool" >/dev/null 2>&1
  code=$?
  if [ "$code" -eq 126 ] || [ "$code" -eq 127 ]; then
    echo 'test : not-executable'
  else
    echo 'test : ran'
  fi
fi
echo '--- mde-console test {run} end ---'
