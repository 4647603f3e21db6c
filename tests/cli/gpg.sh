# Keys and signatures by GnuPG, at a time that the test names. Sourced after lib.sh.
#
#   gpg_at TIME ARGUMENT...    gpg in a home of the test's own, without a question; log in $work/gpg.log
#   $born $signed $now         1 January 2026, noon: keys are made then, signatures a day later, and
#                              judged another day later
#   $judge $openpgp            who asks for verdicts, and who gives them
judge=$programs/judge
openpgp=$build_dir/src/openpgp/jetpack-openpgp
[ -x "$openpgp" ] || skip_all "not here: built without librnp"
command -v gpg >/dev/null || skip_all "needs gpg"

HOME=$work/home GNUPGHOME=$work/gnupg
export HOME GNUPGHOME
mkdir -m 700 "$HOME" "$GNUPGHOME"
mkdir "$work/root"
chmod 711 "$work"

# shellcheck disable=SC2034 # for who sources this
born=1767268800 signed=$((born + 86400)) now=$((born + 2 * 86400))

gpg_at() {
    at=$1
    shift
    gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase '' \
        --faked-system-time "$at!" "$@" 2>>"$work/gpg.log"
}
