#!/usr/bin/env bash
# What the server sends a second. Slices that are sealed already, against nginx
# with the same bytes as files in the same run: the target is 60 % of nginx. A
# handler that does nothing but write them shows what of that is net/http's.
# Slices that nobody asked for yet, against what the machine's AES-256-GCM does
# on every core.
#   throughput.sh [ROUNDS MILLISECONDS]     7 400 is what the figures in the docs are from
. "$(dirname "$0")/lib"
PATH=$PATH:/usr/sbin
needs nginx sox flac lame
rounds=${1:-7} each=${2:-120}
build
build_load

# Nothing of nginx's own may slow it down: no log, no disk, every file open.
mkdir "$T/www" "$T/nginx"
port=$("$T/load" port)
user=
[ "$(id -u)" != 0 ] || user="user root;"
cat >"$T/nginx.conf" <<CONF
$user
worker_processes auto;
daemon off;
pid $T/nginx/pid;
error_log stderr;
events { worker_connections 4096; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  open_file_cache max=10000 inactive=600s;
  open_file_cache_valid 600s;
  default_type application/octet-stream;
  client_body_temp_path $T/nginx/body;
  proxy_temp_path $T/nginx/proxy;
  fastcgi_temp_path $T/nginx/fastcgi;
  uwsgi_temp_path $T/nginx/uwsgi;
  scgi_temp_path $T/nginx/scgi;
  server { listen 127.0.0.1:$port reuseport; root $T/www; }
}
CONF
start nginx nginx -e stderr -p "$T/nginx" -c "$T/nginx.conf"
nginx=$PID
finish() { kill -TERM "$nginx" 2>/dev/null && wait "$nginx" || true; } # its workers outlive it when it is killed
until_true 10 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" || die "nginx does not come up"

say "music of a minute, as WAV, FLAC and MP3"
mkdir "$T/music"
sox "$AUDIO/music-drums.wav" "$T/music/a.wav" vol 0.8 repeat 8
flac -s -5 -o "$T/music/b.flac" "$T/music/a.wav"
lame --quiet -t -b 192 "$T/music/a.wav" "$T/music/c.mp3"

say "warm: closed loops over kept connections; the load shares $(nproc) cores with either server"
start plain "$T/load" plain "$T/www"
until_true 10 grep -q '^http' "$T/plain.out" || die "the bare handler does not come up"
serve warm --cache-size 256MB --cache-slices 4096 "$T/music"
"$T/load" warm "$ADDR" "http://127.0.0.1:$port" "$(cat "$T/plain.out")" "$T/www" "$rounds" "$each" 40
stop "$PID"

say "cold: a session for every connection, no slice twice before all were sent"
mkdir "$T/long"
"$T/load" wav "$T/long/long.wav" 100000000
serve cold --cache-size 0 --compression 0 "$T/long"
"$T/load" cold "$ADDR" "$PID" 16 "$rounds" $((each * 2))
stop "$PID"
