# Becomes the shell that its first argument names, with the prologue before its line.
start() {
  name=${1##*/} state=options line=
  shift
  case $name in
    sh) real=$DG_SHELL ;;
    ash) real=busybox ;;
    *) real=$name ;;
  esac
  [ -e "/real/$real" ] || exit 127
  [ "$name.$real" != sh.bash ] || real=sh
  for word; do
    shift
    case $state.$word in
      options.-*o | options.+*o) state=value ;;
      value.*) state=options ;;
      options.-*) case $word in -*c*) line=wanted ;; esac ;;
      options.*)
        state=rest
        if [ "$line" = wanted ]; then
          word=". /real/prologue
$word"
        else
          echo "$DG_RUN took $DG_SECONDS $word" >&9
          exit "$DG_STATUS"
        fi
        ;;
    esac
    set -- "$@" "$word"
  done
  if [ "$real" = busybox ]; then exec /real/busybox sh "$@"; fi
  exec "/real/$real" "$@"
}
