#!/usr/bin/env bash
# A crowd: sessions that are opened and played at once. No slice may fail, each
# is authenticated and expanded, and once the listeners are gone the server
# holds no more than before they came.
#   soak.sh [SESSIONS SECONDS SPEED]     10000 60 1 is what the issue asks for
. "$(dirname "$0")/lib"
needs lame sox
sessions=${1:-2000} seconds=${2:-10} speed=${3:-4}
build
build_load
mkdir "$T/music"
cp "$AUDIO"/{music-march-vbr.mp3,music-safari-cbr.mp3,speech-french-8k.flac,speech-russian-8k.ogg,speech-librivox-16k.wav} "$T/music"
# Not compressed: sealing a fifth of the crowd's slices at level 6, 4 ms of a core
# each, would make this a measurement of DEFLATE.
metrics=$("$T/load" port)
serve soak --compression 0 --metrics "127.0.0.1:$metrics" "$T/music"
"$T/load" soak "$ADDR" "http://127.0.0.1:$metrics" "$PID" "$sessions" "$seconds" "$speed"
stop "$PID"
