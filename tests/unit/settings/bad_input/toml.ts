import { BASES } from "../bases.ts";
import { type BadInput, inFile } from "./input.ts";
import { BOTH, DURATION, IP, KEY, LOCAL, PORTS, REMOTE } from "./phrases.ts";

/** Errors in a configuration file about a single tunnel. */
export const TOML: readonly BadInput[] = ([
  ["a = 1", "Unknown key a at @:1:1: ipipou --help lists the options; --TABLE-KEY is KEY in [TABLE]"],
  ["\n[fou]\nlocal_port = 1", "Unknown key fou.local_port at @:3:1: did you mean `local-port`?"],
  ["[fou]\n  localPort = 1", "Unknown key fou.localPort at @:2:3: did you mean `local-port`?"],
  ["[fou]\nlokal-port = 1", "Unknown key fou.lokal-port at @:2:1: did you mean `local-port`?"],
  ["[fou]\nfou-local-port = 1", "Unknown key fou.fou-local-port at @:2:1: did you mean `local-port`?"],
  ["fou_local_port = 1", "Unknown key fou_local_port at @:1:1: did you mean `local-port` in [fou]?"],
  ["fou-local-port = 1", "Unknown key fou-local-port at @:1:1: did you mean `local-port` in [fou]?"],
  [
    "[fou]\nkeepalive = 1",
    "Unknown key fou.keepalive at @:2:1: did you mean `keepalive` above the first [table]?",
  ],
  ["[fou]\ntoken = 'hunter2'", "Unknown key fou.token at @:2:1: did you mean `token` in [auth]?"],
  ["token = 'hunter2'", "Unknown key token at @:1:1: did you mean `token` in [auth]?"],
  ["no-nft-counter = true", "Unknown key no-nft-counter at @:1:1: did you mean `counter` in [nft]?"],
  ["servre = true", "Unknown key servre at @:1:1: did you mean `server`?"],
  ["config = 'x'", "Unknown key config at @:1:1: --config can only be used on the command line"],
  [
    "[auth]\nkeygen = true",
    "Unknown key auth.keygen at @:2:1: --auth-keygen can only be used on the command line",
  ],
  ["fou.local.ip = '192.0.2.1'", "Unknown key fou.local.ip at @:1:1: did you mean `local-ip` in [fou]?"],
  [
    '"fou.local-port" = 1',
    'Unknown key "fou.local-port" at @:1:1: did you mean `local-port` in [fou]?',
  ],
  ["fou = 1", "Cannot give fou a value at @:1:1: it is a table, [fou]"],
  ["auth = 'hunter2'", "Cannot give auth a value at @:1:1: it is a table, [auth]"],
  ["[peers]", "Unknown table [peers] at @:1:1: did you mean [[peer]]?"],
  [
    "[tunnel]",
    "Unknown table [tunnel] at @:1:1: did you mean [tunl]?",
  ],
  ["[tun]\nip = '10.0.0.1'", "Unknown table [tun] at @:1:1: did you mean [tunl]?"],
  [
    "[fou.local]\nip = '192.0.2.1'",
    "Unknown table [fou.local] at @:1:1: the tables are [fou] [tunl] [auth] [nft] [nfq] [log] [encap] [[peer]]",
  ],
  ["\n [[fou]]", "Cannot use [[fou]] at @:2:2: write it once, as [fou]"],
  [
    "number = '1'",
    'Cannot use "1" as number at @:1:10: must be a whole number from 0 to 65535, without quotes',
  ],
  ["number = 1.0", "Cannot use 1.0 as number at @:1:10: must be a whole number from 0 to 65535"],
  ["number = inf", "Cannot use inf as number at @:1:10: must be a whole number from 0 to 65535"],
  [
    "[fou]\nlocal-port =  70_000",
    `Cannot use 70000 as fou.local-port at @:2:15: ${PORTS}`,
  ],
  ["server = 'yes'", 'Cannot use "yes" as server at @:1:10: must be true or false, without quotes'],
  ["server = 1", "Cannot use 1 as server at @:1:10: must be true or false"],
  ["keepalive = '5 minutes'", `Cannot use "5 minutes" as keepalive at @:1:13: ${DURATION}`],
  ["keepalive = -1", `Cannot use -1 as keepalive at @:1:13: ${DURATION}`],
  ["keepalive = 00:05:00", `Cannot use 00:05:00 as keepalive at @:1:13: ${DURATION}`],
  ["[fou]\nlocal-ip = 192", `Cannot use 192 as fou.local-ip at @:2:12: ${IP}, in quotes`],
  ["[fou]\nlocal-ip = 1979-05-27", `Cannot use 1979-05-27 as fou.local-ip at @:2:12: ${IP}, in quotes`],
  ["[fou]\nremote = ['a:1', 'b:1']", `Cannot use a list as fou.remote at @:2:10: ${REMOTE}, in quotes`],
  [
    "fou = { local = { ip = '192.0.2.1' } }",
    `Cannot use a table as fou.local at @:1:17: ${LOCAL}, in quotes`,
  ],
  ["[auth]\ntoken = 123", "Cannot use (hidden) as auth.token at @:2:9: must be text, in quotes"],
  ["[auth]\nkey-b64 = 'hunter2!'", `Cannot use (hidden) as auth.key-b64 at @:2:11: ${KEY}`],
  [
    "[auth]\nby-remote-ip = '192.0.2.1'",
    'Cannot use "192.0.2.1" as auth.by-remote-ip at @:2:16: must be true or false, without quotes',
  ],
  [
    "client = true\nserver = true",
    `Cannot use both client at {dir}/bad.toml:1:10 and server at @:2:10: ${BOTH}`,
  ],
  [
    "[fou]\nlocal = ':1'\nlocal-port = 1",
    `Cannot use both fou.local at {dir}/bad.toml:2:9 and fou.local-port at @:3:14: ${BOTH}`,
  ],
  [
    "[auth]\ntoken = 'a'\ntoken-b64 = 'AAAA'",
    `Cannot use both auth.token at {dir}/bad.toml:2:9 and auth.token-b64 at @:3:13: ${BOTH}`,
  ],
  ["number = 1\nnumber = 2", "Cannot read @:2:1 as TOML: defining a key multiple times is invalid"],
  ["[fou]\n[fou]", "Cannot read @:2:2 as TOML: defining a key multiple times is invalid"],
  [
    "fou.dev = 'a'\n[fou]\nlocal-port = 1",
    "Cannot read @:2:2 as TOML: defining a key multiple times is invalid",
  ],
  ["number = ", "Cannot read @:1:10 as TOML: unspecified values are invalid"],
  ["number", "Cannot read @:1:7 as TOML: expected equal (=) token"],
  ["number 1", "Cannot read @:1:8 as TOML: expected equal (=) token"],
  ["number = 1 verb = 2", "Cannot read @:1:12 as TOML: must be a newline"],
  ["number = 01", "Cannot read @:1:10 as TOML: leading zeros are not allowed"],
  ["number = one", "Cannot read @:1:10 as TOML: unexpected character"],
  ["server = True", "Cannot read @:1:10 as TOML: unexpected character"],
  [
    "[fou\nlocal-port = 1",
    "Cannot read @:2:1 as TOML: the key, equals sign, and value must be on the same line",
  ],
  ["[auth]\ntoken = 'hunter2", "Cannot read @:2:17 as TOML: unterminated string constant"],
  ['[auth]\ntoken = "hunter\\x2"', "Cannot read @:2:17 as TOML: invalid character in escape sequence"],
  ["local = @eth0", "Cannot read @:1:9 as TOML: unexpected character"],
  ["client\nnumber 1", "Cannot read @:2:1 as TOML: the key, equals sign, and value must be on the same line"],
  ["server = true", "Cannot run without a local address or device: give -b/--fou-local IP or @DEV"],
  [
    `${BASES.server}\n[tunl]\nip = '10.0.0.1'\npeer-ip = '10.0.0.1'`,
    "Cannot use 10.0.0.1 as tunl.peer-ip at @:10:11: it is also the local tunnel address",
  ],
  [`reauth-only = true\n${BASES.server}`, "Cannot use reauth-only at @:1:15 on a server: it is for clients"],
  [
    `${BASES.server}\nkey-file = "missing.key"\nremote-pubkey-b64 = "eQYNhD/Xwl6Zaq+z3QXDzNI77x8CEKqY1n5kt9bKeEI="`,
    "Cannot read {dir}/missing.key (auth.key-file at @:8:12): No such file or directory; make it, or name another",
  ],
] as const).map(inFile);
