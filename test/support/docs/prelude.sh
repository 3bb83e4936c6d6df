# What stands around the shell examples of a page. Their commands are the real ones, but a request says when it was not
# answered as the page has it, and a program that takes minutes is written down and not run.
set -euo pipefail

field() { node -p "JSON.parse(require('fs').readFileSync(0)).data.$1"; }

# The page's own words behind a command, on the line that it begins on.
remark() { sed -n "${1}p" "$DOCS_SCRIPT" | sed -n 's/^.*[[:space:]]#[[:space:]]*//p'; }

wrong() {
  echo "$DOCS_PAGE:$1: $2" >> "$DOCS_SCRATCH/wrong"
  return 1
}

# Below 300, unless the line's comment begins with another status.
curl() {
  local line=${BASH_LINENO[0]} argument expected status body
  for argument; do
    case $argument in -N | --no-buffer) follow "$line" "$@"; return ;; esac
  done
  expected=$(remark "$line" | sed -n 's/^\([45][0-9][0-9]\)\b.*/\1/p')
  body=$DOCS_SCRATCH/body.$BASHPID
  command curl "$@" -w '%{stderr}%{http_code}' > "$body" 2> "$body.status" || wrong "$line" "curl: $(cat "$body.status")"
  tee -a "$DOCS_SCRATCH/said" < "$body"
  echo >> "$DOCS_SCRATCH/said"
  status=$(tail -c 3 "$body.status")
  case $status in
    "${expected:-2}"*) ;;
    *) wrong "$line" "answered with $status and not ${expected:-2xx}: $(head -c 1000 "$body")" ;;
  esac
}

# A stream has no end of its own: something happens until its first event has come.
follow() {
  local line=$1 said=$DOCS_SCRATCH/stream.$BASHPID reader tries=0
  shift
  command curl -s "$@" > "$said" &
  reader=$!
  until grep -q '^data:' "$said"; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] && kill -0 $reader || wrong "$line" "no event came: $(head -c 1000 "$said")"
    command curl -s "$DOCS_API/api/v1/balance/adjust" -H "Authorization: Bearer $API_KEY" -H 'Content-Type: application/json' \
      -d '{"adjustments":[{"user_id":"user_123","token_symbol":"CPOP","amount":"+1","reason_type":"reward"}]}' > /dev/null
    sleep 0.2
  done
  kill $reader
  wait $reader || true
  tee -a "$DOCS_SCRATCH/said" < "$said"
}

npm() {
  # A project that installs what the page has just packed.
  if [ "$1" = install ]; then
    command npm "$@" --offline --no-audit > /dev/null
    return
  fi
  local line=${BASH_LINENO[0]} script='' expected code=0 error=$DOCS_SCRATCH/error.$BASHPID
  while [ $# -gt 0 ]; do
    case $1 in
      -s | --silent | run) shift ;;
      --) shift; break ;;
      *) script=$1; shift ;;
    esac
  done
  if [ "$script" = client:pack ]; then
    command node scripts/client-pack.ts
    return
  fi
  if [ "$script" != chainbridge ]; then
    printf '%s\t%s\t%s\n' "$line" "$script" "$*" >> "$DOCS_SCRATCH/programs"
    return
  fi
  expected=$(remark "$line" | sed -n 's/^.*exit code \([0-9]*\).*/\1/p')
  command node cli/main.ts "$@" 2> "$error" | tee -a "$DOCS_SCRATCH/said" || code=$?
  cat "$error" >> "$DOCS_SCRATCH/said"
  [ "$code" = "${expected:-0}" ] || wrong "$line" "ended with $code and not ${expected:-0}: $(tail -c 1000 "$DOCS_SCRATCH/said")"
}
