# Counts the test points in the output of `prove --verbose`. A test program that died, or whose
# plan does not fit, without a failed point of its own counts as one failure. With must=1 a skip is
# a failure unless its reason begins with "not here:" (what this kind of machine cannot have).
function skip(reason) {
    if (must && reason !~ /not here:/) {
        failed++
        print "must not be skipped: " reason
    } else {
        skipped++
    }
}
/^ok .*# *[Ss][Kk][Ii][Pp]/ { skip($0); next }
/^ok +[0-9]+ ms( \(.* CPU\))?$/ { next } # by `prove --timer`: the program ended well
/^ok / { passed++; next }
/^not ok .*# *TODO/ { skipped++; next }
/^not ok / { failed++; next }
/ \.+ skipped: / { skip($0); next }
/\(Wstat: .* Tests: [0-9]+ Failed: 0\)/ { failed++; next }
END {
    if (status != 0 && failed == 0)
        failed = 1
    printf "count %-24s %d passed, %d failed, %d skipped\n", name, passed, failed, skipped
}
