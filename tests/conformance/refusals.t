#!/bin/sh
# What the specification does not allow is refused, with one line that says where and what; beside
# each group stands what it does allow. (Archives: tests/hostile. Every rule of every type, with
# thousands of manifests: tests/conformance/actool.t.)
. "$(dirname "$0")/../cli/lib.sh"
need_root

jetpack init >/dev/null
mkdir "$work/tree"
rootfs "$work/tree/rootfs"
tar -C "$work/tree/rootfs" -cf "$work/rootfs.tar" .

# ---- image manifests ----

head='"acKind": "ImageManifest", "acVersion": "0.8.11", "name": "test.example/x"'
app='"exec": ["/bin/probe", "true"], "user": "0", "group": "0"'

# image_json JSON, app_json MEMBERS, isolators_json LIST: $work/m.json
image_json() { printf '{%s}' "$1" >"$work/m.json"; }
app_json() { image_json "$head, \"app\": {$app, $1}"; }
isolators_json() { app_json "\"isolators\": [$1]"; }
refused() { # REGEX NAME
    fails 1 "manifest: $1" "refused: $2" jetpack import -q "$work/rootfs.tar" "$work/m.json"
}
taken() { # NAME
    done_well "taken: $1" jetpack import -q "$work/rootfs.tar" "$work/m.json"
    jetpack destroy-image "$out" || ok 1 "... and destroyed"
}

image_json "$head"
taken "the least that an image manifest says"
image_json '"acKind": "PodManifest", "acVersion": "0.8.11", "name": "x"'
refused "acKind: 'PodManifest' where 'ImageManifest' is expected" "another kind"
image_json '"acVersion": "0.8.11", "name": "x"'
refused 'acKind: missing' "no kind"
image_json '"acKind": "ImageManifest", "name": "x"'
refused 'acVersion: missing' "no version"
image_json '"acKind": "ImageManifest", "acVersion": "1.0.0", "name": "x"'
refused 'acVersion: version 1.0.0 .* another series' "a version of another series"
image_json '"acKind": "ImageManifest", "acVersion": "0.8", "name": "x"'
refused "acVersion: '0.8' is not a version" "a version that is not SemVer"
image_json '"acKind": "ImageManifest", "acVersion": "0.8.11"'
refused 'name: missing' "no name"
image_json "$head, \"labels\": [{\"name\": \"name\", \"value\": \"x\"}]"
refused 'labels\[0\].name: a label cannot be called "name"' "a label called name"
image_json "$head, \"labels\": [{\"name\": \"a\", \"value\": \"x\"}, {\"name\": \"a\", \"value\": \"y\"}]"
refused "labels\[1\].name: 'a' is there twice" "a label twice"
image_json "$head, \"labels\": [{\"name\": \"os\", \"value\": \"linux\"}, {\"name\": \"arch\", \"value\": \"x\"}]"
refused "labels: 'x' is not an architecture for linux" "an unknown combination of os and arch"
image_json "$head, \"annotations\": [{\"name\": \"a\", \"value\": \"x\"}, {\"name\": \"a\", \"value\": \"y\"}]"
refused "annotations\[1\].name: 'a' is there twice" "an annotation twice"
image_json "$head, \"annotations\": [{\"name\": \"created\", \"value\": \"yesterday\"}]"
refused "annotations\[0\].value: 'yesterday' is not a timestamp" "a creation date that is none"
image_json "$head, \"annotations\": [{\"name\": \"homepage\", \"value\": \"ftp://x\"}]"
refused "annotations\[0\].value: 'ftp://x' is not a URL with scheme http or https" "a homepage of ftp"
image_json "$head, \"pathWhitelist\": [\"etc\"]"
refused "pathWhitelist\[0\]: 'etc' is not an absolute path" "a relative path in the whitelist"
image_json "$head, \"dependencies\": [{\"labels\": []}]"
refused 'dependencies\[0\].imageName: missing' "a dependency without a name"
image_json "$head, \"dependencies\": [{\"imageName\": \"x\", \"imageID\": \"md5-1\"}]"
refused "dependencies\[0\].imageID: 'md5-1' is not an image id" "a dependency with another hash"

