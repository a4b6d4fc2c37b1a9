#!/usr/bin/env bash
# A real sound server with a card made of nothing hears what "secstream play"
# plays, bit for bit; and where there is no sound at all, play says what to do.
. "$(dirname "$0")/lib"
needs pulseaudio parec node ffmpeg flac sox
build

# Where that is allowed, sound comes before whatever else the machine does, as
# PulseAudio sees to for itself.
first=()
chrt -r 5 true 2>/dev/null && first=(chrt -r 5)

# record RATE CHANNELS NAME PLAY... leaves what a sound server at that rate
# gets to hear in $T/NAME.raw.
record() {
  local rate=$1 channels=$2 name=$3 server recorder d=$T/$3.d
  shift 3
  rm -rf "$d"
  mkdir -p -m 700 "$d/run"
  # Without norewinds the monitor misses the beginning of what is played.
  start "$name-server" env XDG_RUNTIME_DIR="$d/run" HOME="$d" pulseaudio -n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disallow-exit \
    -L "module-null-sink sink_name=cap rate=$rate format=s16le channels=$channels norewinds=1" \
    -L "module-native-protocol-unix socket=$d/native auth-anonymous=1"
  server=$PID
  until_true 20 test -S "$d/native" || die "the sound server does not come up"
  start "$name-recorder" env PULSE_SERVER="unix:$d/native" XDG_RUNTIME_DIR="$d/run" HOME="$d" \
    "${first[@]}" parec -d cap.monitor --format=s16le --rate="$rate" --channels="$channels"
  recorder=$PID
  until_true 20 test -s "$T/$name-recorder.out" || die "nothing is recorded"
  PULSE_SERVER=unix:$d/native XDG_RUNTIME_DIR=$d/run HOME=$d "${first[@]}" timeout 60 "$T/secstream" play --no-tui --output auto "$@" >"$T/$name.out" 2>"$T/$name.err" ||
    die "$name: it does not play: $(cat "$T/$name.err")"
  sleep 1.5
  kill "$recorder"
  ended "$recorder" 10
  end "$server"
  mv "$T/$name-recorder.out" "$T/$name.raw"
}

# heard RATE CHANNELS NAME FILE PLAY...: the sound server hears the samples of
# FILE, no other; heard.mjs says when that takes another try.
heard() {
  local name=$3 file=$4 recordings=() verdict
  ffmpeg -nostdin -v error -i "$file" -f s16le "$T/$name.want"
  for try in 1 2 3; do
    record "$1" "$2" "$name" "${@:5}"
    mv "$T/$name.raw" "$T/$name.raw.$try"
    recordings+=("$T/$name.raw.$try")
    verdict=0
    node "$E2E/heard.mjs" "$1" "$2" "$T/$name.want" "${recordings[@]}" >"$T/$name.heard" || verdict=$?
    [ "$verdict" = 3 ] || break
  done
  [ "$verdict" = 0 ] || die "$name: $(cat "$T/$name.heard")"
  say "$name: $(cat "$T/$name.heard")"
  rm -r "$T/$name".*
}

sox "$AUDIO/music-drums.wav" "$T/short.wav" trim 2 3
say "a sound server hears the very samples"
heard 44100 2 local "$AUDIO/music-drums.wav" "$AUDIO/music-drums.wav"
serve music --slice 1s --randomize "$AUDIO"
server=$PID address=$ADDR
heard 44100 2 served "$AUDIO/music-drums.wav" --track music-drums.wav "$address"
flac -s -o "$T/short.flac" "$T/short.wav"
heard 44100 2 flac "$T/short.wav" "$T/short.flac"
heard 16000 1 mono "$AUDIO/speech-librivox-16k.wav" --track speech-librivox "$address"
stop "$server"

say "without any sound"
mkdir -p -m 700 "$T/none"
start silent env -u PULSE_SERVER -u DISPLAY -u DBUS_SESSION_BUS_ADDRESS PATH=/nowhere HOME="$T/none" XDG_RUNTIME_DIR="$T/none" \
  "$(command -v timeout)" 30 "$T/secstream" play --no-tui --output auto "$AUDIO/music-drums.wav"
ended "$PID" 35
[ "$STATUS" = 1 ] || die "play without sound ended with $STATUS: $(cat "$T/silent.err")"
[ "$(grep -c '^secstream: error: ' "$T/silent.err")" = 1 ] || die "not one error: $(cat "$T/silent.err")"
grep -q -- '--output' "$T/silent.err" || die "no word of what to do: $(cat "$T/silent.err")"
say "$(tr '\n' ' ' <"$T/silent.err")"
