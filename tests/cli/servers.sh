#!/bin/sh
# servers.sh OUT.aci: nginx and redis of Debian as one image, test.example/servers, for ports.t.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/jetpack-servers.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

cat >"$work/manifest" <<'END'
{"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "test.example/servers",
 "app": {"exec": ["/bin/false"], "user": "0", "group": "0", "ports": [
    {"name": "http", "protocol": "tcp", "port": 80},
    {"name": "redis", "protocol": "tcp", "port": 6379}]}}
END
mkdir -p "$work/root/etc" "$work/root/www"
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/root/etc/passwd"
echo 'root:x:0:' >"$work/root/etc/group"
cat >"$work/root/etc/nginx.conf" <<'END'
daemon off; master_process off; user root root; error_log stderr; pid /tmp/pid;
events {}
http { access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f;
    uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
    server { listen 80; location / { root /www; } location = /who { return 200 "$remote_addr\n"; } } }
END
head -c 8000000 /dev/urandom >"$work/root/www/big"
"$here/../../images/debian/make-aci.sh" "$work/servers.aci" "$work/manifest" "$work/root" \
    nginx-light redis-server redis-tools
mv "$work/servers.aci" "$1"