app_json '"workingDirectory": "/", "unknownField": [1]'
taken "unknown fields"
image_json "$head, \"app\": {\"exec\": [\"/x\"], \"group\": \"0\"}"
refused 'app.user: missing' "no user"
image_json "$head, \"app\": {\"exec\": [\"/x\"], \"user\": \"0\"}"
refused 'app.group: missing' "no group"
app_json '"workingDirectory": "tmp"'
refused "app.workingDirectory: 'tmp' is not an absolute path" "a relative working directory"
app_json '"eventHandlers": [{"name": "on-fire", "exec": ["/x"]}]'
refused "app.eventHandlers\[0\].name: 'on-fire' is neither pre-start nor post-stop" "an unknown event"
app_json '"eventHandlers": [{"name": "pre-start", "exec": ["/x"]}, {"name": "pre-start", "exec": ["/y"]}]'
refused "app.eventHandlers\[1\].name: 'pre-start' is there twice" "two handlers of one event"
app_json '"environment": [{"name": "A.b-c_1", "value": "x"}]'
taken "a variable with periods and hyphens"
app_json '"environment": [{"name": "A B", "value": "x"}]'
refused "app.environment\[0\].name: 'A B' is not the name" "a variable with a blank"
app_json '"mountPoints": [{"name": "A_", "path": "/data"}]'
refused "app.mountPoints\[0\].name: 'A_' is not an AC Name" "a mount point with a bad name"
app_json '"ports": [{"name": "p", "protocol": "tcp", "port": 65535, "count": 1}]'
taken "the last port"
app_json '"ports": [{"name": "p", "protocol": "tcp", "port": 0}]'
refused 'app.ports\[0\].port: must be between 1 and 65535' "port 0"
app_json '"ports": [{"name": "p", "protocol": "tcp", "port": 65536}]'
refused 'app.ports\[0\].port: must be between 1 and 65535' "port 65536"
app_json '"ports": [{"name": "p", "protocol": "tcp", "port": 65535, "count": 2}]'
refused 'app.ports\[0\].count: the range .* ends above 65535' "a range above the last port"
app_json '"ports": [{"name": "p", "protocol": "tcp", "port": 1, "count": 0}]'
refused 'app.ports\[0\].count: must be between 1' "a range of no ports"
app_json '"ports": [{"name": "p", "port": 1}]'
refused 'app.ports\[0\].protocol: missing' "a port without a protocol"
app_json '"ports": [{"name": "p", "protocol": "tcp", "port": 1}, {"name": "p", "protocol": "udp", "port": 1}]'
refused "app.ports\[1\].name: 'p' is there twice" "a name for two ports"
app_json '"supplementaryGIDs": [-1]'
refused 'app.supplementaryGIDs\[0\]: must not be negative' "a negative group"
app_json '"userLabels": {"a": 1}'
refused 'app.userLabels.a: must be a string' "a user label that is a number"
app_json '"userAnnotations": {"a": {}}'
refused 'app.userAnnotations.a: must be a string' "a user annotation that is an object"

# ---- isolators ----

retain='{"name": "os/linux/capabilities-retain-set", "value": {"set": ["CAP_KILL"]}}'
remove='{"name": "os/linux/capabilities-remove-set", "value": {"set": ["CAP_KILL"]}}'
calls='"value": {"set": ["read"]}}'
selinux='{"name": "os/linux/selinux-context",
          "value": {"user": "a", "role": "b", "type": "c", "level": "d"}}'
profile='{"name": "os/linux/apparmor-profile", "value": {"profile": "x"}}'
isolators_json "$retain, {\"name\": \"os/linux/seccomp-retain-set\", $calls"
taken "one isolator of each kind"
isolators_json '{"name": "example.com/own", "value": [1]}'
taken "an isolator that nobody knows"
isolators_json "$retain, $remove"
refused 'app.isolators\[1\].name: os/linux/capabilities-remove-set cannot be used with os/linux/capabilities-retain-set' \
    "capabilities both retained and removed"
isolators_json '{"name": "os/linux/capabilities-retain-set", "value": {"set": []}}'
refused 'app.isolators\[0\].value.set: must be a list that is not empty' "no capabilities"
isolators_json "{\"name\": \"os/linux/seccomp-retain-set\", $calls, {\"name\": \"os/linux/seccomp-remove-set\", $calls"
refused 'app.isolators\[1\].name: os/linux/seccomp-remove-set cannot be used with' \
    "system calls both retained and removed"
