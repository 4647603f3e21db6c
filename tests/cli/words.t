#!/bin/sh
# Rows 39 and 69 of SECURITY.md: what names an image, a pod, an app, a volume or a network is never a path,
# whoever asks. Each word is tried where such a name is expected; nothing may be found by it, made by
# it or removed by it.
. "$(dirname "$0")/lib.sh"
need_root

user='"user": "0", "group": "0"'
add_image app '"exec": ["/bin/probe", "sleep", "1000"], '"$user"
done_well "a pod" jetpack prepare --net=none -pod-name pod -v vol test.example/app -m vol:/vol
uuid=$out
# What the words lead to when they are taken for paths below pods/, images/, or a pod's apps/ and logs/.
canary=$work/canary
mkdir "$canary"
cp -R "$work/root/pods/$uuid/." "$canary/"
cp -R "$work/root/images/$id/." "$canary/"
mkdir "$canary/logs"
echo 2026-01-01T00:00:00.000000000Z stdout F told >"$canary/logs/app.log"
cp "$canary/logs/app.log" "$work/canary.log"
short=$(printf %.20s "$uuid")
long=$(head -c 65536 /dev/zero | tr '\0' 'a')
newline='a
b'
outside() { (cd "$work" && find . -path ./root -prune -o -path ./canary -print -o -name 'canary*' -print |
    sort && find canary canary.log -type f -exec cksum {} +); }
inside() { jetpack images -q; jetpack list -q; find "$work/root" | grep -v -e '/db' -e '/tmp/' -e /mds | sort; }
before=$(outside; inside)
# refuses NAME COMMAND [or-none]: whatever $word is (or nothing, unless that means something), by a
# line that says so; not by a crash (128 and more)
refuses() {
    wrong=''
    for word in ../../canary ../../../../canary "$work/canary" . .. / sha512-../../canary \
        "$uuid/../../../canary" "$short/../x" pod/../pod %2e%2e%2fcanary "$newline" "$long" '*' '' \
        "$escape"; do
        [ -n "$word" ] || [ $# -eq 2 ] || continue
        (eval "timeout -s KILL 60 $2") >"$work/out" 2>"$work/err" </dev/null
        status=$?
        case $status in
        1 | 2 | 125) grep -q '^jetpack: ' "$work/err" || wrong="$wrong|$word: silent" ;;
        *) wrong="$wrong|$word: $status" ;;
        esac
    done
    is "$(printf %.300s "$wrong")" '' "row 39: $1"
}
escape=$(printf 'a\033[31m')
j="$JETPACK -config $config"

for verb in show manifest start stop kill restart destroy wait logs attach ps stats end-run enter; do
    refuses "$verb POD" "$j $verb \"\$word\""
done
refuses "exec POD" "$j exec \"\$word\" probe true"
refuses "console POD" "$j console \"\$word\""
refuses "killall POD" "$j killall \"\$word\" probe"
refuses "top POD" "$j top -b -n 1 \"\$word\""
refuses "set POD" "$j set \"\$word\" -memory 1G"
refuses "rename POD" "$j rename \"\$word\" other"
refuses "rename to NAME" "$j rename pod \"\$word\""
refuses "exec POD:APP" "$j exec \"pod:\$word\" probe true" or-none
refuses "logs POD:APP" "$j logs \"pod:\$word\"" or-none
refuses "cp of POD:APP" "$j cp \"pod:\$word:/data/file\" $work/copied" or-none
refuses "cp of a volume" "$j cp \"pod:@\$word:/file\" $work/copied"
for verb in show-image image-manifest destroy-image verify run prepare; do
    refuses "$verb IMAGE" "$j $verb \"\$word\""
done
refuses "export IMAGE" "$j export \"\$word\" $work/exported"
refuses "prepare -pod-name" "$j prepare -pod-name \"\$word\" test.example/app"
refuses "prepare -name (of an app)" "$j prepare test.example/app -name \"\$word\""
refuses "prepare -v" "$j prepare -v \"\$word\" test.example/app -m \"\$word:/x\""
refuses "prepare --net" "$j prepare --net \"\$word\" test.example/app"
refuses "network show" "$j network show \"\$word\""
refuses "import -name" "$j import -name \"\$word\" $work/app.aci"

is "$(outside; inside)" "$before" "row 39: nothing was made, changed or removed"
[ ! -e "$work/copied" ] && [ ! -e "$work/exported" ]
ok $? "row 39: ... nor copied"

# What is a name is one.
run jetpack show -format=json pod
is "$(json uuid)" "$uuid" "row 39: a pod by its name"
run jetpack show -format=json "$short"
is "$(json uuid)" "$uuid" "row 39: ... by the beginning of its id"
done_well "row 39: an image by the beginning of its id" jetpack image-manifest "$(printf %.20s "$id")"
done_well "row 39: a file of a volume" jetpack cp "$canary/manifest" pod:@vol:/file
done_well "destroy" jetpack destroy pod

# A name that the system keeps in a field of fixed length is refused before it is cut there, whichever
# way it comes.
length() { head -c "$1" /dev/zero | tr '\0' h; }
fails 2 'a host name has 1 to 63 characters' "row 69: a host name that is too long" \
    jetpack prepare --hostname "$(length 64)" test.example/app
fails 1 'hostname.*1 to 63|host name' "row 69: ... as an annotation" \
    jetpack prepare -a jetpack/hostname="$(length 64)" test.example/app
done_well "row 69: the longest" jetpack prepare -pod-name longest --hostname "$(length 63)" test.example/app
run jetpack show -format=json longest
is "$(json hostname)" "$(length 63)" "row 69: ... is whole"
done_well "destroy" jetpack destroy longest
finish
