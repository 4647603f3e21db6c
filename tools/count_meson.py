#!/usr/bin/env python3
"""Counts the test points of `meson test` from its testlog.json, in the form of tools/count.awk.

usage: count_meson.py NAME TESTLOG.json STATUS

A program that died or whose plan does not fit, without a failed point, counts as one failure; so does
a run that ran nothing, and one with a STATUS other than 0 and no failed point. With JETPACK_MUST_WORK
set, a skip counts as one unless its reason begins with "not here:".
"""
import json
import os
import re
import sys

MUST_WORK = bool(os.environ.get("JETPACK_MUST_WORK"))
POINT = re.compile(r"(not )?ok\b(.*)")
SKIP = re.compile(r"# *SKIP\b *(.*)", re.IGNORECASE)


def main():
    name, path, status = sys.argv[1:]
    counts = {"passed": 0, "failed": 0, "skipped": 0}

    def skip(test, reason):
        if MUST_WORK and not reason.startswith("not here:"):
            print(f"must not be skipped: {test}: {reason}")
            counts["failed"] += 1
        else:
            print(f"skipped: {test}: {reason}")
            counts["skipped"] += 1

    tests = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as log:
            tests = [json.loads(line) for line in log]
    for test in tests:
        failures = 0
        for line in test.get("stdout", "").splitlines():
            plan = re.match(r"1\.\.0 *(#.*)", line)
            point = POINT.match(line)
            if plan:
                skipped = SKIP.search(plan.group(1))
                skip(test["name"], skipped.group(1) if skipped else "no reason")
            elif point and point.group(1):
                failures += 1
                print(f"{test['name']}: {line}")
            elif point:
                skipped = SKIP.search(point.group(2))
                if skipped:
                    skip(test["name"], skipped.group(1))
                else:
                    counts["passed"] += 1
            elif failures and not plan:
                print(line)
        if test["result"] not in ("OK", "SKIP") and failures == 0:
            failures = 1
            print(f"{test['name']}: {test['result']}, status {test.get('returncode')}")
            print("\n".join((test.get("stdout", "") + test.get("stderr", "")).splitlines()[-10:]))
        counts["failed"] += failures
    if (status != "0" or not tests) and counts["failed"] == 0:
        counts["failed"] = 1
        print(f"meson test: status {status}, {len(tests)} programs were run")
    print("count %-24s %d passed, %d failed, %d skipped" % ((name,) + tuple(counts.values())))


main()