for kind in retain remove; do
    isolators_json "{\"name\": \"os/linux/seccomp-$kind-set\", $calls, {\"name\": \"os/linux/seccomp-$kind-set\", $calls"
    refused "app.isolators\[1\].name: only one os/linux/seccomp-$kind-set isolator" "two seccomp-$kind-set"
    isolators_json "{\"name\": \"os/linux/seccomp-$kind-set\", \"value\": {\"set\": []}}"
    refused 'app.isolators\[0\].value.set: must be a list that is not empty' "an empty seccomp-$kind-set"
    isolators_json "{\"name\": \"os/linux/seccomp-$kind-set\", \"value\": {\"errno\": \"enosys\", \"set\": [\"read\"]}}"
    refused "app.isolators\[0\].value.errno: 'enosys' is not the name" "seccomp-$kind-set: errno in small letters"
done
isolators_json "$selinux, $selinux"
refused 'app.isolators\[1\].name: only one os/linux/selinux-context' "two SELinux contexts"
isolators_json "$profile, $profile"
refused 'app.isolators\[1\].name: only one os/linux/apparmor-profile' "two AppArmor profiles"
isolators_json '{"name": "os/linux/no-new-privileges", "value": 1}'
refused 'app.isolators\[0\].value: must be true or false' "no-new-privileges of 1"
isolators_json '{"name": "resource/memory", "value": {"limit": "lots"}}'
refused "app.isolators\[0\].value.limit: 'lots' is not a quantity" "a quantity that is none"
for kind in block-bandwidth block-iops network-bandwidth; do
    isolators_json "{\"name\": \"resource/$kind\", \"value\": {\"default\": false, \"limit\": \"1M\"}}"
    refused 'app.isolators\[0\].value.default: must be true' "$kind without default"
done

# ---- pod manifests ----

app_json '"mountPoints": [{"name": "data", "path": "/data"}],
          "ports": [{"name": "www", "protocol": "tcp", "port": 80}]'
jetpack import -q "$work/rootfs.tar" "$work/m.json" >/dev/null
one='{"name": "a", "image": {"name": "test.example/x"}}'
context='{"name": "os/linux/selinux-context", "value": {"user": "a", "role": "b", "type": "c", "level": "d"}}'
pod_json() { printf '{"acVersion": "0.8.11", "acKind": "PodManifest", %s}' "$1" >"$work/p.json"; }
pod_refused() { # STATUS REGEX NAME
    fails "$1" "$2" "refused: $3" jetpack prepare -f "$work/p.json"
}
pod_taken() { done_well "taken: $1" jetpack prepare -n -f "$work/p.json"; }

pod_json "\"apps\": [$one]"
pod_taken "a pod of one app"
like "$out" '"kind": "empty"' "... whose unresolved mount point gets an empty volume"
printf '{"acVersion": "1.0.0", "acKind": "PodManifest", "apps": []}' >"$work/p.json"
pod_refused 1 'pod manifest: acVersion: version 1.0.0 .* another series' "a version of another series"
printf '{"acVersion": "0.8.11", "acKind": "ImageManifest", "apps": []}' >"$work/p.json"
pod_refused 1 "pod manifest: acKind: 'ImageManifest' where" "another kind"
pod_json '"apps": []'
pod_refused 2 'at least one image' "no apps"
pod_json "\"apps\": [$one, $one]"
pod_refused 1 "pod manifest: apps\[1\].name: 'a' is there twice" "two apps of one name"
pod_json '"apps": [{"name": "A", "image": {"name": "test.example/x"}}]'
pod_refused 1 "pod manifest: apps\[0\].name: 'A' is not an AC Name" "a bad name of an app"
pod_json '"apps": [{"name": "a"}]'
pod_refused 1 'pod manifest: apps\[0\].image: missing' "an app without an image"
pod_json '"apps": [{"name": "a", "image": {"name": "test.example/x", "labels": [{"name": "version", "value": "7"}]}}]'
pod_refused 1 "app 'a': image 'test.example/x:7' is not here" "an image that cannot be resolved"
pod_json "\"apps\": [$one], \"annotations\": [{\"name\": \"a\", \"value\": \"x\"}, {\"name\": \"a\", \"value\": \"y\"}]"
pod_refused 1 "pod manifest: annotations\[1\].name: 'a' is there twice" "an annotation twice"
pod_json "\"apps\": [$one], \"userAnnotations\": {\"a\": 1}"
pod_refused 1 'pod manifest: userAnnotations.a: must be a string' "a user annotation that is a number"

