"""Sends datagrams through a tunnel, or prints the IPv4 headers of those that pass here.

  headers.py send IP TTL TOS DF ...   sends a datagram with each such inner header; DF is 0 or 1
  headers.py watch FOU_PORT           prints a line for each datagram and device that it passes:
      DEVICE TTL TOS DF               as it is inside the tunnel
      DEVICE TTL TOS DF TTL TOS DF    in FOU: the outer header, then the inner one
"""
import socket
import struct
import sys

ETH_P_ALL = 0x0003
ETH_P_IP = 0x0800
PORT = 7009
IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_DO = 10, 0, 2


def send(address, headers):
    for ttl, tos, df in zip(headers[::3], headers[1::3], headers[2::3]):
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, int(ttl))
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, int(tos, 16))
            discover = IP_PMTUDISC_DO if df == "1" else IP_PMTUDISC_DONT
            sender.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, discover)
            sender.sendto(b"a datagram", (address, PORT))


def header(packet):
    return f"{packet[8]} 0x{packet[1]:02x} {packet[6] >> 6 & 1}"


def payload(packet, port):
    """The payload of a UDP datagram to a port; None of any other packet."""
    if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_UDP:
        return None
    start = 4 * (packet[0] & 15)
    return packet[start + 8 :] if struct.unpack("!H", packet[start + 2 : start + 4])[0] == port else None


def watch(fou_port):
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as packets:
        print("watching", flush=True)
        while True:
            packet, (device, protocol, *_) = packets.recvfrom(65535)
            if protocol != ETH_P_IP:
                continue
            inner = payload(packet, fou_port)
            if inner is not None and payload(inner, PORT) is not None:
                print(device, header(packet), header(inner), flush=True)
            elif payload(packet, PORT) is not None:
                print(device, header(packet), flush=True)


if sys.argv[1] == "send":
    send(sys.argv[2], sys.argv[3:])
else:
    watch(int(sys.argv[2]))
