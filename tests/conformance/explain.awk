# Compares two lists of verdicts. First file: exceptions; then lines of our ID, verdict, error and
# theirs, pasted. Prints TAP: one line for every exception, then the differences without one.
BEGIN { FS = "\t" }

FILENAME == ARGV[1] {
    if ($0 ~ /^#/ || $0 == "")
        next
    n++
    expression[n] = $1
    verdict[n] = $2
    sentence[n] = $3 ": " $4
    next
}

{
    cases++
    if ($1 != $4)
        broken = broken "# order: " $1 " beside " $4 "\n"
    if ($2 == "unstable")
        unstable = unstable "# " $1 ": " $3 "\n"
    if ($2 == "good" && $5 == "good")
        good++
    if ($2 == "bad" && $5 == "bad")
        bad++
    if ($2 == $5)
        next
    for (i = 1; i <= n; i++) {
        if (verdict[i] == $2 && $1 ~ expression[i]) {
            used[i]++
            next
        }
    }
    unexplained = unexplained "# " $1 ": here " $2 " (" $3 "), there " $5 " (" $6 ")\n"
}

function report(ok, text, details) {
    print (ok ? "ok " : "not ok ") ++count " - " text
    if (!ok) {
        printf "%s", details
        failed = 1
    }
}

END {
    report(cases >= 500, cases " manifests were judged")
    report(good >= 300 && bad >= 300, "both agree on " good " good and " bad " bad ones")
    report(broken == "", "both judged the same cases", broken)
    report(unstable == "", "every good manifest is printed and read back to the same", unstable)
    report(unexplained == "", "every difference has its sentence", unexplained)
    for (i = 1; i <= n; i++)
        report(used[i] > 0, used[i] + 0 " " verdict[i] ": " sentence[i],
               "# " expression[i] " explains no difference\n")
    print "1.." count
    exit failed
}
