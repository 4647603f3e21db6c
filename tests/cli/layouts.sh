# Layouts by umoci, and the trees that are made of them. Sourced in the place of lib.sh; the test is in
# $work from then on.
#
#   umoci, skopeo      quietly, with a log in $work
#   layer LAYOUT:TAG   adds a layer of $work/tree, see below
#   fresh              an empty $work/tree
#   tree DIRECTORY     says all of a tree
#   stack IMAGE FILE   says all of what an app of the image sees
#   same IMAGE LAYOUT:TAG NAME   a test: both are the same
. "$(dirname "$0")/lib.sh"
need_root
for tool in umoci skopeo unshare; do
    command -v "$tool" >/dev/null || skip_all "not here: $tool is not installed"
done
HOME=$work
export HOME
jetpack init >/dev/null
cd "$work" || exit 1

umoci() { command umoci "$@" >>"$work/umoci.log" 2>&1; }
skopeo() { command skopeo --insecure-policy "$@" >>"$work/skopeo.log" 2>&1; }
# layer LAYOUT:TAG: a layer of $work/tree, with its whiteouts as they are; entries in $entries
entries=
layer() {
    # shellcheck disable=SC2086 # a list of words
    if [ -n "$entries" ]; then
        printf '%s\0' $entries
    else
        (cd tree && find . -mindepth 1 -print0 | LC_ALL=C sort -z)
    fi >layer.names
    tar -C tree --xattrs --xattrs-include='*' --format=pax --pax-option=delete=atime,delete=ctime \
        --no-recursion --null -T layer.names -cf layer.tar
    umoci raw add-layer --image "$1" layer.tar
}
fresh() { rm -rf tree && mkdir tree; }
# tree DIRECTORY: everything that makes up a tree, a line a name
tree() {
    cd "$1" || exit 1
    find . -mindepth 1 \( -type d -printf '%P|%y|%m|%U:%G|%T@\n' -o -printf '%P|%y|%m|%U:%G|%T@|%s|%l|%n\n' \) | sort
    find . -type f -exec sha256sum {} + | sort -k2
    getfattr -R -h -d -m - -- * 2>/dev/null | grep -v '^$' || :
}
# stack IMAGE FILE: the tree that an app of the image gets, as its layers make it
stack() {
    pod=$(jetpack prepare "$1") || return 1
    jetpack run -keep "$pod" >"$work/run.log" 2>&1
    rm -rf m && mkdir m
    lower=
    for name in $(cat "$work/root/pods/$pod"/apps/*/layers); do
        kind=images
        case $name in view-*) kind=views ;; esac
        ln -s "$work/root/$kind/$name/rootfs" "m/$((${#lower}))"
        lower=$lower${lower:+:}$work/m/$((${#lower}))
    done
    mkdir m/root m/empty
    # A copy: files of views are further names of the images'.
    # Also where the root is no mount (a chroot).
    unshare -m --propagation unchanged sh -c "mount -t overlay -o lowerdir=$lower:$work/m/empty none m/root &&
        cp -a m/root m/copy && umount m/root && . ./tree.sh && tree m/copy" >"$2"
    result=$?
    jetpack destroy "$pod" >/dev/null
    return $result
}
sed -n '/^tree() {/,/^}/p' "$here/layouts.sh" >tree.sh
# same IMAGE LAYOUT:TAG NAME: the tree is what umoci makes of it
same() {
    rm -rf bundle
    umoci unpack --image "$2" bundle
    (tree bundle/rootfs) >theirs
    stack "$1" ours
    ok $? "$3: its layers make a root" || show log "$(cat run.log)"
    [ -s theirs ] && diff theirs ours >differences
    ok $? "$3: the tree is umoci's" || show difference "$(head -n 20 differences)"
}
