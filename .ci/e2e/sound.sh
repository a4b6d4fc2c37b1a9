#!/usr/bin/env bash
# A real sound server with a card made of nothing hears what "secstream play"
# plays, bit for bit, over the joins of tracks and through pauses and seeks; and where there is no sound at all, play says what to do.
. "$(dirname "$0")/lib"
needs pulseaudio parec node ffmpeg flac sox tmux
build

# Where that is allowed, sound comes before whatever else the machine does, as
# PulseAudio sees to for itself.
first=()
chrt -r 5 true 2>/dev/null && first=(chrt -r 5)

# card RATE CHANNELS NAME starts a sound server at that rate and a recording of
# what it gets to hear, and sets LISTEN to the environment that leads there.
card() {
  local rate=$1 channels=$2 name=$3 d=$T/$3.d
  rm -rf "$d"
  mkdir -p -m 700 "$d/run"
  # Without norewinds the monitor misses the beginning of what is played.
  start "$name-server" env XDG_RUNTIME_DIR="$d/run" HOME="$d" pulseaudio -n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disallow-exit \
    -L "module-null-sink sink_name=cap rate=$rate format=s16le channels=$channels norewinds=1" \
    -L "module-native-protocol-unix socket=$d/native auth-anonymous=1"
  CARD=$PID
  LISTEN=(env PULSE_SERVER="unix:$d/native" XDG_RUNTIME_DIR="$d/run" HOME="$d")
  until_true 20 test -S "$d/native" || die "the sound server does not come up"
  start "$name-recorder" "${LISTEN[@]}" "${first[@]}" parec -d cap.monitor --format=s16le --rate="$rate" --channels="$channels"
  RECORDER=$PID
  until_true 20 test -s "$T/$name-recorder.out" || die "nothing is recorded"
}

# recorded NAME ends both, and leaves the recording in $T/NAME.raw.
recorded() {
  sleep 1.5
  kill "$RECORDER"
  ended "$RECORDER" 10
  end "$CARD"
  mv "$T/$1-recorder.out" "$T/$1.raw"
}

# record RATE CHANNELS NAME PLAY... leaves what a sound server at that rate
# gets to hear in $T/NAME.raw.
record() {
  local name=$3
  card "$1" "$2" "$name"
  "${LISTEN[@]}" "${first[@]}" timeout 60 "$T/secstream" play --no-tui --output auto "${@:4}" >"$T/$name.out" 2>"$T/$name.err" ||
    die "$name: it does not play: $(cat "$T/$name.err")"
  recorded "$name"
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

# pressed NAME FILE EXPECTED... plays FILE on the full screen: a pause, ten
# seconds' worth of seeking, and the end by hand. runs.mjs judges.
KEYS=$T/keys
finish() { tmux -S "$KEYS" kill-server 2>/dev/null || true; }
key() { tmux -S "$KEYS" send-keys -t play "$1"; }
pressed() {
  local name=$1 file=$2 verdict=3
  ffmpeg -nostdin -v error -i "$file" -f s16le "$T/$name.want"
  for try in 1 2 3; do
    card 44100 2 "$name"
    rm -f "$T/$name.status"
    tmux -S "$KEYS" -f /dev/null new-session -d -s play -x 100 -y 30 \
      "$(printf '%q ' "${LISTEN[@]}" SECSTREAM_CONFIG_DIR="$SECSTREAM_CONFIG_DIR" "${first[@]}" "$T/secstream" play --output pulse:cap "$file") 2>$T/$name.err; echo \$? >$T/$name.status"
    until_true 20 sounds "$T/$name-recorder.out" || die "$name: nothing sounds: $(cat "$T/$name.err")"
    sleep 1.2; key Space
    sleep 0.8; key Space
    sleep 1.2; key Right
    sleep 1.2; key Left
    sleep 1.2; key q
    until_true 10 test -s "$T/$name.status" || die "$name: it does not end"
    [ "$(cat "$T/$name.status")" = 0 ] || die "$name: ended with $(cat "$T/$name.status"): $(cat "$T/$name.err")"
    recorded "$name"
    verdict=0
    node "$E2E/runs.mjs" 44100 "$T/$name.want" "$T/$name.raw" "${@:3}" >"$T/$name.heard" || verdict=$?
    [ "$verdict" != 0 ] || break
  done
  [ "$verdict" = 0 ] || [ "$verdict" = 3 ] || die "$name: $(cat "$T/$name.heard")"
  say "$name: $(cat "$T/$name.heard"), try $try"
}
sounds() { [ "$(tr -d '\0' <"$1" | head -c 1 | wc -c)" = 1 ]; }

sox "$AUDIO/music-drums.wav" "$T/short.wav" trim 2 3
say "a sound server hears the very samples"
heard 44100 2 local "$AUDIO/music-drums.wav" "$AUDIO/music-drums.wav"
serve music --slice 1s --randomize "$AUDIO"
server=$PID address=$ADDR
heard 44100 2 served "$AUDIO/music-drums.wav" --track music-drums.wav "$address"
# Three tracks that were one: nothing is heard of the joins.
sox "$T/short.wav" "$T/1.wav" trim 0 44101s
sox "$T/short.wav" "$T/2.wav" trim 44101s 4242s
sox "$T/short.wav" "$T/3.wav" trim 48343s
flac -s "$T/1.wav" "$T/2.wav" "$T/3.wav"
heard 44100 2 tracks "$T/short.wav" "$T/1.flac" "$T/2.wav" "$T/3.flac"
heard 16000 1 mono "$AUDIO/speech-librivox-16k.wav" --track speech-librivox "$address"
stop "$server"

say "a pause and seeking by the keys: exact runs, joined by fades"
sox -n -r 44100 -c 2 -b 16 "$T/noise.wav" synth 20 whitenoise vol 0.5
# A pause goes on where it faded out. A seek goes five seconds from what is
# heard, which is behind what was sent to the server by then.
pressed keys "$T/noise.wav" 0:0.05 4.2:5.05 -5.9:-4.95

say "without any sound"
mkdir -p -m 700 "$T/none"
start silent env -u PULSE_SERVER -u DISPLAY -u DBUS_SESSION_BUS_ADDRESS PATH=/nowhere HOME="$T/none" XDG_RUNTIME_DIR="$T/none" \
  "$(command -v timeout)" 30 "$T/secstream" play --no-tui --output auto "$AUDIO/music-drums.wav"
ended "$PID" 35
[ "$STATUS" = 1 ] || die "play without sound ended with $STATUS: $(cat "$T/silent.err")"
[ "$(grep -c '^secstream: error: ' "$T/silent.err")" = 1 ] || die "not one error: $(cat "$T/silent.err")"
grep -q -- '--output' "$T/silent.err" || die "no word of what to do: $(cat "$T/silent.err")"
say "$(tr '\n' ' ' <"$T/silent.err")"
