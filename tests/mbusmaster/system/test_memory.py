from mbusmaster.system.memory import keep_small, untouched_files

MAPS = """\
7f0000000000-7f0000002000 r--p 00000000 fe:00 10    /usr/lib/libc.so.6
Rss:                   8 kB
Anonymous:             0 kB
7f0000002000-7f0000005000 r-xp 00002000 fe:00 10    /usr/lib/a name with spaces.so
Anonymous:             0 kB
VmFlags: rd ex mr mw me
7f0000005000-7f0000006000 r--p 00005000 fe:00 10    /usr/lib/libc.so.6
Anonymous:             4 kB
7f0000006000-7f0000007000 rw-p 00006000 fe:00 10    /usr/lib/libc.so.6
Anonymous:             0 kB
7f0000007000-7f0000008000 r--p 00000000 00:00 0
Anonymous:             0 kB
7f0000008000-7f0000009000 r-xp 00000000 00:00 0     [vdso]
Anonymous:             0 kB
"""


def test_only_what_the_file_still_has_is_given_back() -> None:
    assert list(untouched_files(MAPS.splitlines())) == [(0x7F0000000000, 0x2000), (0x7F0000002000, 0x3000)]


def test_code_runs_on_after_its_pages_were_given_back() -> None:
    keep_small()
    assert sum(range(1000)) == 499500
