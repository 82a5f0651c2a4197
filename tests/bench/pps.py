"""Small UDP packets: how many a tunnel carries.

  pps.py send IP PORT SECONDS     sends packets with 64 bytes of data as fast as it can, and prints for how long
  pps.py hold PORT                takes packets and reads none, so that reading costs nothing
"""
import signal
import socket
import sys
import time

BATCH = 64


def send(address, port, seconds):
    data = bytes(64)
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.connect((address, port))
        start = time.monotonic()
        while (passed := time.monotonic() - start) < seconds:
            for _ in range(BATCH):
                udp.send(data)
    print(passed)


def hold(port):
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("", port))
        print("holding", flush=True)
        signal.pause()


if sys.argv[1] == "send":
    send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
else:
    hold(int(sys.argv[2]))
