"""Extracts members of a wheel: extract.py WHEEL DIRECTORY PATTERN... (shell patterns; one starting with '!' leaves members out).

Python's own zipfile, because where pip is there is Python: members of 1 GB stream to disk, CRCs are checked.
"""
import fnmatch
import os
import sys
import zipfile

wheel, directory, *patterns = sys.argv[1:]
wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("!")]


def matches(name, among):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in among)


with zipfile.ZipFile(wheel) as archive:
    for member in archive.infolist():
        if matches(member.filename, wanted) and not matches(member.filename, unwanted):
            path = archive.extract(member, directory)  # drops '..' and absolute parts
            if (member.external_attr >> 16) & 0o100:
                os.chmod(path, 0o755)  # extract() forgets that ptxas is a program
