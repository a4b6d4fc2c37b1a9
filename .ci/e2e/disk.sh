#!/usr/bin/env bash
# A disk that is full, and files that go away or change under live sessions:
# the session is told clearly, the others play on, and no nonce or key is ever
# used for two contents.
#   disk.sh [SLICES]     so many slices while files are replaced
. "$(dirname "$0")/lib"
needs unshare
slices=${1:-4000}
build
build_load
mkdir "$T/music" "$T/tmp"
"$T/load" tone "$T/music/others.wav" 'somebody else plays this' 30
"$T/load" tone "$T/big.wav" 'more than there is room for' 30   # 5.3 MB
"$T/load" tone "$T/small.wav" 'this much there is room for' 4 # 0.7 MB

# A disk of 2 MB for the uploads of one server: in a name space of its own,
# which goes away with the server, or else what is left of the small one that
# containers have at /dev/shm.
small_disk='mount -t tmpfs -o size=2m tmpfs "$1" && shift && exec "$@"'
disk=$T/tmp apart=() room=0
for way in "unshare -m" "unshare -rm"; do
  read -ra try <<<"$way"
  if "${try[@]}" bash -c "$small_disk" - "$disk" true 2>/dev/null; then
    apart=("${try[@]}" bash -c "$small_disk" - "$disk")
    break
  fi
done
if [ ${#apart[@]} = 0 ]; then
  room=$(df --output=avail -k /dev/shm | tail -n 1)
  [ "$room" -gt 4096 ] && [ "$room" -lt 262144 ] || die "no small disk may be mounted here, and /dev/shm has $room kB: a full disk cannot be tried"
  disk=$(mktemp -d /dev/shm/secstream-e2e.XXXXXX)
  cleanup() { rm -rf "$disk"; }
  fallocate -l $(((room - 2048) * 1024)) "$disk/ballast"
fi
TMPDIR=$disk serve_as full "${apart[@]}" -- --allow-upload "$T/music"
"$T/load" full "$ADDR" "$T/big.wav" "$T/small.wav"
stop "$PID"

serve change "$T/music"
"$T/load" change "$ADDR" "$T/music"
stop "$PID"

mkdir "$T/turns"
cp "$T/music/others.wav" "$T/turns"
# A cache too small for all of them, so that some are made anew.
serve turns --slice 1s --cache-slices 24 "$T/turns"
"$T/load" replace "$ADDR" "$T/turns" "$slices"
stop "$PID"
grep -il 'panic\|goroutine' "$T"/*.err && die "a server log shows trouble"
say "no panic in any log"
