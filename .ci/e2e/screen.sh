#!/usr/bin/env bash
# The full screen in a real terminal, tmux: it is browsed, filtered, steered and
# left by keys, and what it shows is read. With --pictures DIR the screens are
# drawn there as well: docs/screens is made so.
pictures=
if [ "${1:-}" = --pictures ]; then pictures=$(realpath "${2:?a folder}"); fi
. "$(dirname "$0")/lib" || exit
needs tmux ffmpeg node
build

# tm runs tmux on a server of its own, another one for each player.
plays=0
tm() { TMUX='' tmux -S "$T/tmux$plays" -f /dev/null "$@"; }
finish() { tm kill-server 2>/dev/null || true; }

# track FOLDER NUMBER TITLE ARTIST ALBUM SOURCE makes a track of the library.
track() {
  mkdir -p "$T/music/$1"
  ffmpeg -nostdin -v fatal -stream_loop -1 -i "$AUDIO/$6" -t $((95 + $2 * 17 % 60)) -ac 2 -ar 44100 \
    -compression_level 0 -metadata title="$3" -metadata artist="$4" -metadata album="$5" -metadata track="$2" "$T/music/$1/$2 $3.flac"
}

library() {
  track "Low Tide" 1 "Harbour Lights" "Ines Varga" "Low Tide" music-chimes.ogg &
  track "Low Tide" 2 "Salt and Rope" "Ines Varga" "Low Tide" music-guitar.flac &
  track "Low Tide" 3 "The Ferryman" "Ines Varga" "Low Tide" music-tabla.flac &
  track "Parade" 4 "Brass Monday" "Kiln & Co." "Parade" music-march-vbr.mp3 &
  track "Parade" 5 "Café Ümlaut" "Kiln & Co." "Parade" music-safari-cbr.mp3 &
  track "夜の電車" 6 "最終列車" "白井ゆり" "夜の電車" music-chimes.ogg &
  track "夜の電車" 7 "雨のホーム" "白井ゆり" "夜の電車" music-guitar.flac &
  ffmpeg -nostdin -v error -f lavfi -i "gradients=s=400x400:c0=0x0b3d4a:c1=0x3fd0b6:c2=0xf2b84b:x0=0:y0=0:x1=400:y1=400:n=3:seed=7" -frames:v 1 "$T/music/Low Tide/cover.png" &
  wait
  cat >"$T/music/Low Tide/1 Harbour Lights.lrc" <<'LRC'
[00:00.00]Lanterns on the water
[00:04.00]Counting boats that never came
[00:08.00]The tide is writing letters
[00:12.00]And it signs them with your name
[00:17.00]
[00:18.00]Harbour lights, harbour lights
[00:23.00]Hold the night for one more hour
LRC
}

# play WIDTH HEIGHT ARG... starts the player in a terminal of that size.
play() {
  local w=$1 h=$2
  shift 2
  tm kill-server 2>/dev/null || true
  plays=$((plays + 1))
  tm new-session -d -x "$w" -y "$h" -s s env COLORTERM=truecolor SECSTREAM_CONFIG_DIR="$SECSTREAM_CONFIG_DIR" ${NO_COLOR:+NO_COLOR=$NO_COLOR} \
    bash -c '"$0" "$@"; printf "ended %s\n" "$?"; sleep 60' "$T/secstream" play --output null "$@"
}

keys() { tm send-keys -t s "$@"; }
screen() { tm capture-pane -p -t s; }
shows() { screen | grep -q -- "$1"; }
# sees TEXT... waits until all of it is on the screen.
sees() {
  for text; do
    until_true 10 shows "$text" || { screen >&2; die "the screen does not show \"$text\""; }
  done
}
bar() { screen | grep -E '^ [0-9]+:[0-9]{2} '; }
moved() { [ "$before" != "$(bar)" ]; }
hides() { until_true 10 lacks "$1" || { screen >&2; die "the screen still shows \"$1\""; }; }
lacks() { ! shows "$1"; }

# picture NAME keeps a picture of the screen.
picture() {
  [ -n "$pictures" ] || return 0
  sleep "${2:-0.4}"
  local size
  size=$(tm display -p -t s '#{pane_width} #{pane_height}')
  # shellcheck disable=SC2086 # two numbers
  tm capture-pane -e -N -p -t s | node "$E2E/picture.mjs" $size >"$pictures/$1.svg"
}

library
serve music "$T/music"
server=$PID
address=$ADDR

say "starts, browses, filters"
play 100 30 "$address"
sees Library Queue Protection '7 tracks · folders' '▾ Low Tide' '► .*Harbour Lights' '最終列車' 'met this server for the first time'
[ -z "$pictures" ] || hides 'met this server'
picture library
keys t
sees '7 tracks · artists' 'Kiln & Co.'
keys t t t / 'umlt'
sees '1 of 7' 'Café Ümlaut'
picture filter
keys Enter
sees '► Café Ümlaut' '5 of 7'
keys Escape
hides '1 of 7'

say "seeks, pauses, turns the volume"
keys 5 Enter
sees '1:0[0-9]  ' # of 2:00 and more
keys Space
sees paused
sleep 0.5 # until the output has played what it holds
before=$(bar)
sleep 0.6
moved && die "the position moves in a pause"
keys 2 l
until_true 5 moved || die "seeking by keys moves nothing"
keys 3 -
sees '\-6 dB'
keys m
sees muted
keys m Space
hides paused

say "queue"
keys Q
sees '2 to come' ' +1 .*最終列車'
keys j d
sees '1 to come'
keys r
sees 'repeat all'
keys L g Down a Q
sees '2 to come'
picture queue
keys g Enter
sees '► Harbour Lights'

say "now, lyrics, protection, help"
keys N
sees 'next  Salt and Rope' 'FLAC · 44.1 kHz'
picture now 2
keys Y
sees timed 'Lanterns on the water' '› '
picture lyrics 3
keys P
sees 'key age'
[ -z "$pictures" ] || { keys 3 0; sleep 7; }
picture protection 1
keys '?'
sees 'While a filter is typed'
picture help
keys Escape
hides "While a filter is typed"
keys T
sees 'theme ember'

say "any size, no colour"
tm resize-window -t s -x 40 -y 10
sees 'Protection' 'Harbour'
screen | sed -n 1p | grep -q Protection || die "the first line is not the header"
keys L
sees '▾ Low Tide'
picture small
tm resize-window -t s -x 30 -y 5
sees '► 0:'
tm resize-window -t s -x 100 -y 30
sees '7 tracks'

say "quits, leaves the terminal as it was, and resumes"
keys q
sees 'ended 0'
[ "$(tm display -p -t s '#{alternate_on}#{mouse_any_flag}#{cursor_flag}')" = 001 ] || die "the terminal is not as it was"
[ "$(stat -c %a "$SECSTREAM_CONFIG_DIR/resume.json")" = 600 ] || die "the places are not for their owner alone"
NO_COLOR=1 play 100 30 "$address"
sees 'going on at 0:'
if tm capture-pane -e -p -t s | grep -qE $'\x1b\\[([0-9]+;)*[349][0-8]'; then die "NO_COLOR is not heeded"; fi
keys q
sees 'ended 0'
play 80 24 --no-resume "$address"
sees '0:0[0-4] .*2:\|0:0[0-4] .*1:' '► .*Harbour Lights'
keys C-c
sees 'ended 0'

say "an error ends the screen and says why"
stop "$server"
mkdir "$T/silence"
play 80 24 "$T/silence"
sees 'error: there is no audio' 'hint: ' 'ended 1'
