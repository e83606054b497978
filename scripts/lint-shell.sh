#!/bin/sh
# Runs shellcheck on all shell scripts of the repository.
command -v shellcheck >/dev/null || {
  echo 'cannot check shell scripts: shellcheck is missing. Run .ci/install as root, or install the package shellcheck.' >&2
  exit 1
}
git ls-files -z -- '*.sh' .ci/install .ci/run | xargs -0 shellcheck
