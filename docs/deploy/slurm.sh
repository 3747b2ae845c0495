#!/bin/bash
# Quantises a model in eight shares as a Slurm array, and joins them when all are done.
#
#   sbatch slurm.sh            the array; submits the merge itself
#
# WORK is a folder that all nodes see, with the checkpoint in model/ and calibration.jsonl.gz.
# A task that is requeued goes on where it was: --resume finds its finished matrices.
#SBATCH --job-name=quantize
#SBATCH --array=1-8
#SBATCH --cpus-per-task=8
#SBATCH --mem=7G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --output=quantize-%a.log
set -eu

: "${WORK:=$HOME/quantize}" "${ESPALIER:=$HOME/espalier/espalier}"
shards=${SLURM_ARRAY_TASK_COUNT:-8}

# The first task leaves a job behind that waits for the whole array.
if [ "${SLURM_ARRAY_TASK_ID:-1}" = 1 ] && [ "${SLURM_RESTART_COUNT:-0}" = 0 ]; then
  sbatch --dependency="afterok:$SLURM_ARRAY_JOB_ID" --job-name=merge --mem=4G --time=1:00:00 \
    --output=merge.log \
    --wrap="'$ESPALIER' merge -m '$WORK/model' -o '$WORK/model-qtip.gguf'"
fi

exec "$ESPALIER" quantize -m "$WORK/model" \
  --calibration "$WORK/calibration.jsonl.gz" --sequences 2048 --length 1024 \
  -o "$WORK/model-qtip.gguf" --shard "$SLURM_ARRAY_TASK_ID/$shards" --resume \
  --json-report "$WORK/report-$SLURM_ARRAY_TASK_ID.jsonl" -t "$SLURM_CPUS_PER_TASK"
