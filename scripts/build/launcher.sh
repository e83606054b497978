#!/bin/sh
# Starts @COMMAND@ with the Node.js of this checkout, otherwise with one from the PATH. Written by `make build`.
self=$0
case $self in */*) ;; *) self=$(command -v "$self") ;; esac
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in
    /*) self=$target ;;
    *) self=${self%/*}/$target ;;
  esac
done
root=$(cd "${self%/*}/.." && pwd -P) || exit 1
node=$root/node_modules/node/bin/node
if [ ! -x "$node" ]; then
  node=node
  major=$("$node" -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  if [ "$major" -lt 26 ]; then
    echo "ERROR: @COMMAND@ needs Node.js 26 or newer. Run \"npm install\" in $root, or install Node.js 26." >&2
    exit 1
  fi
fi
exec "$node" @NODE_FLAGS@ "$root/dist/js/@COMMAND@.mjs" "$@"
