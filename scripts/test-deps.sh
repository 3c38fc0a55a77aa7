#!/usr/bin/env bash
# Installs what the tests need besides Go, and only what is missing: speech and
# media tools that make real recordings, Node for the client tests, the client's
# packages in e2e/, Chromium to look at pages and a media server. Does nothing,
# quickly, when all is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# command:Debian package
wanted=(espeak-ng:espeak-ng ffmpeg:ffmpeg node:nodejs npm:npm chromium:chromium)

missing=()
for pair in "${wanted[@]}"; do
	command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done

if ((${#missing[@]})); then
	as_root=()
	if ((EUID != 0)); then
		as_root=(sudo)
	fi
	if ! command -v apt-get >/dev/null || ! command -v "${as_root[0]:-true}" >/dev/null; then
		echo "The tests need: ${missing[*]}. They cannot be installed from here" \
			"(this takes apt-get, and root or sudo). Install them by hand, then run this again." >&2
		exit 1
	fi
	echo "Installing ${missing[*]}"
	install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y)
	if ! { "${install[@]}" update && "${install[@]}" install --no-install-recommends "${missing[@]}"; } >/dev/null; then
		echo "Installing ${missing[*]} failed, see above. Install them by hand, then run this again." >&2
		exit 1
	fi
fi

# npm ci starts from nothing, so it runs only when the lock file has changed.
if [[ -f e2e/package-lock.json ]]; then
	lock=$(sha256sum <e2e/package-lock.json)
	stamp=e2e/node_modules/.installed-lock
	if [[ ! -f $stamp || $(<"$stamp") != "$lock" ]]; then
		npm ci --prefix e2e --no-audit --no-fund --loglevel=error
		mkdir -p e2e/node_modules
		echo "$lock" >"$stamp"
	fi
fi

# Built now, so that no test waits for it; the tests ask the same script.
scripts/livekit-server.sh >/dev/null
