"""The wire format of auth packets, written from its description only, with libsodium (PyNaCl).

PyNaCl is loaded where it is used: most packets are not signed, and loading it takes longer than anything else here.
"""
import base64
import hashlib
import os
import socket
import struct
import time

DEFAULT_SECRET = "netprickle.com"
SIGNED_LENGTH = 64 + 5 + 4


def signed(key, secret, timestamp=None, hinted=False):
    """Signature, Unix time, salt; the signature is over time, salt and secret. The salt may end in a hint at the key."""
    from nacl.signing import SigningKey

    stamp = int(time.time() if timestamp is None else timestamp)
    own = SigningKey(base64.b64decode(key))
    salt = os.urandom(2) + (key_hint(bytes(own.verify_key), secret, stamp) if hinted else os.urandom(2))
    message = stamp.to_bytes(5, "big") + salt
    return own.sign(message + secret.encode()).signature + message


def key_hint(public_key, secret, stamp):
    """The end of the salt in packets of clients from version 1.0 on."""
    epoch = (stamp // 256).to_bytes(8, "big")
    return hashlib.sha256(b"ipipou key hint 1" + public_key + epoch + secret.encode()).digest()[:2]


def verify(payload, key, secret):
    """The Unix time of a signed payload; None when it is too short or the signature is wrong."""
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey

    if len(payload) < SIGNED_LENGTH:
        return None
    try:
        VerifyKey(base64.b64decode(key)).verify(payload[64:] + secret.encode(), payload[:64])
    except BadSignatureError:
        return None
    return int.from_bytes(payload[64:69], "big")


def udp_checksum(addresses, datagram):
    """The UDP checksum of RFC 768: 0xffff if the sum is 0, as 0 means no checksum."""
    data = addresses + struct.pack("!BBH", 0, socket.IPPROTO_UDP, len(datagram)) + datagram
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total or 0xFFFF


def send(source, destination, data, ttl=64, checksum=False):
    """Sends one datagram between two (ip, port) pairs by a raw socket, by default with UDP checksum 0."""
    def udp(value):
        return struct.pack("!HHHH", source[1], destination[1], 8 + len(data), value) + data

    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    datagram = udp(udp_checksum(addresses, udp(0)) if checksum else 0)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, ttl, socket.IPPROTO_UDP, 0) + addresses
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(header + datagram, (destination[0], 0))


def endpoint(text):
    """IP:PORT as a pair."""
    ip, port = text.split(":")
    return ip, int(port)
