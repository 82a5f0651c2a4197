/** The minimal options of a client. */
export const OK_CLIENT = ["-b", "192.0.2.1", "-r", "198.51.100.1:10000", "--tunl-ip", "172.28.0.1"];
/** A public key for which anyone can sign. */
export const WEAK_KEY = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

// Messages about values of one kind, wherever they are given.
export const PORTS = "must be a UDP port from 1 to 65535, or up to 64 different ones";
export const THE_PORT = "the port must be a whole number from 1 to 65535";
export const IP = "must be an IPv4 address of a host, like 192.0.2.1";
export const DEVICE = "must be a device name: 1 to 15 of A-Z a-z 0-9 _ . -";
export const LOCAL = "must be [IP][:PORT][@DEV] with at least one of them";
export const REMOTE = "must be [HOST|IP][:PORT] with at least one of them";
export const MARK = "must be a whole number from 0 to 4294967295, or from 0x0 to 0xffffffff";
export const DURATION = "must be whole seconds from 0 to 2147483, or a time like 25s, 5m or 2h";
export const KEY = "must be 32 bytes in standard base64";

/** The message about two options that set the same slot. */
export const BOTH = "they set the same value, give one";

// Messages about TOML that cannot be read.
export const QUOTES = "text must be in quotes; only numbers, true and false go without";
export const BRACKET = "a table's name ends with ], as in [fou] or [[peer]]";
