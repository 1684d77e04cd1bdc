# Shared by the shell benchmarks: a fresh clone of HEAD with this checkout's environment.
set -euo pipefail
root=$(git -C "$(dirname "${BASH_SOURCE[0]}")" rev-parse --show-toplevel)
export PATH="$root/.venv/bin:$PATH"
unset MLFLOW_TRACKING_URI

fresh_clone() {  # FOLDER: clone HEAD there and enter it; what runs is the clone's code
  git clone -q "$root" "$1"
  cd "$1"
  export PYTHONPATH="$PWD/src"
  git config user.name benchmark
  git config user.email benchmark@localhost
}

timed() {  # NAME COMMAND...: print the seconds that the command takes; its output goes to NAME.log
  local name=$1 start=$SECONDS
  shift
  "$@" > "$name.log" 2>&1 || { tail -n 20 "$name.log"; exit 1; }
  echo "$name: $((SECONDS - start)) s" | tee -a timings.txt
}
