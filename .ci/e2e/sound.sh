#!/usr/bin/env bash
# Real sound servers, PulseAudio and PipeWire, with cards made of nothing hear
# what "secstream play" plays, bit for bit, over the joins of tracks and through
# pauses and seeks, each channel at its place; and where there is no sound at all,
# play says what to do.
. "$(dirname "$0")/lib"
needs pulseaudio parec pipewire pipewire-pulse wireplumber dbus-daemon node ffmpeg flac sox tmux
build

# Where that is allowed, sound comes before whatever else the machine does, as
# PulseAudio sees to for itself.
first=()
chrt -r 5 true 2>/dev/null && first=(chrt -r 5)

# card RATE CHANNELS NAME starts a sound server, $SERVER, at that rate and a
# recording of what it gets to hear, and sets LISTEN to the environment that leads there.
SERVER=pulse_server
card() {
  local rate=$1 channels=$2 name=$3 d=$T/$3.d places=mono order=mono position=MONO
  rm -rf "$d"
  mkdir -p -m 700 "$d/run/pulse"
  case $channels in
    2)
      places=front-left,front-right order=front-left,front-right position="FL FR" ;;
    6) # of files; of cards, twice
      places=front-left,front-right,front-center,lfe,rear-left,rear-right
      order=front-left,front-right,rear-left,rear-right,front-center,lfe position="FL FR RL RR FC LFE" ;;
  esac
  LISTEN=(env -u PIPEWIRE_REMOTE PULSE_SERVER="unix:$d/run/pulse/native" DBUS_SESSION_BUS_ADDRESS="unix:path=$d/bus"
    XDG_RUNTIME_DIR="$d/run" PIPEWIRE_RUNTIME_DIR="$d/run" XDG_CONFIG_HOME="$d/config" XDG_STATE_HOME="$d/state" HOME="$d")
  CARD=()
  "$SERVER"
  # What is recorded late is lost when the recorder ends.
  start "$name-recorder" "${LISTEN[@]}" "${first[@]}" parec -d cap.monitor --latency-msec=100 \
    --format=s16le --rate="$rate" --channels="$channels" --channel-map="$places"
  RECORDER=$PID
  until_true 20 test -s "$T/$name-recorder.out" || die "nothing is recorded"
}

# part NAME COMMAND... starts a part of a sound server.
part() { start "$name-$1" "${LISTEN[@]}" "${@:2}"; CARD+=("$PID"); }

# Without norewinds the monitor misses the beginning of what is played.
pulse_server() {
  part server pulseaudio -n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disallow-exit \
    -L "module-null-sink sink_name=cap rate=$rate format=s16le channels=$channels channel_map=$order norewinds=1" \
    -L "module-native-protocol-unix socket=$d/run/pulse/native auth-anonymous=1"
  until_true 20 test -S "$d/run/pulse/native" || die "the sound server does not come up"
}

# PipeWire is three programs, one of which wants a message bus.
pipewire_server() {
  mkdir -p "$d/config/pipewire/pipewire.conf.d"
  cat >"$d/config/pipewire/pipewire.conf.d/cap.conf" <<END
context.properties = { default.clock.rate = $rate }
context.objects = [ { factory = adapter args = {
  factory.name = support.null-audio-sink node.name = cap media.class = Audio/Sink
  audio.rate = $rate audio.position = [ $position ] object.linger = true } } ]
END
  part bus dbus-daemon --session --nofork --nopidfile --address="unix:path=$d/bus"
  part pipewire "${first[@]}" pipewire
  until_true 20 test -S "$d/run/pipewire-0" -a -S "$d/bus" || die "PipeWire does not come up"
  part wireplumber wireplumber
  part server "${first[@]}" pipewire-pulse
  until_true 20 linked || die "PipeWire has no sink"
}
linked() { "${LISTEN[@]}" "$T/secstream" devices | grep -q 'pulse:cap.*default'; }

# recorded NAME ends both, and leaves the recording in $T/NAME.raw.
recorded() {
  sleep 1.5
  kill "$RECORDER"
  ended "$RECORDER" 10
  for pid in "${CARD[@]}"; do end "$pid"; done
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
      "$(printf '%q ' "${LISTEN[@]}" SECSTREAM_CONFIG_DIR="$SECSTREAM_CONFIG_DIR" "${first[@]}" "$T/secstream" play --no-resume --output pulse:cap "$file") 2>$T/$name.err; echo \$? >$T/$name.status"
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
# 5.1 with the surrounds at the sides, which the card has behind.
head -c $((2 * 44100 * 12)) /dev/urandom >"$T/six.raw"
six=(ffmpeg -nostdin -v error -bitexact -f s16le -ar 44100 -ac 6 -channel_layout "5.1(side)" -i "$T/six.raw" -bitexact)
"${six[@]}" "$T/six.wav"
"${six[@]}" -af atrim=end_sample=44101 "$T/six-1.wav"
"${six[@]}" -af atrim=start_sample=44101 "$T/six-2.wav"
flac -s "$T/six-1.wav"
heard 44100 6 surround "$T/six.wav" "$T/six-1.flac" "$T/six-2.wav"
heard 16000 1 mono "$AUDIO/speech-librivox-16k.wav" --track speech-librivox "$address"
stop "$server"

say "a pause and seeking by the keys: exact runs, joined by fades"
sox -n -r 44100 -c 2 -b 16 "$T/noise.wav" synth 20 whitenoise vol 0.5
# A pause goes on where it faded out. A seek goes five seconds from what is
# heard, which is behind what was sent to the server by then.
pressed keys "$T/noise.wav" 0:0.05 4.2:5.05 -5.9:-4.95

say "PipeWire hears the same"
SERVER=pipewire_server
heard 44100 6 pipewire "$T/six.wav" "$T/six-1.flac" "$T/six-2.wav"
pressed pipewire-keys "$T/noise.wav" 0:0.05 4.2:5.05 -5.9:-4.95

say "without any sound"
mkdir -p -m 700 "$T/none"
start silent env -u PULSE_SERVER -u DISPLAY -u DBUS_SESSION_BUS_ADDRESS PATH=/nowhere HOME="$T/none" XDG_RUNTIME_DIR="$T/none" \
  "$(command -v timeout)" 30 "$T/secstream" play --no-tui --output auto "$AUDIO/music-drums.wav"
ended "$PID" 35
[ "$STATUS" = 1 ] || die "play without sound ended with $STATUS: $(cat "$T/silent.err")"
[ "$(grep -c '^secstream: error: ' "$T/silent.err")" = 1 ] || die "not one error: $(cat "$T/silent.err")"
grep -q -- '--output' "$T/silent.err" || die "no word of what to do: $(cat "$T/silent.err")"
say "$(tr '\n' ' ' <"$T/silent.err")"
