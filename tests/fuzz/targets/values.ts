import assert from "node:assert/strict";
import fc from "fast-check";
import { makeVerifier } from "../../../lib/auth/keys.ts";
import { addIpv4, formatIpv4, formatNetwork, parseIpv4, parseNetwork } from "../../../lib/ipv4.ts";
import { OPTIONS, PEER_NAME } from "../../../lib/settings/options.ts";
import { readValue, ValueError } from "../../../lib/settings/values.ts";
import { PUBLIC_KEY } from "../../unit/settings/bases.ts";
import { GOOD_INPUTS } from "../../unit/settings/good_input.ts";
import { textLike } from "../mutate.ts";
import { assertLine, type Target, target } from "../target.ts";

const addresses = target(
  "addresses and networks",
  ["lib/ipv4.ts parseIpv4", "lib/ipv4.ts parseNetwork", "lib/ipv4.ts isHostIpv4"],
  textLike(["192.0.2.1", "0.0.0.0", "255.255.255.255", "10.0.0.0/8", "10.0.0.1/32", "1.2.3.4/0"], [".", "/"]),
  (text) => {
    const address = parseIpv4(text);
    if (address !== null) assert.equal(formatIpv4(address), text);
    assert.equal(addIpv4(text, 0), address === null ? null : text);
    const network = parseNetwork(text);
    if (network === null) return;
    assert.deepEqual(parseNetwork(formatNetwork(network)), network);
    assert.ok(network.length <= 32);
  },
);

const valueKinds = [...OPTIONS, PEER_NAME].flatMap((option) =>
  ["command", "switch", "config", "count", "flag"].includes(option.kind) ? [] : [option]
) as unknown as readonly Parameters<typeof readValue>[0][];
const valueSamples = [
  ...GOOD_INPUTS.flatMap(({ argv }) => argv.filter((word) => !word.startsWith("-"))),
  ...["25s", "2h", "10000,10001", "172.28.16.0/20", "[fou]", "a.example:10000", ":1@eth0", PUBLIC_KEY],
];

const anyValue = target(
  "values and keys",
  [
    "lib/settings/values.ts readValue",
    "lib/settings/values.ts readNetworks",
    "lib/settings/values.ts decodeKey",
    "lib/auth/keys.ts isWeakPublicKey",
  ],
  fc.tuple(fc.constantFrom(...valueKinds), textLike(valueSamples, [",", ":", "@", "/", "=", ".", "0", "-"])),
  ([kind, text]) => {
    const taken: unknown[] = [];
    try {
      readValue(kind, text, "", (_slot, value) => void taken.push(value));
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      return assertLine(error.message);
    }
    for (const value of taken) {
      assert.ok(value !== undefined && !Number.isNaN(value) && !Object.is(value, -0), String(value));
    }
  },
);

const publicKeys = target(
  "public keys",
  ["lib/auth/keys.ts makeVerifier"],
  fc.tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ minLength: 64, maxLength: 64 })),
  ([key, signature]) => {
    try {
      readValue({ kind: "publicKey", slot: "remotePublicKey" }, key.toBase64(), "", () => {});
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      return assertLine(error.message);
    }
    assert.equal(makeVerifier(key)(key, signature), false);
  },
);

/** Single values that the administrator gives. */
export const VALUE_TARGETS: readonly Target[] = [addresses, anyValue, publicKeys];
