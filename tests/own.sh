# What a test program has for itself, beside others that run at the same time. Sourced.
#
#   $own_number               0 to 5999: no other test program has it now. Of it are made
#   $own_subnet               a subnet of 256 addresses,
#   $own_port $service_port   and ports of the host: one to be used, the metadata service's
#   own BRIDGE DIRECTORY      notes what is to be gone when the program has ended (tools/left.sh)
#   end_own                   gives the number back
#
# (Those of process numbers meet again after some thousands of processes.)
own_number=$(($$ % 6000)) own_tries=6000
own_claim() { ln -s $$ "${TMPDIR:-/tmp}/jetpack-cli-number-$own_number" 2>/dev/null; }
until own_claim; do
    own_number=$(((own_number + 1) % 6000)) own_tries=$((own_tries - 1))
    [ "$own_tries" -gt 0 ] || { echo "Bail out! no number is free in ${TMPDIR:-/tmp}"; exit 1; }
done
# shellcheck disable=SC2034 # for who sources this
{
    own_subnet=10.$((200 + own_number / 256)).$((own_number % 256)).0/24
    own_port=$((26000 + own_number)) service_port=$((20000 + own_number))
}

own() { [ -z "${JETPACK_TEST_LEDGER-}" ] || echo "$*" >>"$JETPACK_TEST_LEDGER"; }
end_own() { rm -f "${TMPDIR:-/tmp}/jetpack-cli-number-$own_number"; }
