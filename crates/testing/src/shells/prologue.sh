# Stands before every line, in all three shells. It shadows what a shell does itself and what a line does most; the stubs
# do the rest. A call writes itself down in the record (descriptor 9) and takes a line from the budget (8).
dg_spend() {
  read -r dg <&8 && return
  echo "$DG_RUN bound" >&9
  command kill -9 ${DG_PARENT-} $$
  exit 137
}
dg_duration() {
  case $1 in inf | infinity) return 0 ;; esac
  set -- "${1%[smhd]}"
  case $1 in '' | . | *[!0-9.]* | *.*.*) return 1 ;; esac
}
sleep() {
  dg_spend
  if [ $# = 0 ]; then return 1; fi
  for dg in "$@"; do
    if ! dg_duration "$dg"; then return 1; fi
  done
  echo "$DG_RUN sleep $*" >&9
}
kill() {
  dg_spend
  echo "$DG_RUN run kill $*" >&9
  case "$*" in
    '-0 '* | '-s 0 '*) read -r dg <&7 ;;
  esac
}
# Busybox has one of its own, which looks into /proc.
killall() {
  /bin/killall "$@"
}
