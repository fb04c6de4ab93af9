# Builds a root that holds three shells and stubs, and nothing of the machine, then leaves the machine's for good.
# It runs as the first process of namespaces of its own. Its arguments: an empty folder, and the shell that is `sh`.
set -eu
root=$1 tested=$2

mount -t tmpfs -o size=64m,mode=755 tmpfs "$root"
cd "$root"
mkdir -p real/again dev proc/1/fd etc opt/app usr tmp run bin app old lib64
for place in usr/bin usr/sbin usr/local sbin opt/app/bin busybox; do
  case $place in */*/*) ln -s ../../../bin $place;; */*) ln -s ../bin $place;; *) ln -s bin $place;; esac
done
rm usr/local; mkdir usr/local; ln -s ../../bin usr/local/bin; ln -s ../../bin usr/local/sbin

# A program of the machine, with the libraries that it is linked to.
take() {
  cp -L "$1" "real/$2"
  { ldd "$1" 2>/dev/null || :; } | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p ".$(dirname "$library")"
    [ -e ".$library" ] || cp -L "$library" ".$library"
  done
}
for name in dash bash busybox; do
  path=$(command -v $name) || continue
  take "$path" $name
done
take "$(command -v chroot)" chroot
take "$(command -v rm)" rm
take "$(command -v mkdir)" mkdir
# The stubs' own shell: the one that starts fastest.
if [ -e real/dash ]; then ln real/dash real/stubs; else ln real/bash real/stubs; fi
# A bash that is called sh is another one.
if [ "$tested" = bash ]; then ln real/bash real/sh; fi

printf '%s' "$PROLOGUE" > real/prologue
printf '%s' "$START" > real/start
printf '%s' "$STUB" > real/stub
chmod +x real/stub
for name in $STUBS; do ln -s ../real/stub "bin/$name"; done
ln -s bin/wait-shutdown wait-shutdown
ln -s ../bin/drain.sh app/drain.sh
i=0
while [ $i -lt 120 ]; do echo; i=$((i + 1)); done > real/budget
for i in 0 1 2 3 4 5; do head -n $i real/budget > real/again/$i; done
ln real/budget real/again/always

: > dev/null
mount --bind /dev/null dev/null
: > proc/1/fd/1 && mount --bind /dev/null proc/1/fd/1
: > proc/1/fd/2 && mount --bind /dev/null proc/1/fd/2
mount -t tmpfs -o size=8m,mode=777 tmpfs tmp
mount -t tmpfs -o size=8m,mode=777 tmpfs run
mount -o remount,ro,bind "$root"

pivot_root . old
cd /
# umount wants the machine's /proc.
/real/chroot /old umount -l /
unset PROLOGUE START STUB STUBS
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DG_SHELL="$tested"
exec /real/stubs
