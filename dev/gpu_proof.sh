#!/usr/bin/env bash
# Everything worth doing on a machine with a CUDA GPU that is at hand for some minutes and has no network:
#   dev/gpu_proof.sh --out DIR [--minutes 12] [--data PHOTOGRAPHS.tar] [--wheels DIR] [--only STEP,...] [--skip STEP,...]
#                    [--short] [--dry-run]
# DIR gets steps.tsv (what ended how), log.txt (all that was printed), figures.tar.gz (all figures) and the weights in
# files of at most 15 MiB: few files, none in folders. A step that fails or takes too long leaves the others.
# Exit code 0 when every step ended well, else 1.
#   --minutes   for all of it; the training takes what is left
#   --data      an uncompressed tar of photographs; scikit-image's without it
#   --wheels    packages that the machine lacks (default .whl, where that is): pip download fills it
#   --short     each step in its shortest form, to see that all of it runs; on a CPU too
#   --dry-run   print the steps and their limits
# PYTHON (default python3) is the interpreter: it has PyTorch for CUDA.
set -uo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$root" || exit 2

# Seconds for each step but the training, and those that are kept for what comes after it.
declare -A limits=([packages]=60 [machine]=30 [gpu-tests]=60 [doctor]=60 [benchmark]=60 [networks]=60
    [bench-lite]=40 [bench-lite-base]=40 [bench-paper]=60 [weights]=40)
steps=(packages machine gpu-tests doctor benchmark networks bench-lite bench-lite-base bench-paper train weights)
minutes=12 out='' data='' wheels=.whl only='' skip='' short='' dry=''
python=${PYTHON:-python3}

while [[ $# -gt 0 ]]; do
    case $1 in
        --out) out=${2:?--out: want a folder}; shift ;;
        --minutes) minutes=${2:?--minutes: want a number}; shift ;;
        --data) data=${2:?--data: want a tar of photographs}; shift ;;
        --wheels) wheels=${2:?--wheels: want a folder}; shift ;;
        --only) only=${2:?--only: want steps}; shift ;;
        --skip) skip=${2:?--skip: want steps}; shift ;;
        --short) short=yes ;;
        --dry-run) dry=yes ;;
        *) fail "unknown argument $1; want those at the top of dev/gpu_proof.sh" ;;
    esac
    shift
