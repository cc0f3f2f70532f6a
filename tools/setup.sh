#!/bin/sh
# Set-up of .venv with requirements.txt. A second run stops at once if nothing has changed.
#
#     sh tools/setup.sh                         # or: make setup
#     PYTHON=python3.12 sh tools/setup.sh       # with this interpreter
#     TORCH=system sh tools/setup.sh            # with the torch and torchvision that the interpreter has
#     TORCH=cpu sh tools/setup.sh               # with PyTorch's CPU build, from PyTorch's own index: no CUDA libraries
#
# Needs Python 3.10 to 3.13 with venv and a package registry, but no compiler. pip's output is in .venv/install.log.
set -eu
cd -P "$(dirname "$0")/.."

VENV_PYTHON=.venv/bin/python
LOG=.venv/install.log
CPU_INDEX=https://download.pytorch.org/whl/cpu/torch/
LOCK=.setup.lock # its lock ends with the process that has it, however that ends
STAMP=.venv/installed.txt # written last: without it .venv is incomplete
export MMCV_WITH_OPS=0 # nothing is compiled: custom/models/mmcv_ops.py provides mmcv's operators
unset PYTHONDONTWRITEBYTECODE # without bytecode each import of torch takes 5 s longer
# An active .venv is left out of the PATH, because .venv is made with another interpreter.
PATH=$(printf '%s\n' "$PATH" | tr ':' '\n' | grep -Fvx "$PWD/.venv/bin" | paste -sd : -)

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

all_pins() {
    sed -e 's/[[:space:]]*#.*//' -e '/^$/d' requirements.txt
}

# Print the pins without comments, and without the torch pair unless it comes from the registry.
pins() {
    all_pins | if [ "$TORCH" = pinned ]; then cat; else grep -Ev '^torch(vision)?=='; fi
}

wanted() {
    printf 'folder: %s\ntorch: %s\n' "$PWD" "$TORCH"
    pins
}

# Print the first suitable interpreter, or fail with the reason for each one.
choose_python() {
    reasons=
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3 python3.13 python3.12 python3.11 python3.10
    fi
    for candidate; do
        if version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); then
            case $version in
            3.10 | 3.11 | 3.12 | 3.13)
                if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
                    printf '%s\n' "$candidate"
                    return
                fi
                reasons="$reasons $candidate ($version) lacks venv (Debian, Ubuntu: apt-get install python$version-venv);"
                ;;
            *) reasons="$reasons $candidate is Python $version;" ;;
            esac
        fi
    done
    [ -n "$reasons" ] || reasons=" found none as ${PYTHON:-python3};"
    fail "needs Python 3.10 to 3.13 with venv:$reasons install one, or name it: PYTHON=/path/to/python3"
}

# Lock file descriptor 9, by util-linux or by any Python; with an argument, fail instead of waiting for another process.
take_lock() {
    if command -v flock >/dev/null; then
        flock ${1:+-n} 9
    else
        "${PYTHON:-python3}" -c "import fcntl; fcntl.flock(9, fcntl.LOCK_EX ${1:+| fcntl.LOCK_NB})" 2>/dev/null
    fi
}

# step TEXT COMMAND...: run the command with its output in the log, and print its duration.
step() {
    printf 'setup: %s ... ' "$1"
    shift
    started=$(date +%s)
    if "$@" >>"$LOG" 2>&1 </dev/null; then
        printf '%s s\n' $(($(date +%s) - started))
    else
        printf 'failed\n'
        return 1
    fi
}

# Print the error of the log in one line.
explain() {
    tail -n 5 "$LOG" | cut -c 1-200 >&2
    if tail -n 20 "$LOG" | grep -q 'No space left'; then
        fail "the disk is full: free $needed_gb GB, then run this again"
    elif tail -n 20 "$LOG" | grep -Eqi 'from versions: none|retrying|timed out|failed to fetch'; then
        fail "the package registry does not answer: look at the network, the proxy and 'pip config list', then run this again"
    elif tail -n 20 "$LOG" | grep -Eqi 'no matching distribution'; then
        fail "the registry has no build of a pinned package for this Python and machine: try another PYTHON=..."
    fi
    fail "$1; the log is $LOG"
}

