#!/usr/bin/env bash
# Everything that goes wrong around a server and its listeners: each is told
# in one clear error with its exit code, nothing hangs, no half file is left,
# and the server goes on serving others.
. "$(dirname "$0")/lib"
needs node sox
build
build_load
mkdir "$T/music"
cp "$AUDIO/music-drums.wav" "$AUDIO/speech-french-8k.flac" "$T/music"
"$T/load" wav "$T/music/long.wav" 20000000 # 113 s
secstream=$T/secstream

# play NAME ARG... plays to the end or to the error: STATUS, $T/NAME.err.
play() {
  start "$1" timeout -k 5 60 "$secstream" play --no-tui "${@:2}"
  ended "$PID" 70
}

# told NAME CODE PATTERN... the run ended with CODE and told of it once, in
# words that match every pattern.
told() {
  local name=$1 code=$2 n
  [ "$STATUS" = "$code" ] || die "$name: it ended with $STATUS, not $code: $(tail -n 3 "$T/$name.err")"
  n=$(grep -c '^secstream: error: ' "$T/$name.err") || true
  [ "$n" = 1 ] || die "$name: $n errors: $(cat "$T/$name.err")"
  for pattern in "${@:3}"; do
    grep -Eq "$pattern" "$T/$name.err" || die "$name: no word of \"$pattern\": $(cat "$T/$name.err")"
  done
  say "$name: $code, $(sed -n 's/^secstream: error: //p' "$T/$name.err")"
}

playing() { grep -q '^playing' "$T/$1.out"; }

# whole ADDRESS: the server still serves others.
whole() {
  local server=$PID
  play others --track drums --output "wav:$T/others.wav" "$1"
  [ "$STATUS" = 0 ] || die "the server no longer serves others: $(cat "$T/others.err")"
  cmp <(tail -c 1209600 "$T/others.wav") <(tail -c 1209600 "$AUDIO/music-drums.wav")
  rm "$T/others.wav"
  PID=$server
}

# listed ADDRESS FRAMES: the library has a track of so many frames.
listed() {
  node -e "fetch('$1/api/library').then(r => r.json()).then(l => process.exit(l.tracks.some(t => t.totalSamples === $2) ? 0 : 1))"
}

say "a file that shrinks while it is played, and one that is replaced"
serve change --slice 1s "$T/music"
server=$PID address=$ADDR
start shrinks timeout 60 "$secstream" play --no-tui --track long --output null "$address"
player=$PID
until_true 20 playing shrinks || die "it does not play"
sleep 1
truncate -s 1000 "$T/music/long.wav"
ended "$player" 60
told shrinks 5 'file (was replaced|is shorter)|no longer' '^secstream: hint: '
PID=$server whole "$address"

"$T/load" wav "$T/music/long.wav" 20000000
until_true 20 listed "$address" 4999989 ||
  die "the repaired file is not noticed"
start replaced timeout 60 "$secstream" play --no-tui --track long --output null "$address"
player=$PID
until_true 20 playing replaced || die "it does not play"
sleep 1
cp "$AUDIO/music-coffee-8k.wav" "$T/music/.new"
mv "$T/music/.new" "$T/music/long.wav"
ended "$player" 60
told replaced 5 'replaced after the session began' '^secstream: hint: '
PID=$server whole "$address"
stop "$server"
"$T/load" wav "$T/music/long.wav" 600000000

# written SIZE: so much of a file is there, under its temporary name.
written() { [ -n "$(find "$T/out" -name '.*.part' -size "+$1")" ]; }

say "a server that is killed mid-track"
for out in null wav; do
  serve killed --slice 1s "$T/music"
  server=$PID
  target=null
  [ $out = null ] || target=wav:$T/out/half.wav
  mkdir -p "$T/out"
  start vanished-$out timeout 60 "$secstream" play --no-tui --track long --output "$target" "$ADDR"
  player=$PID
  until_true 20 playing vanished-$out || die "it does not play"
  [ $out = null ] || until_true 20 written 2M || die "nothing is written"
  end "$server"
  begin=$SECONDS
  ended "$player" 45
  told vanished-$out 4 'does not answer' '^secstream: hint: '
  say "after $((SECONDS - begin)) s"
  [ -z "$(ls -A "$T/out")" ] || die "left behind: $(ls -A "$T/out")"
done