done
[[ -n $out || -n $dry ]] || fail '--out: got nothing, want a folder for the results'
[[ $minutes =~ ^[0-9]+$ && $minutes -gt 0 ]] || fail "--minutes: got $minutes, want a whole number above 0"
[[ -z $data || -f $data ]] || fail "--data: no file $data"
for name in ${only//,/ } ${skip//,/ }; do
    [[ " ${steps[*]} " == *" $name "* ]] || fail "unknown step $name, want some of ${steps[*]}"
done

deadline=$((SECONDS + 60 * minutes))
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
mkdir -p "$work/figures" "$work/site"
export PYTHONPATH=$work/site:$root PYTHONUNBUFFERED=1 RESTORE_NODE_CACHE=$work/cache
figures=$work/figures run=$work/run

# What a step runs. Each is one command, which `timeout` can end with all that it started.
command_of() {
    local frames=(--frames 100 --warm-up 10) bench=(--steps 200 data.workers=8) photographs=() size=(--size 1280x720) seconds
    [[ -z $short ]] || { frames=(--frames 2 --warm-up 1 --size 64x48); bench=(--steps 2 data.crop_px=64 schedule.batch=2 precision=32-true); size=(--size 64x48); }
    case $1 in
        packages) command=("$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir
            --upgrade --target "$work/site" "$wheels"/*.whl) ;;
        machine) command=("$python" -m dev.gpu.machine "$figures/machine.json") ;;
        gpu-tests) command=("$python" -m pytest -q -p no:cacheprovider test/gpu) ;;
        doctor) command=("$python" -m dev.gpu.doctor "$figures/doctor.json" "${size[@]}") ;;
        benchmark) command=("$python" -m restore_node.tools.benchmark "${frames[@]}" --json "$figures/benchmark.json") ;;
        networks) command=("$python" -m dev.gpu.networks "$figures/networks.json" ${short:+--short}) ;;
        bench-paper) command=("$python" -m training.commands.benchmark config/experiments/benchmark.yaml network=paper
            data.crop_px=256 data.patch_px=256 "${bench[@]}" --json "$figures/bench-paper.json") ;;
        bench-*) command=("$python" -m training.commands.benchmark config/experiments/benchmark.yaml
            network="${1#bench-}" "${bench[@]}" --json "$figures/$1.json") ;;
        train)
            if [[ -n $data ]]; then
                photographs=("data.roots=[$data]" 'data.held_out=[train/photos/urban100/urban_09*, train/photos/bsds500/3*]')
            else
                photographs=('data.roots=[out/photographs]' 'data.held_out=[coffee*, rocket*]')
                "$python" -c 'from training.data.example_photographs import *; EXAMPLES.exists() or write_photographs(EXAMPLES)'
            fi
            seconds=$(($2 > 90 ? $2 - 60 : 20))  # it measures itself once more at the end
            if [[ -n $short ]]; then
                seconds=5
                photographs+=(data.crop_px=64 data.patch_px=96 schedule.batch=2 validation.patches=1 precision=32-true)
            fi
            command=("$python" -m training.commands.train config/train/restore_lite.yaml --folder "$run"
                name=restore-base network=lite-base start_from=restore-base "${photographs[@]}" cpu_processes=1
                "schedule.max_minutes=$(awk "BEGIN { print $seconds / 60 }")") ;;
        weights) command=("$python" -m dev.gpu.weights "$run" "$out") ;;
    esac
}

# step NAME SECONDS: run it, write down how it ended.
step() {
    local name=$1 limit=$2 left=$((deadline - SECONDS)) begun=$SECONDS code command=()
    [[ -z $short ]] || limit=$((10 * limit))  # it tells whether a step runs, not how fast
    ((limit < left)) || limit=$left
    if ((limit < 5)); then
        printf '%s\tno time left\t0\n' "$name" >> "$out/steps.tsv"; failed=yes; return
    fi
    command_of "$name" "$limit"
    printf '\n== %s, at most %d s: %s\n' "$name" "$limit" "${command[*]}"
    timeout --kill-after=10 "$limit" "${command[@]}" < /dev/null
    code=$?
    [[ $name != gpu-tests || $code != 5 || -z $short ]] || code=0  # without a GPU pytest finds nothing to run
    ((code == 0)) || failed=yes
    ((code != 124 && code != 137)) || code="too slow ($code)"
    printf '%s\t%s\t%d\n' "$name" "$code" $((SECONDS - begun)) >> "$out/steps.tsv"
}

failed=''
# Prints what is to be done: the names of the steps, and the seconds of each.
plan() {
    local name
    for name in "${steps[@]}"; do
        [[ -z $only || ",$only," == *",$name,"* ]] || continue
        [[ ",$skip," != *",$name,"* ]] || continue
        [[ $name != packages || -n $(compgen -G "$wheels/*.whl") ]] || continue
        printf '%s %s\n' "$name" "${limits[$name]-what is left}"
    done
}

if [[ -n $dry ]]; then
    plan
    while read -r name _; do command=(); command_of "$name" 60 > /dev/null; printf '%s: %s\n' "$name" "${command[*]}"; done < <(plan)
    exit 0
fi
mkdir -p "$out" || fail "--out: cannot make $out"
out=$(cd "$out" && pwd)
: > "$out/steps.tsv"
mapfile -t planned < <(plan)
exec > >(tee "$out/log.txt") 2>&1
for line in "${planned[@]}"; do
    name=${line%% *}
    if [[ $name == train ]]; then step train $((deadline - SECONDS - ${limits[weights]} - 10)); else step "$name" "${limits[$name]}"; fi
done
# metrics.jsonl and the configuration belong to the weights.
mkdir -p "$figures/run"
cp "$run"/{config.yaml,run.json,metrics.jsonl} "$figures/run/" 2> /dev/null
tar -czf "$out/figures.tar.gz" -C "$work" figures
printf '\n== ended after %d s\n' "$SECONDS"
column -t -s $'\t' "$out/steps.tsv" 2> /dev/null || cat "$out/steps.tsv"
[[ -z $failed ]]
