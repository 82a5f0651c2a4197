"""Sends a steady flow of numbered datagrams through a tunnel, or prints what arrives at the server.

  flow.py send IP PORT PER_SECOND     sends datagrams until it is killed
  flow.py watch FOU_PORT PORT         prints a line for each packet that arrives, with the time in seconds:
      outer TIME SOURCE_PORT NUMBER   a datagram of the flow at the FOU port, still encapsulated
      auth TIME SOURCE_PORT           anything else at the FOU port
      inner TIME NUMBER               a datagram of the flow that came out of the tunnel
"""
import socket
import struct
import sys
import time

ETH_P_IP = 0x0800
SO_TIMESTAMPNS = 35


def send(address, port, rate):
    with socket.socket(type=socket.SOCK_DGRAM) as flow:
        start, number = time.monotonic(), 0
        while True:
            flow.sendto(struct.pack("!I", number), (address, port))
            number += 1
            time.sleep(max(0, start + number / rate - time.monotonic()))


def udp(packet):
    """Source port, destination port and payload of a UDP datagram; None of any other packet."""
    if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_UDP:
        return None
    start = 4 * (packet[0] & 15)
    source, destination, length = struct.unpack("!HHH", packet[start : start + 6])
    return source, destination, packet[start + 8 : start + length]


def describe(packet, when, fou_port, port):
    datagram = udp(packet)
    if datagram is None:
        return None
    source, destination, payload = datagram
    if destination == port:
        return f"inner {when} {struct.unpack('!I', payload)[0]}"
    if destination != fou_port:
        return None
    inner = udp(payload)
    if inner is not None and inner[1] == port:
        return f"outer {when} {source} {struct.unpack('!I', inner[2])[0]}"
    return None if payload[:1] == b"\x45" else f"auth {when} {source}"


def watch(fou_port, port):
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP)) as packets:
        packets.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        print("watching", flush=True)
        while True:
            packet, [(_, _, stamp)], _, (_, _, kind, *_) = packets.recvmsg(65535, 64)
            seconds, nanoseconds = struct.unpack("qq", stamp)
            line = describe(packet, f"{seconds}.{nanoseconds:09}", fou_port, port)
            if kind == socket.PACKET_HOST and line is not None:
                print(line, flush=True)


if sys.argv[1] == "send":
    send(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
else:
    watch(int(sys.argv[2]), int(sys.argv[3]))
