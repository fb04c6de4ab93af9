#!/real/stubs
# Every program of the room, by its name. What takes time writes it down and returns at once.
. /real/prologue
name=${0##*/}
[ "$PPID" = "${DG_TIMEOUT-}" ] || DG_PARENT=$PPID

# One duration in thousandths of a second.
thousandths() {
  unit=1 number=$1
  case $1 in
    *m) unit=60 ;;
    *h) unit=3600 ;;
    *d) unit=86400 ;;
  esac
  number=${number%[smhd]}
  whole=${number%%.*} part=
  case $number in *.*) part=${number#*.} ;; esac
  part=${part}000
  part=${part%"${part#???}"}
  echo $(((1${whole:-0} - $(power ${#whole})) * unit * 1000 + (1$part - 1000) * unit))
}
power() {
  digits=$1 value=1
  [ "$digits" -gt 0 ] || digits=1
  while [ "$digits" -gt 0 ]; do value=${value}0 digits=$((digits - 1)); done
  echo $value
}

case $name in
  sleep | kill) "$name" "$@"; exit ;;
esac
dg_spend
case $name in
  sh | bash | dash | ash)
    . /real/start
    start "$name" "$@"
    ;;
  busybox)
    program=/bin/$1
    shift
    exec "$program" "$@"
    ;;
  env)
    while :; do
      case ${1-} in
        *=*) export "$1"; shift ;;
        *) break ;;
      esac
    done
    exec "$@"
    ;;
  nohup | setsid) exec "$@" ;;
  timeout)
    while :; do
      case ${1-} in
        -s | -k) shift 2 ;;
        -*) shift ;;
        *) break ;;
      esac
    done
    limit=$(thousandths "$1") spent=0
    shift
    kept=/tmp/.timeout.$$
    (DG_TIMEOUT=$$; export DG_TIMEOUT; "$@" ) 8</real/budget 9>"$kept"
    status=$?
    while read -r run kind words; do
      takes=0
      case $kind in
        sleep) for word in $words; do
          case $word in inf*) takes=$((limit * 2 + 1)) ;; *) takes=$((takes + $(thousandths "$word"))) ;; esac
        done ;;
        took) takes=${words%% *}000 ;;
        forever | bound) takes=$((limit * 2 + 1)) ;;
      esac
      if [ $((spent + takes)) -gt "$limit" ]; then
        rest=$((limit - spent))
        part=$((1000 + rest % 1000))
        [ "$kind" = took ] || kind=sleep
        words=$((rest / 1000)).${part#1}
        status=124
      fi
      echo "$run $kind $words" >&9
      [ $status != 124 ] || break
      spent=$((spent + takes))
    done <"$kept"
    exit $status
    ;;
  seq)
    from=1 by=1
    case $# in
      1) to=$1 ;;
      2) from=$1 to=$2 ;;
      *) from=$1 by=$2 to=$3 ;;
    esac
    while [ "$from" -le "$to" ]; do echo "$from"; from=$((from + by)); done
    ;;
  tail)
    case "$*" in -f* | -F*) echo "$DG_RUN forever tail $*" >&9 ;; esac
    ;;
  cat)
    [ $# -gt 0 ] || set -- -
    for file; do
      if [ "$file" = - ]; then
        while IFS= read -r line; do printf '%s\n' "$line"; done
      else
        while IFS= read -r line; do printf '%s\n' "$line"; done <"$file" || exit 1
      fi
    done
    ;;
  tee) while IFS= read -r line; do printf '%s\n' "$line"; done ;;
  rm | mkdir) exec "/real/$name" "$@" ;;
  touch) for file; do : >>"$file"; done ;;
  date) echo 1700000000 ;;
  logger | sync | hostname | chmod | true | echo | printf) ;;
  false) exit 1 ;;
  pidof) echo 1 ;;
  pgrep)
    read -r dg <&7 || exit 1
    echo 1
    ;;
  kong)
    for word; do
      case $word in --wait=*) echo "$DG_RUN sleep ${word#*=}" >&9 ;; esac
    done
    echo "$DG_RUN run kong $*" >&9
    ;;
  curl | wget)
    takes=$DG_SECONDS status=$DG_STATUS bound=
    echo "$DG_RUN run $name $*" >&9
    for word; do
      [ "$bound" != next ] || bound=$word
      case $word in -m | --max-time) bound=next ;; esac
    done
    if [ -n "$bound" ] && [ "$takes" -gt "$bound" ]; then takes=$bound status=28; fi
    echo "$DG_RUN took $takes $name" >&9
    exit "$status"
    ;;
  drainctl | drain.sh | python3 | java | node)
    echo "$DG_RUN took $DG_SECONDS $name $*" >&9
    exit "$DG_STATUS"
    ;;
  *) echo "$DG_RUN run $name $*" >&9 ;;
esac
