# What the tests of fetching share; sourced in the place of lib.sh: a mount and a network namespace of
# their own, in which names of hosts and public addresses are what the test says.
#
#   site NGINX-LOCATIONS    nginx with the test's CA: https://example.com (443; 444 with a log of its
#                           own), https://other.example, http on both; $www is what it serves
#   ill                     http://ill.example, the ill-meaning server (tests/programs/ill.c)
#   requests LOG [PATTERN]  how many were logged: example, port444, other, ill, ...
#   logged LOG              their lines
#   exchange METHOD URL ..  tests/programs/exchange with the test's CA
if [ "${JETPACK_TEST_NET-}" != own ] && [ "$(id -u)" -eq 0 ] && [ "$(uname -s)" = Linux ]; then
    if ! unshare -m -n --propagation private true 2>/dev/null; then
        echo "1..0 # SKIP not here: the root is no mount (a chroot)"
        exit 0
    fi
    JETPACK_TEST_NET=own exec unshare -m -n --propagation private -- sh "$0"
fi
. "$(dirname "$0")/lib.sh"
need_root
[ "$(uname -s)" = Linux ] || skip_all "not here: names and addresses of one's own need namespaces of Linux"
nginx=$(PATH=$PATH:/usr/sbin:/sbin command -v nginx) || skip_all "no nginx"
command -v openssl >/dev/null || skip_all "no openssl"
[ -x "$build_dir/src/fetch/jetpack-fetch" ] || skip_all "built without -Dfetch"

sed -i.bak 's/^allow.autodiscovery.*/allow.autodiscovery = on/' "$config"
site=$work/site www=$work/site/www ca=$work/site/ca.pem
mkdir -p "$www"
chmod 755 "$work" "$site" "$www"
nginx_pid= ill_pid=

end_site() {
    for pid in $nginx_pid $ill_pid; do kill -KILL "$pid" 2>/dev/null; done
    cleanup
}
trap end_site EXIT

ip link set lo up
# Of the ranges for documentation: public as far as anybody can tell.
for address in 203.0.113.10/32 203.0.113.11/32 203.0.113.12/32 169.254.169.254/32 10.99.0.1/32; do
    ip address add "$address" dev lo
done
cat >"$site/hosts" <<'END'
127.0.0.1 localhost inside.example
203.0.113.10 example.com www.example.com expired.example
203.0.113.11 other.example wrong.name.example
203.0.113.12 ill.example
169.254.169.254 metadata.example
10.99.0.1 private.example
END
mount --bind "$site/hosts" /etc/hosts || skip_all "not here: /etc/hosts cannot be covered"

# certificate NAME SUBJECT-ALTERNATIVE-NAMES START END
certificate() {
    openssl req -newkey rsa:2048 -nodes -keyout "$site/$1.key" -out "$site/$1.csr" \
        -subj "/CN=$1" >/dev/null 2>&1 &&
        printf 'subjectAltName = %s\n' "$2" >"$site/$1.ext" &&
        openssl ca -batch -notext -config "$site/ca.conf" -extfile "$site/$1.ext" \
            -startdate "$3" -enddate "$4" -in "$site/$1.csr" -out "$site/$1.pem" >/dev/null 2>&1
}

make_certificates() {
    inner_names='DNS:inside.example, DNS:metadata.example, DNS:private.example'
    mkdir "$site/ca" && : >"$site/ca/index" && echo 01 >"$site/ca/serial"
    cat >"$site/ca.conf" <<END
[ca]
default_ca = own
[own]
database = $site/ca/index
serial = $site/ca/serial
new_certs_dir = $site/ca
certificate = $ca
private_key = $site/ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
END
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout "$site/ca.key" -out "$ca" \
        -subj '/CN=A certificate authority of tests' >/dev/null 2>&1 &&
        certificate good "DNS:example.com, DNS:*.example.com, DNS:other.example, $inner_names" \
            20200101000000Z 20991231235959Z &&
        certificate expired DNS:expired.example 20200101000000Z 20210101000000Z
}

# server ADDRESS:PORT NAME LOG BODY [ssl CERTIFICATE]
server() {
    ssl=${5-}
    echo "server { listen $1 $ssl; server_name $2; access_log $site/$3.log all;"
    [ -z "$ssl" ] || echo "ssl_certificate $site/$6.pem; ssl_certificate_key $site/$6.key;"
    echo "root $www; etag on; max_ranges 100; $4 }"
}

# site LOCATIONS [MORE]: directives of https://example.com; whole servers
site() {
    make_certificates || { echo "Bail out! no certificates"; exit 1; }
    cat >"$site/nginx.conf" <<END
daemon off; master_process off; pid $site/nginx.pid; error_log $site/error.log;
events { worker_connections 256; }
http {
    log_format all '\$request_method \$request_uri \$status auth=[\$http_authorization] '
                   'cookie=[\$http_cookie] range=[\$http_range] if-none-match=[\$http_if_none_match]';
    client_body_temp_path $site/body; proxy_temp_path $site/proxy; fastcgi_temp_path $site/fcgi;
    uwsgi_temp_path $site/uwsgi; scgi_temp_path $site/scgi; client_max_body_size 0;
    default_type application/octet-stream; types { text/html html; }
    $(server 203.0.113.10:443 'example.com www.example.com' example "$1" ssl good)
    $(server 203.0.113.10:443 expired.example expired '' ssl expired)
    $(server 203.0.113.10:444 example.com port444 '' ssl good)
    $(server 203.0.113.10:80 example.com plain "$1")
    $(server 203.0.113.11:443 'other.example wrong.name.example' other '' ssl good)
    $(server 203.0.113.11:80 other.example plain '')
    $(server 127.0.0.1:443 inside.example inside '' ssl good)
    $(server 169.254.169.254:443 metadata.example metadata '' ssl good)
    $(server 10.99.0.1:443 private.example private '' ssl good)
    ${2-}
}
END
    "$nginx" -c "$site/nginx.conf" -e "$site/error.log" -p "$site" >"$site/nginx.out" 2>&1 &
    nginx_pid=$!
    wait_for 60 test -s "$site/nginx.pid" || { echo "Bail out! nginx: $(cat "$site/nginx.out" "$site/error.log")"; exit 1; }
}

ill() {
    (cd "$www" && exec "$programs/ill" 203.0.113.12 80 "$site/ill.log") >"$site/ill.out" 2>&1 &
    ill_pid=$!
    wait_for 60 grep -q ready "$site/ill.out" || { echo "Bail out! ill: $(cat "$site/ill.out")"; exit 1; }
}

# A line is written after the client has its answer; nginx does one thing after the other.
settled=0
settle() {
    settled=$((settled + 1))
    exchange GET "https://example.com/settle-$settled" >/dev/null 2>&1
    wait_for 60 grep -q "/settle-$settled " "$site/example.log"
}

# logged LOG: its lines
logged() {
    settle
    [ ! -f "$site/$1.log" ] || grep -v /settle- "$site/$1.log"
}

# requests LOG [PATTERN]: how many
requests() { logged "$1" | grep -c -e "${2-.}"; }

exchange() { "$programs/exchange" "$build_dir/src/fetch/jetpack-fetch" "$@" ca="$ca"; }
