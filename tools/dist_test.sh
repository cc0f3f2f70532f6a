#!/bin/sh
# Testing on several processes: one for each GPU of this machine, or any number on a machine without GPUs.
#
#     sh tools/dist_test.sh CONFIG CHECKPOINT GPUS [arguments of tools/test.py]
#
# On several machines: see tools/dist_train.sh.
set -eu

if [ $# -lt 3 ]; then
    echo "usage: $0 CONFIG CHECKPOINT GPUS [arguments of tools/test.py]" >&2
    exit 2
fi
root=$(dirname "$0")/..
config=$1
checkpoint=$2
processes=$3
shift 3
# -m prefers the current folder, which may have another package called custom.
PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} exec "${PYTHON:-python}" -m digits_frcnn.commands.launch "$processes" \
    "$root/tools/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
