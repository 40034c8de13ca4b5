#!/usr/bin/env bash
# Drives the simulator with the Azure command line, a client that is not ours: is it Azure enough for it?
#
#   tests/likeness/az.sh [path of az]
#
# Needs `az` (the package azure-cli) and the project's environment in .venv. Signs in with the managed identity that the simulator
# offers, in a private configuration folder; prints a line for each command and exits 1 if any failed.
set -uo pipefail
cd "$(dirname "$0")/../.."
az=${1:-az}
work=$(mktemp -d)
trap 'kill "$simulator" 2>/dev/null; rm -rf "$work"' EXIT

.venv/bin/python -m console.simulator --json --out "$work/simulator" >"$work/ready" 2>"$work/errors" &
simulator=$!
for _ in $(seq 100); do [ -s "$work/ready" ] && break; kill -0 "$simulator" 2>/dev/null || break; sleep 0.1; done
[ -s "$work/ready" ] || { echo "the simulator did not start:"; tail -1 "$work/errors"; exit 1; }
field() { .venv/bin/python -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$work/ready" "$1"; }
url=$(field url)

export AZURE_CONFIG_DIR="$work/az" AZURE_CORE_INSTANCE_DISCOVERY=false AZURE_CORE_COLLECT_TELEMETRY=false
export REQUESTS_CA_BUNDLE=$(field ca_file)
export IDENTITY_ENDPOINT="$url/msi/token" IDENTITY_HEADER=simulator
unset HTTPS_PROXY https_proxy HTTP_PROXY http_proxy

failed=0
try() {
  local name=$1; shift
  if "$@" >"$work/out" 2>"$work/err"; then
    printf 'ok    %-28s %s\n' "$name" "$(tr -d '\n ' <"$work/out" | cut -c1-100)"
  else
    printf 'FAIL  %-28s %s\n' "$name" "$(grep -v -i warning "$work/err" | head -1 | cut -c1-200)"
    failed=1
  fi
}

try "cloud register" "$az" cloud register --name Simulator --endpoint-resource-manager "$url"
try "cloud set" "$az" cloud set --name Simulator
try "login" "$az" login --identity --allow-no-subscriptions
try "account list" "$az" account list --query '[].{id:id,name:name}' -o json
subscription=$("$az" account list --query '[0].id' -o tsv 2>/dev/null)
for one in $("$az" account list --query '[].id' -o tsv 2>/dev/null); do
  if [ -n "$("$az" vm list --subscription "$one" --query '[0].id' -o tsv 2>/dev/null)" ] &&
    [ -n "$("$az" security setting list --subscription "$one" --query '[0].id' -o tsv 2>/dev/null)" ]; then
    subscription=$one
    break
  fi
done
try "account set" "$az" account set --subscription "$subscription"
try "vm list" "$az" vm list --query '[].name' -o json
try "security setting list" "$az" security setting list --query '[].{name:name,enabled:enabled}' -o json
try "security setting update" "$az" security setting update --name WDATP --data-export-settings enabled=true
try "security pricing show" "$az" security pricing show --name VirtualMachines --query '{tier:pricingTier,plan:subPlan}' -o json
try "graph query by az rest" "$az" rest --method post --url "$url/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01" \
  --resource "$url" --body "{\"subscriptions\":[\"$subscription\"],\"query\":\"resources | summarize count() by type | order by type asc\"}"
exit "$failed"
