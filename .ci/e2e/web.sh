#!/usr/bin/env bash
# The web player in a real browser: it sounds as the file does, to the sample; it
# refuses what it has to; and it shows what it should.
. "$(dirname "$0")/lib"
needs node chromium ffmpeg flac metaflac lame oggenc opusenc opusdec sox
build

say "the browser's modules, as far as they need no browser (node $(node --version))"
{ node "$E2E/web/protocol.test.mjs" && node "$E2E/web/session.test.mjs" && node "$E2E/web/bounds.test.mjs"; } >"$T/protocol.log" &
modules=$!

say "files of every kind"
mkdir -p "$T/files" "$T/raw"
cp "$AUDIO"/*-*.* "$T/files"
cd_wav=$T/raw/cd.wav
hires=$T/raw/hires.wav
sox "$AUDIO/music-drums.wav" "$cd_wav" trim 0 3.3 vol 0.9
sox "$cd_wav" -b 24 "$hires" vol 0.77 rate 48k
at() { printf '%s/files/%s' "$T" "$1"; }
for kind in u8 s16le s24le s32le f32le f64le alaw mulaw; do
  ffmpeg -nostdin -v error -i "$hires" -c:a "pcm_$kind" "$(at "wav-$kind.wav")"
done
flac -s -8 -e -p -o "$(at flac-24.flac)" "$hires" 2>/dev/null # it warns of a chunk it leaves out
sox "$cd_wav" -b 32 "$T/raw/32.wav" vol 0.77 rate 96k
flac -s -8 -e -p -o "$(at flac-32.flac)" "$T/raw/32.wav" 2>/dev/null
flac -s --lax -b 16384 -o "$(at flac-16384.flac)" "$cd_wav"
ffmpeg -nostdin -v error -i "$hires" -af 'pan=5.1|FL=FL|FR=FR|FC=0.5*FL+0.5*FR|LFE=0.2*FL|BL=0.7*FL|BR=0.7*FR' -c:a flac -sample_fmt s16 "$(at flac-6.flac)"
for how in "cbr320 -b 320" "v9 -V9" "mono -m m -b 64" "crc -p -b 112" "no-tag -t -b 128" "22k --resample 22.05 -b 64" "8k --resample 8 -b 8 -m m"; do
  read -r name args <<<"$how"
  # shellcheck disable=SC2086 # several arguments
  lame --quiet $args "$cd_wav" "$(at "mp3-$name.mp3")"
done
oggenc -Q -q -1 -o "$(at vorbis-low.ogg)" "$cd_wav"
oggenc -Q -q 10 -o "$(at vorbis-high.ogg)" "$cd_wav"
oggenc -Q --resample 22050 --downmix -o "$(at vorbis-22k-mono.ogg)" "$cd_wav"
opusenc --quiet "$cd_wav" "$(at opus.opus)"

say "files with names and tags that try to be more"
mkdir -p "$T/hostile/<img src=x onerror=hacked()>"
hostile="$T/hostile/<img src=x onerror=hacked()>"
tags=(--set-tag='TITLE=<script>hacked()</script><img src=x onerror=hacked()>' --set-tag='ARTIST="><svg onload=hacked()>'
  --set-tag='ALBUM=javascript:hacked()//</title><style>*{display:none}</style>' --set-tag='DATE=<b>1999')
flac -s -o "$hostile/a\"b'c&amp;.flac" "$cd_wav"
metaflac "${tags[@]}" "$hostile/a\"b'c&amp;.flac"
flac -s -o "$hostile/turned.flac" "$cd_wav"
metaflac --set-tag="TITLE=$(printf 'safe\xe2\x80\xae3pm.exe\x01\x1b[31m')" "$hostile/turned.flac"
printf '<svg xmlns="http://www.w3.org/2000/svg"><script>hacked()</script></svg>' >"$T/raw/cover.svg"
metaflac --import-picture-from="3|image/svg+xml||1x1x24|$T/raw/cover.svg" "$hostile/turned.flac"

# Music with words and a loudness, and the same words by somebody hostile.
mkdir -p "$T/words"
flac -s -o "$T/words/1.flac" "$cd_wav"
metaflac --set-tag=TITLE=Loud --set-tag=ALBUM=Words --set-tag='REPLAYGAIN_TRACK_GAIN=+6.00 dB' --set-tag=REPLAYGAIN_TRACK_PEAK=0.8 --set-tag='REPLAYGAIN_ALBUM_GAIN=-6.02 dB' "$T/words/1.flac"
printf '[ti:Loud]\n[00:00.00]first\n[00:01.00]<00:01.00><img src=x onerror=hacked()>\n[00:02.50]third\n' >"$T/words/1.lrc"

# One piece of music as a file, and as two that were cut in the middle of it.
mkdir -p "$T/cut"
sox "$AUDIO/music-drums.wav" "$T/raw/whole.wav" trim 0 176400s
sox "$T/raw/whole.wav" "$T/cut/1.wav" trim 0 98765s
sox "$T/raw/whole.wav" "$T/cut/2.wav" trim 98765s
flac -s -o "$T/cut/3.flac" "$T/raw/whole.wav"

wait "$modules" || { cat "$T/protocol.log" >&2; die "the modules are not as they should be"; }
say "$(grep -c '^✔\|^ok ' "$T/protocol.log") checks of modules passed"
export SECSTREAM_SERVER=$T/secstream SECSTREAM_FOLDER=$T SECSTREAM_AUDIO=$AUDIO
node "$E2E/web/web.mjs" "$@" || die "the player in the browser is not as it should be"
