# The first process of the room: it reads its orders from its input, as the commands that they are, and keeps the record.
exec 9>&1
. /real/start
run() { # number, how often a thing is still there, variables, --, a command
  (
    exec </dev/null >/dev/null 2>/dev/null 8</real/budget 7<"/real/again/$2"
    ulimit -t 5
    export DG_RUN="$1" HOSTNAME=app-0
    shift 2
    cd /tmp
    while [ "$1" != -- ]; do export "$1"; shift; done
    shift
    unset OLDPWD
    case $1 in
      sh | bash | */sh | */bash | */ash) start "$@" ;;
      *) exec "$@" ;;
    esac
  )
  status=$?
  kill -9 -1 2>/dev/null
  echo "$1 = $status"
  set -- /tmp/* /tmp/.[!.]* /run/*
  [ "$*" = '/tmp/* /tmp/.[!.]* /run/app.pid /run/nginx.pid' ] || tidy
}
tidy() {
  /real/rm -rf /tmp/* /tmp/.[!.]* /run/*
  echo 1 >/run/app.pid
  echo 1 >/run/nginx.pid
}
tidy
echo 'room ready'