install_pins() {
    pins >.venv/pins.txt
    # Of axe-playwright-python the tests take the script alone, and playwright is 130 MB.
    { echo playwright && if [ "$TORCH" != pinned ]; then printf 'torch\ntorchvision\n'; fi; } >.venv/excluded.txt
    step 'fetching the installer' "$VENV_PYTHON" -m pip install "$(grep '^uv==' .venv/pins.txt)" || return 1
    if [ "$TORCH" = cpu ]; then
        # shellcheck disable=SC2046 # two words
        step "installing PyTorch's CPU build" "$VENV_PYTHON" -m uv pip install --python "$VENV_PYTHON" \
            --torch-backend cpu $(all_pins | grep -E '^torch(vision)?==') || return 1
    fi
    # uv takes a quarter of pip's time, but ignores pip's settings, such as a mirror. If uv fails, pip installs.
    step 'installing requirements.txt' "$VENV_PYTHON" -m uv pip install --python "$VENV_PYTHON" \
        -r .venv/pins.txt --excludes .venv/excluded.txt || {
        grep -q 'No space left' "$LOG" && return 1
        step 'installing again, with pip' "$VENV_PYTHON" -m pip install -r .venv/pins.txt
    }
}

TORCH=${TORCH:-$(sed -n 's/^torch: //p' "$STAMP" 2>/dev/null || true)} # default: as in the last set-up
TORCH=${TORCH:-pinned}
case $TORCH in
pinned) needed_gb=7 ;;
cpu) needed_gb=3 ;;
system) needed_gb=2 ;;
*) fail "TORCH=$TORCH is unknown: give TORCH=cpu, TORCH=system, or TORCH=pinned for the versions of requirements.txt" ;;
esac

exec 9>"$LOCK" || fail "cannot write to $PWD"
if ! take_lock nonblocking; then
    echo 'setup: another set-up is running in this folder; waiting for its end'
    take_lock
fi
if [ "$(wanted)" = "$(cat "$STAMP" 2>/dev/null)" ] && version=$("$VENV_PYTHON" --version 2>/dev/null); then
    echo "setup: .venv is ready ($version)"
    exit
fi
if [ -e .venv ] && ! [ -e "$LOG" ]; then
    fail '.venv is there, but this script did not make it: move it away, then run this again'
fi

python=$(choose_python)
if [ "$TORCH" = system ]; then
    torch_folder=$("$python" -c 'import os, torch, torchvision; print(os.path.dirname(torch.__path__[0]))' 2>/dev/null) ||
        fail "TORCH=system, but $python cannot import torch and torchvision: name the Python that can: PYTHON=/path/to/python3"
fi
if [ "$TORCH" = cpu ] && # before an existing .venv is removed
    ! "$python" -c "import urllib.request; urllib.request.urlopen('$CPU_INDEX', timeout=20)" 2>/dev/null; then
    fail "TORCH=cpu, but PyTorch's index of CPU builds does not answer ($CPU_INDEX): make setup TORCH=pinned takes the build with CUDA from the package registry, 7 GB"
fi
rm -rf .venv
free_mb=$(df -Pm . | awk 'NR == 2 { print $4 }')
if [ "$free_mb" -lt "${needed_gb}000" ]; then
    fail "needs $needed_gb GB of disk, but $PWD has $free_mb MB: free some room, or move the project to a larger disk"
fi
mkdir .venv
: >"$LOG"
step "making .venv with $python" "$python" -m venv .venv || explain "$python -m venv failed"
if [ "$TORCH" = system ]; then # --system-site-packages would miss the packages of a Python that is itself in a venv
    printf '%s\n' "$torch_folder" >"$("$VENV_PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torch.pth"
fi
install_pins || explain 'the packages could not be installed'
# opencv-python (required by mmcv) and opencv-python-headless install into the same cv2/, in no fixed order. The first
# cannot be imported without libGL, so the second is installed again.
step 'installing the headless cv2 again' "$VENV_PYTHON" -m pip install --force-reinstall --no-deps \
    "$(grep '^opencv-python-headless==' .venv/pins.txt)" || explain 'opencv-python-headless could not be installed'
step 'installing this project' "$VENV_PYTHON" -m pip install --no-deps -e . || explain 'this project could not be installed'
step 'importing the libraries once' "$VENV_PYTHON" -c \
    'import cv2, mmcv, mmdet.datasets, mmengine.runner, timm, torch, torch.utils.tensorboard, torchvision' ||
    explain 'an installed library cannot be imported'
wanted >"$STAMP"
