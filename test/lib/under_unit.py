#!/usr/bin/python3
"""under_unit UNIT PROGRAM ARGUMENT...: runs the program under the restrictions that a systemd unit puts on its system calls

SystemCallFilter=, RestrictNamespaces=yes, MemoryDenyWriteExecute=yes, NoNewPrivileges= and LockPersonality=, with the groups
as systemd-analyze of this machine knows them. Needs python3-seccomp and systemd.
"""
import errno
import os
import subprocess
import sys

import seccomp


def group(name):
    """The names in "@group" or the name itself"""
    if not name.startswith("@"):
        return {name}
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    names = set()
    for word in (line.split("#")[0].strip() for line in text.splitlines()[1:]):
        if word:
            names |= group(word)
    return names


def main():
    unit, program = sys.argv[1], sys.argv[2:]
    settings = [line.split("=", 1) for line in open(unit) if "=" in line and not line.startswith("#")]
    allowed = group("@default")
    for key, value in settings:
        if key == "SystemCallFilter":
            for name in value.lstrip("~").split():
                allowed = allowed - group(name) if value.startswith("~") else allowed | group(name)
    on = {key for key, value in settings if value.strip() == "yes"}
    out = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    out.set_attr(seccomp.Attr.CTL_NNP, 1)
    flags = 0x7e020000  # CLONE_NEW*
    for name in sorted(allowed):
        try:
            if "RestrictNamespaces" in on and name in ("clone3", "unshare", "setns"):
                if name == "clone3":
                    out.add_rule(seccomp.ERRNO(errno.ENOSYS), name)
                continue
            if "RestrictNamespaces" in on and name == "clone":
                out.add_rule(seccomp.ALLOW, name, seccomp.Arg(0, seccomp.MASKED_EQ, flags, 0))
                continue
            if "MemoryDenyWriteExecute" in on and name == "mmap":
                out.add_rule(seccomp.ALLOW, name, seccomp.Arg(2, seccomp.MASKED_EQ, 6, 0))  # neither
                for one in (2, 4):
                    out.add_rule(seccomp.ALLOW, name, seccomp.Arg(2, seccomp.MASKED_EQ, 6, one))
                continue
            if "MemoryDenyWriteExecute" in on and name in ("mprotect", "pkey_mprotect"):
                out.add_rule(seccomp.ALLOW, name, seccomp.Arg(2, seccomp.MASKED_EQ, 4, 0))
                continue
            out.add_rule(seccomp.ALLOW, name)
        except (RuntimeError, ValueError):
            continue  # of another architecture
    if os.geteuid() == 0:  # as the unit's User=
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    out.load()
    os.execv(program[0], program)


main()
