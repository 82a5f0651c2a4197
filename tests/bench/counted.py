"""Runs a program in its place and notes it, with the most memory it had: counted.py FILE PROGRAM [ARGUMENT]..."""
import resource
import subprocess
import sys

file, *command = sys.argv[1:]
code = subprocess.run(command).returncode
kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
with open(file, "a") as notes:
    notes.write(f"{kib} {' '.join(command)}\n")
sys.exit(code)
