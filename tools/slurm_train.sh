#!/bin/sh
# Training by Slurm, called on the login node:
#
#     GPUS=16 sh tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/train.py]
#
# GPUS: number of processes (8). GPUS_PER_NODE: processes per machine (8, or GPUS if that is less). CPUS_PER_TASK: cores
# per process (5). SRUN_ARGS: more arguments of srun, such as '--time=8:00:00 --qos=low'. An empty GRES requests no GPUs,
# and the processes run on CPUs. Slurm starts the processes, and ends all of them when one fails.
set -eu

if [ $# -lt 4 ]; then
    echo "usage: [GPUS=8] $0 PARTITION JOB_NAME CONFIG WORK_DIR [arguments of tools/train.py]" >&2
    exit 2
fi
partition=$1
job_name=$2
config=$3
work_dir=$4
shift 4
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
gres=${GRES-gpu:$GPUS_PER_NODE}

# shellcheck disable=SC2086 # SRUN_ARGS holds several words
exec srun --partition="$partition" --job-name="$job_name" ${gres:+--gres="$gres"} \
    --ntasks="$GPUS" --ntasks-per-node="$GPUS_PER_NODE" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    "${PYTHON:-python}" -u "$(dirname "$0")/train.py" "$config" --work-dir="$work_dir" --launcher=slurm "$@"
