"""Sends auth packets from places of this host, and measures how long the server takes to reply.

  prober.py turns --to IP:PORT       sends one, waits for its reply, sends the next; prints the milliseconds of each
  prober.py burst --to IP:PORT       sends all at once; prints the milliseconds from the first sent to the last reply

Standard input has a MEMBER of crowd.py in each line. All packets are made before the first is sent. A burst has to
come from many addresses and one port.
"""
import argparse
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../e2e"))
from auth_packet import endpoint, send
from crowd import packet

PATIENCE = 120
SO_RCVBUFFORCE = 33


def listener(source):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
    udp.bind(source)
    udp.settimeout(PATIENCE)
    return udp


def turns(packets, to):
    sockets = {source: listener(source) for source in {source for source, _ in packets}}
    for source, payload in packets:
        start = time.monotonic()
        send(source, to, payload)
        sockets[source].recvfrom(2048)
        print(f"{1000 * (time.monotonic() - start):.3f}")


def burst(packets, to):
    udp = listener(("", packets[0][0][1]))
    missing = {payload[::-1] for _, payload in packets}
    start = time.monotonic()
    for source, payload in packets:
        send(source, to, payload)
    while missing:
        missing.discard(udp.recvfrom(2048)[0])
    print(f"{1000 * (time.monotonic() - start):.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("how", choices=["turns", "burst"])
    parser.add_argument("--to", required=True)
    parser.add_argument("--secret", default="crowd")
    args = parser.parse_args()
    packets = [packet(line, args.secret) for line in sys.stdin]
    {"turns": turns, "burst": burst}[args.how](packets, endpoint(args.to))


main()
