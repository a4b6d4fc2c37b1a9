#!/usr/bin/env bash
# Clients that know nothing of secstream but its protocol page play every kind
# of file from a running server, and the decoders of others take every slice
# they got by itself: flac, lame, oggdec, opusdec, ffmpeg.
. "$(dirname "$0")/lib"
needs node flac lame oggenc oggdec opusenc opusdec ffmpeg sox
build

say "files of every kind"
mkdir "$T/files" "$T/raw"
cp "$AUDIO"/*-*.* "$T/files"
cd_wav=$T/raw/cd.wav
hires=$T/raw/hires.wav
sox "$AUDIO/music-drums.wav" "$cd_wav" trim 0 3.3 vol 0.9
sox "$cd_wav" -b 24 "$hires" vol 0.77 rate 48k
at() { printf '%s/files/%s' "$T" "$1"; }
for kind in u8 s16le s24le s32le f32le f64le alaw mulaw; do
  ffmpeg -nostdin -v error -i "$hires" -c:a "pcm_$kind" "$(at "wav-$kind.wav")"
done
flac -s -0 -o "$(at flac-0.flac)" "$cd_wav"
flac -s -8 -o "$(at flac-24.flac)" "$hires" 2>/dev/null # it warns of a chunk it leaves out
flac -s --lax -b 16384 -o "$(at flac-16384.flac)" "$cd_wav"
sox -D "$cd_wav" -b 8 "$T/raw/8.wav" remix 1 vol 0.9
flac -s -b 192 -o "$(at flac-8bit-mono.flac)" "$T/raw/8.wav"
for how in "cbr320 -b 320" "v0 -V0" "v9 -V9" "abr --abr 150" "mono -m m -b 64" "crc -p -b 112" "no-tag -t -b 128" \
  "22k --resample 22.05 -b 64" "16k --resample 16" "8k --resample 8 -b 8 -m m"; do
  read -r name args <<<"$how"
  # shellcheck disable=SC2086 # several arguments
  lame --quiet $args "$cd_wav" "$(at "mp3-$name.mp3")"
done
oggenc -Q -q -1 -o "$(at vorbis-low.ogg)" "$cd_wav"
oggenc -Q -q 10 -o "$(at vorbis-high.ogg)" "$cd_wav"
oggenc -Q --resample 22050 --downmix -o "$(at vorbis-22k-mono.ogg)" "$cd_wav"
opusenc --quiet "$cd_wav" "$(at opus.opus)"
total=$(find "$T/files" -type f | wc -l)

# judged NAME: every slice of every track below $T/NAME, by its decoders.
judged() {
  local tracks
  tracks=$(find "$T/$1" -name track | wc -l)
  [ "$tracks" = "${2:-$total}" ] || die "$1: $tracks tracks, not ${2:-$total}"
  find "$T/$1" -mindepth 1 -maxdepth 1 -type d | xargs -P "$(nproc)" -I '{}' bash "$E2E/judge" '{}' "$T/files" >"$T/$1.judged" ||
    die "$1: a slice does not stand by itself"
  say "$1: $(awk '{ n[$2] += $3; t++ } END { for (k in n) { printf "%s %d  ", k, n[k]; all += n[k] }; printf "= %d slices of %d tracks", all, t }' "$T/$1.judged")"
  rm -rf "${T:?}/$1"
}

client=testdata/nodeclient/play.mjs
say "play by the protocol page, decode every slice by itself (node $(node --version))"
serve default "$T/files"
node "$client" "$ADDR" "$T/default" >"$T/default.log"
node "$client" --native "$ADDR" "$T/native" >"$T/native.log"
stop "$PID"
judged default
judged native

serve short --slice 1s --compression 1 "$T/files"
node "$client" "$ADDR" "$T/short" >"$T/short.log"
stop "$PID"
judged short

serve random --slice 2s --randomize --variance 1 "$T/files"
node "$client" "$ADDR" "$T/random" >"$T/random.log"
stop "$PID"
judged random

serve upload --slice 1s --allow-upload "$AUDIO"
node "$client" --upload "$ADDR" "$T/upload" "$T"/files/wav-* "$T"/files/*-0.flac "$T"/files/music-guitar.* "$T"/files/mp3-v0.mp3 "$T"/files/vorbis-low.ogg >"$T/upload.log"
stop "$PID"
judged upload 13

say "a client that behaves like the published one"
serve v1 --allow-upload --cors https://player.example "$T/files"
SECSTREAM_ADDRESS=$ADDR SECSTREAM_FILES=$T/files timeout 120 node testdata/nodeclient/v1client.test.mjs >"$T/v1client.log" ||
  { cat "$T/v1client.log" >&2; die "the v1 client is not content"; }
stop "$PID"
say "$(grep -c '^✔\|^ok ' "$T/v1client.log") checks passed"

say "protocol v2: a listener written from section 8 of the protocol page"
node testdata/nodeclient/v2vectors.test.mjs >"$T/v2vectors.log" || { cat "$T/v2vectors.log" >&2; die "the vectors of v2 are others"; }
serve v2 "$T/files"
ours=$ADDR identity=$(sed -n 's/^identity //p' "$T/v2.out")
node testdata/nodeclient/v2client.mjs --identity "$identity" --suite ChaCha20-Poly1305 "$ADDR" "$T/coded" \
  flac-24.flac mp3-v0.mp3 mp3-mono.mp3 vorbis-low.ogg opus.opus >"$T/coded.log"
serve odd --pad --decode always --rekey-after 3 "$T/files"
SECSTREAM_ADDRESS=$ours SECSTREAM_ODD=$ADDR SECSTREAM_IDENTITY=$identity SECSTREAM_FILES=$T/files SECSTREAM_ORIGINAL=$cd_wav \
  timeout 60 node testdata/nodeclient/v2client.test.mjs >"$T/v2client.log" || { cat "$T/v2client.log" >&2; die "the v2 client is not content"; }
for pid in "${STARTED[@]: -2}"; do stop "$pid"; done
judged coded 5
say "$(cat "$T/v2vectors.log" "$T/v2client.log" | grep -c '^✔\|^ok ') checks passed"
