#!/usr/bin/env python3
"""What the sources cost to compile.

Prints the ten slowest compile units of a Ninja build and what each public header costs alone, and fails if a unit took
longer than 15 s, a header longer than 0.5 s or the one that includes all others longer than 0.65 s. That each header
compiles alone is checked on the way.

Seconds of a header are those of a machine on which #include <vector> costs 0.1 s: a slower one is scaled to it.
"""

import argparse
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

UNIT_LIMIT = 15.0
HEADER_LIMIT = 0.5
UMBRELLA, UMBRELLA_LIMIT = "g2face/g2face.hpp", 0.65  # includes all the others
YARDSTICK = "vector", 0.1


def cpu_seconds(command, cwd=None):
    """Runs a compiler and returns its processor time, which other work on the machine disturbs little."""
    process = subprocess.Popen(command, cwd=cwd)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"compile_time: failed: {' '.join(command)}")
    return usage.ru_utime + usage.ru_stime


def units(build):
    """Source -> seconds, from the log of the build: wall time, so an upper bound on a machine that does other work."""
    log = build / ".ninja_log"
    if not log.exists():
        sys.exit(f"compile_time: {build} is no Ninja build")
    took = {}
    for line in log.read_text().splitlines():
        if not line.startswith("#"):
            begin, end, _, output, _ = line.split("\t")
            took[output] = (int(end) - int(begin)) / 1000
    result = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        output = entry.get("output") or entry["command"].split(" -o ")[1].split()[0]
        if output in took:
            result[entry["file"]] = (took[output], entry)
    return result


def measured_alone(entry):
    command = shlex.split(entry["command"])
    if command[0].endswith("ccache"):  # a hit would measure the cache
        command = command[1:]
    with tempfile.TemporaryDirectory() as scratch:
        command[command.index("-o") + 1] = f"{scratch}/unit.o"
        return cpu_seconds(command, cwd=entry["directory"])


def limit_of(header):
    return UMBRELLA_LIMIT if header == UMBRELLA else HEADER_LIMIT


def include_seconds(compiler, include, header):
    with tempfile.TemporaryDirectory() as scratch:
        source = pathlib.Path(scratch) / "header.cpp"
        source.write_text(f"#include <{header}>\n#include <{header}>\n")
        return cpu_seconds([compiler, "-std=c++20", "-O2", f"-I{include}", "-fsyntax-only", str(source)])


def header_seconds(compiler, include, header):
    """The best of four runs, or the first that is clearly below the limit, as seconds of the reference machine. The
    yardstick is measured again beside each run, since the speed of a busy machine changes."""
    best = float("inf")
    for _ in range(4):
        scale = max(1.0, include_seconds(compiler, include, YARDSTICK[0]) / YARDSTICK[1])
        best = min(best, include_seconds(compiler, include, header) / scale)
        if best <= 0.9 * limit_of(header):
            break
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--compiler", default="c++")
    args = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parent.parent
    include = root / "include"
    offences = []

    took = units(args.build)
    print(f"The slowest of {len(took)} compile units (seconds, as built):")
    for source, (seconds, _) in sorted(took.items(), key=lambda item: -item[1][0])[:10]:
        print(f"  {seconds:6.1f}  {os.path.relpath(source, root)}")
    for source, (seconds, entry) in took.items():
        if seconds > UNIT_LIMIT and measured_alone(entry) > UNIT_LIMIT:
            offences.append(f"{os.path.relpath(source, root)} takes {seconds:.1f} s")

    headers = [path.relative_to(include).as_posix() for path in sorted(include.rglob("*.hpp"))]
    cost = {header: header_seconds(args.compiler, include, header) for header in headers}
    print(f"The slowest of {len(headers)} public headers, each alone (seconds, scaled):")
    for header, seconds in sorted(cost.items(), key=lambda item: -item[1])[:10]:
        print(f"  {seconds:6.2f}  {header}")
    offences += [f"{header} costs {seconds:.2f} s alone" for header, seconds in cost.items() if seconds > limit_of(header)]

    if offences:
        sys.exit("compile_time: " + "\ncompile_time: ".join(offences))


if __name__ == "__main__":
    main()