say "a full disk"
play full-device --track drums --output raw:/dev/full "$T/music"
told full-device 1 'no space left on device' '^secstream: hint: make room'
if [ "$(id -u)" = 0 ] && mkdir "$T/small" && mount -t tmpfs -o size=256k tmpfs "$T/small" 2>/dev/null; then
  cleanup() { umount "$T/small" 2>/dev/null || true; }
  echo 'what was there' >"$T/small/out.wav"
  play full-disk --track drums --output "wav:$T/small/out.wav" "$T/music"
  told full-disk 1 'no space left on device' '^secstream: hint: make room'
  [ "$(ls -A "$T/small")" = out.wav ] && [ "$(cat "$T/small/out.wav")" = 'what was there' ] || die "half a file is left"
else
  say "no tmpfs may be mounted here: /dev/full alone"
fi

say "unreadable files among good ones"
mkdir "$T/mixed"
cp "$AUDIO/music-drums.wav" "$T/mixed/good.wav"
head -c 5000 /dev/urandom >"$T/mixed/bad.mp3"
head -c 300 "$AUDIO/music-chimes.ogg" >"$T/mixed/cut.ogg"
: >"$T/mixed/empty.flac"
ln -s /etc/hostname "$T/mixed/link.wav"
mkfifo "$T/mixed/pipe.wav"
serve mixed "$T/mixed"
grep -q '^serving 1 track$' "$T/mixed.out" || die "not one track: $(cat "$T/mixed.out")"
until_true 5 grep -q '^5 files could not be read' "$T/mixed.out" || die "not five refusals: $(cat "$T/mixed.out")"
for name in bad.mp3 cut.ogg empty.flac link.wav pipe.wav; do
  grep -q "level=WARN .*path=$name reason=" "$T/mixed.err" || die "no word of $name: $(cat "$T/mixed.err")"
done
server=$PID
play mixed-play --output null --start 6s "$ADDR"
[ "$STATUS" = 0 ] || die "the good one does not play: $(cat "$T/mixed-play.err")"

say "a port in use"
start in-use timeout 20 "$secstream" serve --listen "${ADDR#http://}" "$T/music"
ended "$PID" 25
told in-use 1 'cannot listen on .*address already in use' '^secstream: hint: .*--listen'
stop "$server"

say "Ctrl-C"
serve drained --slice 30s --compression 0 "$T/music"
server=$PID
start drain timeout 60 node "$E2E/faults.mjs" drain "$ADDR" long.wav
client=$PID
until_true 20 grep -q reading "$T/drain.out" || die "the slow client does not read"
kill -INT "$server"
ended "$client" 30
[ "$STATUS" = 0 ] || die "a download was cut off: $(cat "$T/drain.err")"
ended "$server" 15
[ "$STATUS" = 0 ] || die "the server ended with $STATUS"
say "serve: the slice under way was sent whole, then 0"
serve stuck --slice 30s --compression 0 "$T/music"
server=$PID
start crawl timeout 60 "$T/load" slow "$ADDR" 1 30
client=$PID
sleep 2
kill -INT "$server"
begin=$SECONDS
ended "$server" 15
[ "$STATUS" = 0 ] || die "the server ended with $STATUS"
say "serve: a listener that would take hours was cut off after $((SECONDS - begin)) s, then 0"
end "$client"
start interrupted "$secstream" play --no-tui --output "wav:$T/out/interrupted.wav" --track long "$T/music"
until_true 20 written 2M || die "nothing is written"
kill -INT "$PID"
ended "$PID" 15
[ "$STATUS" = 130 ] || die "play ended with $STATUS on Ctrl-C"
[ -z "$(ls -A "$T/out")" ] || die "left behind: $(ls -A "$T/out")"
say "play: 130, and no file"

say "somebody in between"
serve honest --slice 1s "$T/music"
server=$PID address=$ADDR
for mode in forge:5:forged cut:5:forged key:5:signature flip:5:checksum break:4:answer; do
  IFS=: read -r mode code word <<<"$mode"
  start proxy-$mode node "$E2E/faults.mjs" proxy "$address" "$mode"
  proxy=$PID
  until_true 20 grep -q '^listening on ' "$T/proxy-$mode.out" || die "no proxy"
  play meddled-$mode --track drums --output "wav:$T/out/meddled.wav" "$(sed -n 's/^listening on //p' "$T/proxy-$mode.out")"
  told meddled-$mode "$code" "$word" '^secstream: hint: '
  [ -z "$(ls -A "$T/out")" ] || die "left behind: $(ls -A "$T/out")"
  end "$proxy"
done

say "requests no client sends"
serve hostile --allow-upload --max-upload 8MB "$T/music"
upload=$PID
for address in "$address" "$ADDR"; do
  timeout 60 node "$E2E/faults.mjs" hostile "$address" | sed 's/^/          /'
done
stop "$upload"
stop "$server"
grep -il 'panic\|goroutine\|level=ERROR' "$T"/*.err && die "a server log shows trouble"
say "no panic and no internal error in any log"
