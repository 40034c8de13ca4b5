#!/bin/sh
# mde-console: reads whether Microsoft Defender for Endpoint works on this machine. It changes nothing.
LC_ALL=C; export LC_ALL
PATH="$PATH:/usr/bin:/usr/local/bin"
echo '--- mde-console health {run} begin ---'
if command -v mdatp >/dev/null 2>&1; then
  limit=''
  command -v timeout >/dev/null 2>&1 && limit='timeout 60'
  told=$($limit mdatp health 2>&1)
  if [ "${#told}" -gt 3500 ]; then
    printf '%s\n' "$told" | grep -aiE '^ *(ATTENTION|health|licensed|org_?id|app_?version|engine_?load|product_?expiration|passive_?mode|real_?time_?protection|supplementary_?events|definitions_?(updated|status)|conflicting_?applications)' | cut -c 1-160
    echo 'shortened : true'
  else
    printf '%s\n' "$told"
  fi
else
  echo 'mdatp : not-installed'
fi
echo '--- mde-console health {run} end ---'
