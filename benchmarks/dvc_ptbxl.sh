#!/usr/bin/env bash
# fetch, label and prepare of all PTB-XL at 100 Hz under DVC in a fresh clone, and what it takes on disk:
# bash benchmarks/dvc_ptbxl.sh PTB-XL-FOLDER WORK-FOLDER   (both on one file system)
source "$(dirname "$0")/lib.sh"
source=$(realpath "$1")
folder=$(mktemp -d -p "$2")
trap 'rm -rf "$folder"' EXIT
fresh_clone "$folder/clone"
timed fetch-label-prepare dvc exp run -S dataset=ptb-xl -S "ptb-xl.folder=$source" prepare
timed repeat dvc repro prepare
echo "files in data/raw: $(find data/raw -type f | wc -l), of them with a copy of their own: $(find data/raw -type f -links 1 | wc -l)"
# du counts a file with several hard links once.
du -shc "$source/records100" data/raw .dvc/cache | sed 's/^/disk: /'