# Volumes.
volumes() { pod_json "\"apps\": [$one], \"volumes\": [$1]"; }
mkdir "$work/real"
ln -s real "$work/link"
ln -s . "$work/here"
volumes "{\"name\": \"data\", \"kind\": \"host\", \"source\": \"$work/real\"}"
pod_taken "a directory of the host"
volumes "{\"name\": \"data\", \"kind\": \"host\", \"source\": \"$work/none\"}"
pod_refused 1 "volume 'data': source '$work/none': .*No such file" "a missing source"
volumes "{\"name\": \"data\", \"kind\": \"host\", \"source\": \"$work/link\"}"
pod_refused 1 "volume 'data': .*'$work/link' is a symbolic link: --allow-volume-symlinks takes it" "a source that is a symbolic link"
volumes "{\"name\": \"data\", \"kind\": \"host\", \"source\": \"$work/here/real\"}"
pod_refused 1 "volume 'data': .*'$work/here' is a symbolic link" "a symbolic link on the way to a source"
done_well "taken: both when the pod allows it" \
    jetpack prepare -n --allow-volume-symlinks -v "data:$work/link" test.example/x
volumes '{"name": "data", "kind": "host"}'
pod_refused 1 'pod manifest: volumes\[0\].source: missing' "no source"
volumes '{"name": "data", "kind": "host", "source": "etc"}'
pod_refused 1 "pod manifest: volumes\[0\].source: 'etc' is not an absolute path" "a relative source"
volumes '{"name": "data", "kind": "magic"}'
pod_refused 1 'pod manifest: volumes\[0\].kind: must be "host" or "empty"' "an unknown kind"
volumes '{"name": "data", "kind": "empty", "mode": "999"}'
pod_refused 1 'pod manifest: volumes\[0\].mode: must be a string of octal digits' "a mode that is not octal"
volumes '{"name": "data", "kind": "empty"}, {"name": "data", "kind": "empty"}'
pod_refused 1 "pod manifest: volumes\[1\].name: 'data' is there twice" "two volumes of one name"
mounts() {
    pod_json "\"apps\": [{\"name\": \"a\", \"image\": {\"name\": \"test.example/x\"}, \"mounts\": [$1]}],
        \"volumes\": [{\"name\": \"data\", \"kind\": \"empty\"}, {\"name\": \"more\", \"kind\": \"empty\"}]"
}
mounts '{"volume": "none", "path": "/other"}'
pod_refused 1 "no volume 'none'" "a mount of no volume"
mounts '{"volume": "data", "path": "/data"}, {"volume": "more", "path": "/data/x"}'
pod_refused 1 "mounts on '/data' and '/data/x' overlap" "a mount inside another"
mounts '{"volume": "data", "path": "/data"}, {"volume": "more", "path": "//data/"}'
pod_refused 1 "mounts on '/data' and '/data' overlap" "two mounts in one place"
mounts '{"volume": "data", "path": "/data"}, {"volume": "more", "path": "/database"}'
pod_taken "two mounts whose names begin alike"

# Ports.
ports() { pod_json "\"apps\": [$one], \"ports\": [$1]"; }
ports '{"name": "www", "hostPort": 8080, "hostIP": "127.0.0.1"}'
pod_taken "a port on the host"
ports '{"name": "www"}'
pod_refused 1 'pod manifest: ports\[0\].hostPort: missing' "a port without hostPort"
ports '{"name": "www", "hostPort": 0}'
pod_refused 1 'pod manifest: ports\[0\].hostPort: must be between 1 and 65535' "hostPort 0"
ports '{"name": "none", "hostPort": 80}'
pod_refused 1 "no app has a port 'none'" "a hostPort without a port"
ports '{"name": "none", "hostPort": 80, "podPort": {"name": "x", "protocol": "tcp", "port": 1}}'
pod_taken "a port that the pod manifest defines"
ports '{"name": "www", "hostPort": 80, "hostIP": "example"}'
pod_refused 1 "pod manifest: ports\[0\].hostIP: 'example' is not an IPv4 address" "a host by name"
pod_json '"apps": [{"name": "a", "image": {"name": "test.example/x"}}, {"name": "b", "image": {"name": "test.example/x"}}],
    "ports": [{"name": "www", "hostPort": 80}]'
