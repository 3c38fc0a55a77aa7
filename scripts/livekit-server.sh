#!/usr/bin/env bash
# Prints the path of the livekit-server that the tests start, after building it
# if it is not there. It is built from the module proxy, with its own go.mod and
# not ours, once a version: about five minutes, then nothing. The binary stays
# in the user's cache, outside the tree.
set -euo pipefail

# The newest version that the proxy serves whole: later ones replace modules with
# forks, which go install refuses. Production runs the newest official image.
version=v1.13.5

cache=${XDG_CACHE_HOME:-$HOME/.cache}/lingualink
server=$cache/livekit-server-$version
if [[ ! -x $server ]]; then
	mkdir -p "$cache"
	# Several test binaries may want it at once: one builds, the others wait.
	if command -v flock >/dev/null; then
		exec 9>"$server.lock"
		flock 9
	fi
fi
if [[ ! -x $server ]]; then
	echo "Building livekit-server $version for the tests, once; this takes some minutes" >&2
	built=$(mktemp -d "$cache/build-XXXXXX")
	trap 'rm -rf "$built"' EXIT
	cd "$built" # away from any go.mod
	GOTOOLCHAIN=auto CGO_ENABLED=0 GOFLAGS='' GOWORK=off GOBIN=$built \
		go install -trimpath -ldflags='-s -w' "github.com/livekit/livekit-server/cmd/server@$version" >&2
	mv "$built/server" "$server" # whole or not at all
fi
echo "$server"
