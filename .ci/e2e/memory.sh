#!/usr/bin/env bash
# What a server takes in memory, and whether long files are as quick to begin
# as short ones: a 2 GB file to 50 sessions in under 100 MB; the first slice of
# three hours in under 1.5 times the time of that of three minutes.
. "$(dirname "$0")/lib"
needs flac lame oggenc ffmpeg sox
build
build_load

# peak is the most memory the server $PID has had resident, kB.
peak() { awk '/^VmHWM/ { print $2 }' "/proc/$PID/status"; }
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$PID/status"; }

# below LIMIT WHAT
below() {
  local kb
  kb=$(peak)
  say "$2: at most $((kb / 1024)) MB resident"
  [ "$kb" -lt $(($1 * 1024)) ] || die "$2: $((kb / 1024)) MB, at most $1 are allowed"
}

say "2 GB of WAV to 50 sessions"
mkdir "$T/big"
"$T/load" wav "$T/big/big.wav" 2000000000
serve big "$T/big"
"$T/load" spread "$ADDR" 50 6
below 100 "300 slices all over the file, three at a time in each session"
"$T/load" slow "$ADDR" 50 4
below 100 "then 50 listeners that read 10 kB/s"
stop "$PID"
serve plain --compression 0 "$T/big"
"$T/load" spread "$ADDR" 50 6
below 100 "without compression"
stop "$PID"
rm -r "$T/big"

say "sessions that are kept"
mkdir "$T/many"
"$T/load" wav "$T/many/100.wav" 100000000
serve many "$T/many"
before=$(resident)
"$T/load" open "$ADDR" 10000
each=$((($(resident) - before) / 10)) # thousandths of a kB
say "10,000 sessions of 113 slices: $((each / 1000)).$((each % 1000 / 100)) kB each"
[ "$each" -lt 16000 ] || die "that is more than 16 kB"
stop "$PID"
rm -r "$T/many"

say "files of three minutes and of three hours"
mkdir "$T/long"
"$T/load" wav "$T/long/short.wav" $((180 * 176400 + 44))
"$T/load" wav "$T/long/long.wav" $((10800 * 176400 + 44))
for length in short long; do flac -s -0 -o "$T/long/$length.flac" "$T/long/$length.wav"; done
sox "$AUDIO/music-drums.wav" "$T/music.wav" vol 0.8 repeat 25
lame --quiet -t -b 128 "$T/music.wav" "$T/long/short.mp3"
for _ in {1..60}; do cat "$T/long/short.mp3"; done >"$T/long/long.mp3"
oggenc -Q -q 3 -o "$T/long/short.ogg" "$T/music.wav"
ffmpeg -nostdin -v error -stream_loop 59 -i "$T/long/short.ogg" -c copy "$T/long/long.ogg"
serve long "$T/long"
say "from the wish to listen to the first slice in the clear, once indexed: medians of 100 runs in turn"
"$T/load" first "$ADDR" 100 || die "three hours take too long to begin"
stop "$PID"
