# Adds up the lines of the summary: "passed NAME", "failed NAME", "count NAME N passed, ...". With a
# name: to one such line "count NAME N passed, ..." again.
/^passed / { passed++ }
/^failed / { failed++ }
/^count / {
    for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) passed += $(i - 1)
        if ($i ~ /^failed/) failed += $(i - 1)
        if ($i ~ /^skipped/) skipped += $(i - 1)
    }
}
END {
    if (name) {
        printf "count %-24s %d passed, %d failed, %d skipped\n", name, passed, failed, skipped
        exit
    }
    printf "%d passed, %d failed", passed, failed
    if (skipped) printf ", %d skipped", skipped
    printf "\n"
    exit failed > 0 || passed == 0
}
