#!/usr/bin/env bash
# Checks the newest versions of the packages on other Pythons than this one: `tests/newest.sh [TEST…]` takes each of Python 3.11
# to 3.14 that is found on the path or of pyenv, and runs the commands that load the packages and the tests, those of the
# entry point where none are named. A Python that is not there is named and passed over.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/each_command.sh
newest="$(mktemp -d)"
trap 'rm -rf "$newest"' EXIT
own="$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
for version in 3.11 3.12 3.13 3.14; do
  [ "$version" = "${OTHER_THAN-$own}" ] && continue
  python=""
  for one in "$(command -v "python$version" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version".*/bin/python; do
    if [ -x "$one" ] && "$one" -c 'import venv' 2>/dev/null; then python="$one"; fi
  done
  if [ -z "$python" ]; then
    echo "Python $version: not here"
    continue
  fi
  "$python" --version
  "$python" -m venv "$newest/$version"
  sed -n 's/^dependencies = \[\(.*\)\]$/\1/p' pyproject.toml | tr -d '" ' | tr ',' '\n' >"$newest/requirements"
  "$newest/$version/bin/pip" install -q -U -r "$newest/requirements" pytest hypothesis jsonschema
  each_command "$newest/$version/bin/python" "$newest"
  "$newest/$version/bin/python" -m pytest -q -p no:cacheprovider "${@:-tests/test_main.py}"
  packages_of "$newest/$version/bin/python"
  echo "Python $version does"
done
