#!/bin/sh
# Installs the system packages named as command=package or file=package with apt-get where that is allowed, else says in one line what is missing.
# Never fails: without tesseract a pip-only engine reads scans, and without chromium the browser test says that it is skipped.
missing=""
for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null 2>&1 || [ -e "${pair%%=*}" ] || missing="$missing ${pair#*=}"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    as_root="none"
fi
if command -v apt-get >/dev/null 2>&1 && [ "$as_root" != none ]; then
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    # shellcheck disable=SC2086
    if { $as_root apt-get update -q && $as_root apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    tail -n 3 "$log" >&2
    rm -f "$log"
fi
echo "Missing system packages:$missing. They could not be installed from here; see README.md for what works without them." >&2