pod_refused 1 "2 apps have a port 'www': say which one as APP-www" "a port name of two apps"

# Isolators of the pod.
pod_isolators() { pod_json "\"apps\": [$one], \"isolators\": [$1]"; }
sysctl='{"name": "os/unix/sysctl", "value": {"net.ipv4.ip_default_ttl": "60"}}'
pod_isolators "$sysctl, $sysctl"
pod_refused 1 'pod manifest: isolators\[1\].name: only one os/unix/sysctl' "two sysctl isolators"
pod_isolators "$context, $context"
pod_refused 1 'pod manifest: isolators\[1\].name: only one os/linux/selinux-context' "two SELinux contexts"

# The same rules for an app that the pod manifest describes, and for options.
own_app() { pod_json "\"apps\": [{\"name\": \"a\", \"image\": {\"name\": \"test.example/x\"}, \"app\": {$app, $1}}]"; }
own_app '"eventHandlers": [{"name": "on-fire", "exec": ["/x"]}]'
pod_refused 1 "pod manifest: apps\[0\].app.eventHandlers\[0\].name: 'on-fire' is neither pre-start nor post-stop" \
    "an unknown event of an app of the pod"
own_app "\"isolators\": [$retain, $remove]"
pod_refused 1 "pod manifest: apps\[0\].app.isolators\[1\].name: os/linux/capabilities-remove-set cannot be used with" \
    "capabilities both retained and removed by the pod"
fails 1 "os/linux/capabilities-remove-set cannot be used with os/linux/capabilities-retain-set" \
    "refused: capabilities both retained and removed by options" \
    jetpack prepare test.example/x --caps-retain=CAP_KILL --caps-remove=CAP_CHOWN
fails 1 "os/linux/seccomp-remove-set cannot be used with os/linux/seccomp-retain-set" \
    "refused: system calls both retained and removed by options" jetpack prepare test.example/x \
    '--isolator=os/linux/seccomp-retain-set={"set":["read"]}' '--isolator=os/linux/seccomp-remove-set={"set":["read"]}'
own_app '"ports": [{"name": "p", "protocol": "tcp", "port": 1}, {"name": "p", "protocol": "udp", "port": 1}]'
pod_refused 1 "pod manifest: apps\[0\].app.ports\[1\].name: 'p' is there twice" "a name for two ports of an app of the pod"
ports '{"name": "www", "hostPort": 8080}, {"name": "www", "hostPort": 8080}'
pod_refused 1 "share host port|is there twice" "one port of the host twice"
fails 1 "no-such-point" "refused: a mount on a point that the app does not have" \
    jetpack prepare -v x test.example/x -m x:no-such-point
printf '{"acVersion": "0.8", "acKind": "PodManifest", "apps": []}' >"$work/p.json"
pod_refused 1 "pod manifest: acVersion: '0.8' is not a version" "a version that is not SemVer"
is "$(jetpack list -q)" '' "none of these left a pod"

# What is only seen at the start.
run jetpack run -destroy --net=none -v "data:$work/real" test.example/x
like "$err" "warning: .*volume 'data' .*'/data' of the image" "a volume over files of the image is warned about"
is "$status" 0 "... and mounted"
run jetpack run -destroy --net=none -v data -v file test.example/x -m data -m file:/etc/passwd
like "$err" "warning: .*volume 'file' replaces '/etc/passwd' of the image" \
    "a volume in the place of a file, too"
app_json '"workingDirectory": "/no/such"'
jetpack import -q "$work/rootfs.tar" "$work/m.json" >"$work/id"
fails 125 '/no/such' "a working directory that does not exist fails the start" \
    jetpack run -destroy --net=none "$(cat "$work/id")"
is "$(jetpack list -q)" '' "... and leaves nothing"
finish
