import fc from "fast-check";
import { formatIpv4, networkOf } from "../../../lib/ipv4.ts";
import type { Option } from "../../../lib/settings/option.ts";
import { PUBLIC_KEY } from "./bases.ts";

/** Arbitrary text. */
export const anyText = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }));

/** Networks, most of them without host bits set. */
const anyNetwork = fc.tuple(
  fc.integer({ min: 1, max: 0xdfff_ffff }),
  fc.integer({ min: 0, max: 33 }),
  fc.nat(9),
)
  .map(([address, length, odds]) =>
    `${formatIpv4(odds === 0 ? address : networkOf(address, Math.min(length, 32)).first)}/${length}`
  );

/** A value of the kind, on the command line and in TOML; null for kinds that the tables cover. */
export function valueOf(option: Option): fc.Arbitrary<{ word: string; toml: string }> | null {
  const text = (words: fc.Arbitrary<string>) => words.map((word) => ({ word, toml: tomlString(word) }));
  switch (option.kind) {
    case "integer":
      return fc.integer({ min: option.min, max: Math.min(option.max, 70_000) }).map(String).map((word) => ({
        word,
        toml: word,
      }));
    case "numberOrWord":
      return fc.oneof(
        fc.integer({ min: option.min, max: option.max }).map(String).map((word) => ({ word, toml: word })),
        text(fc.constantFrom(...option.words)),
      );
    case "tos":
      return text(fc.constantFrom("inherit", "0x00", "0xfc", "CS6", "AF23", "EF"));
    case "duration":
      return fc.integer({ min: 0, max: 2_147_483 }).map(String).map((word) => ({ word, toml: word }));
    case "ipv4":
      return text(fc.integer({ min: 1, max: 0xdfff_ffff }).map(formatIpv4));
    case "ports":
      return fc.uniqueArray(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 3 })
        .map((ports) => ({ word: ports.join(","), toml: ports.length === 1 ? `${ports[0]}` : `[${ports}]` }));
    case "network":
      return text(anyNetwork);
    case "networks":
      return fc.array(anyNetwork, { minLength: 1, maxLength: 3 })
        .map((networks) => ({ word: networks.join(","), toml: JSON.stringify(networks) }));
    case "device":
      return text(fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,14}$/));
    case "nftTable":
      return text(fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,20}$/));
    case "privateKey":
    case "base64":
      return text(
        fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => btoa(String.fromCharCode(...bytes))),
      );
    case "publicKey":
      return text(fc.constant(PUBLIC_KEY));
    case "text":
      return text(anyText.filter((words) => words.isWellFormed()));
    case "flag":
      return fc.constant({ word: "", toml: String(!option.long?.startsWith("no-")) });
    default:
      return null;
  }
}

function tomlString(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}
