#!/usr/bin/env bash
# kill -9 while uploads arrive and are played: nothing of them is on the disk
# in the clear, before or after; the next server clears up after the last, and
# serves under the same track IDs.
. "$(dirname "$0")/lib"
needs grep
build
build_load
mkdir "$T/music" "$T/tmp"
cp "$AUDIO/music-safari-cbr.mp3" "$AUDIO/speech-french-8k.flac" "$T/music"
pattern='these very words are the samples'
"$T/load" tone "$T/upload.wav" "$pattern" 20 # 3.5 MB
searched=("$T/tmp" "$SECSTREAM_CONFIG_DIR")

# clear_at PLACE...: the places that hold the pattern.
clear_at() { LC_ALL=C grep -rlaF -e "$pattern" "$@" || [ $? = 1 ]; }
[ -n "$(clear_at "$T/upload.wav")" ] || die "the search does not find what is there"

# hidden PID DIR: what a server holds open of files that have lost their names, copied to DIR.
hidden() {
  mkdir -p "$2"
  for fd in "/proc/$1/fd"/*; do
    case $(readlink "$fd") in "$T/tmp"/*) cat "$fd" >"$2/${fd##*/}" 2>/dev/null || true ;; esac
  done
}

export TMPDIR=$T/tmp
serve first --allow-upload "$T/music"
server=$PID
ids=$("$T/load" ids "$ADDR")
for moment in 0 0.7 1.9; do
  start crash timeout 60 "$T/load" crash "$ADDR" "$T/upload.wav" 4 4
  load=$PID
  until_true 20 grep -q '^under way' "$T/crash.out" || die "it does not get under way: $(cat "$T/crash.err")"
  sleep "$moment"
  hidden "$server" "$T/hidden"
  end "$server"
  ended "$load" 40
  [ "$STATUS" = 0 ] || die "$(cat "$T/crash.err")"
  size=$(du -cb "$T/hidden" "$T/tmp" | tail -n 1 | cut -f 1)
  [ "$size" -gt 1000000 ] || die "there were $size bytes of uploads on the disk: too few to search"
  found=$(clear_at "${searched[@]}" "$T/hidden" "$T"/*.err "$T"/*.out)
  [ -z "$found" ] || die "in the clear: $found"
  rm -r "$T/hidden"
  serve "after-$moment" --allow-upload "$T/music"
  server=$PID
  left=$(find "$T/tmp" -mindepth 1 -maxdepth 1 -name 'secstream-*' | wc -l)
  [ "$left" = 1 ] || die "$left folders of uploads, one server: $(ls "$T/tmp")"
  [ "$("$T/load" ids "$ADDR")" = "$ids" ] || die "the tracks are not called what they were"
  "$T/load" spread "$ADDR" 4 4
  say "$moment s: $(tail -n 1 "$T/crash.out"); $((size / 1000)) kB on the disk, nothing in the clear"
done
stop "$server"
[ -z "$(ls "$T/tmp")" ] || die "left behind: $(ls "$T/tmp")"
