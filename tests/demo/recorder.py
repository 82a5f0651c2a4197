"""Runs a command in a pseudo-terminal and prints what it shows, as a recording in version 2 of asciinema's format.

Arguments: SKIPPED SECONDS COLUMNS ROWS COMMAND... After SECONDS it presses q. The recording begins with what stands
there after SKIPPED seconds.
"""
import fcntl, json, os, pty, select, struct, sys, termios, time

skipped, seconds, columns, rows = map(int, sys.argv[1:5])
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execvp(sys.argv[5], sys.argv[5:])
print(json.dumps({"version": 2, "width": columns, "height": rows}))
start = time.monotonic()
is_over = False
while True:
    passed = time.monotonic() - start
    if passed > seconds and not is_over:
        os.write(fd, b"q")
        is_over = True
    if not select.select([fd], [], [], 0.1)[0]:
        continue
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    # What it shows as it ends is an empty screen.
    if not is_over:
        print(json.dumps([round(max(0, passed - skipped), 3), "o", data.decode()], ensure_ascii=False))
os.waitpid(pid, 0)
