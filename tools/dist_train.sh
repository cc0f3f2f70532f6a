#!/bin/sh
# Training on several processes: one for each GPU of this machine, or any number on a machine without GPUs.
#
#     sh tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
#
# On several machines, start the script on each one, with the environment variables of MMDetection's script:
#
#     NNODES=2 NODE_RANK=0 MASTER_ADDR=first.machine PORT=29500 sh tools/dist_train.sh CONFIG GPUS
#     NNODES=2 NODE_RANK=1 MASTER_ADDR=first.machine PORT=29500 sh tools/dist_train.sh CONFIG GPUS
set -eu

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG GPUS [arguments of tools/train.py]" >&2
    exit 2
fi
root=$(dirname "$0")/..
config=$1
processes=$2
shift 2
# -m prefers the current folder, which may have another package called custom.
PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH} exec "${PYTHON:-python}" -m digits_frcnn.commands.launch "$processes" \
    "$root/tools/train.py" "$config" --launcher pytorch "$@"
