#!/usr/bin/env bash
# Clients that are slow on purpose: each is shown the door within the server's
# limits, and nobody else waits. This takes a minute of waiting and little else.
. "$(dirname "$0")/lib"
build
build_load
mkdir "$T/music"
cp "$AUDIO/speech-librivox-16k.wav" "$T/music"
serve loris --slice 1s --compression 0 --allow-upload "$T/music"
"$T/load" loris "$ADDR"
stop "$PID"
