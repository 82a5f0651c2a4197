import assert from "node:assert/strict";
import fc from "fast-check";
import {
  beginsLikeExtension,
  EXTENSION_LENGTH,
  makeExtension,
  parseExtension,
} from "../../../lib/auth/extension.ts";

/** Those without a value, by type. */
const EMPTY = { 6: "client stops", 7: "client asks", 10: "server stops", 11: "server starts" } as const;
const KINDS = Object.values(EMPTY);
const VALUE = Uint8Array.of(1, 2, 3, 4, 5, 6);
/** "IP2" and version 1. */
const START = [0x49, 0x50, 0x32, 1];

function parse(...bytes: number[]): string[] | null {
  const said = parseExtension(Uint8Array.from(bytes));
  return said === null ? null : [...said.keys()];
}

Deno.test("makeExtension() gives each statement a type of its own, and but for one no value", () => {
  for (const [type, kind] of Object.entries(EMPTY)) {
    const made = makeExtension(kind);
    assert.deepEqual([...made], [...START, Number(type), 0]);
    assert.equal(made.length, EXTENSION_LENGTH);
    assert.deepEqual([...parseExtension(made)!], [[kind, new Uint8Array()]]);
  }
  const made = makeExtension("server sees", VALUE);
  assert.deepEqual([...made], [...START, 12, 6, ...VALUE]);
  for (const others of [[], [6, 0], [200, 1, 9]]) {
    assert.deepEqual(parseExtension(Uint8Array.of(...made, ...others))!.get("server sees"), VALUE);
  }
});

Deno.test("parseExtension() skips fields of unknown types", () => {
  assert.deepEqual(parse(...START), []);
  assert.deepEqual(parse(...START, 200, 0), []);
  assert.deepEqual(parse(...START, 2, 3, 6, 0, 6), []);
  assert.deepEqual(parse(...START, 2, 1, 9, 6, 0, 255, 2, 0, 0), ["client stops"]);
  assert.deepEqual(parse(...START, 6, 0, 6, 0, 11, 0), ["client stops", "server starts"]);
});

Deno.test("parseExtension() takes nothing that is cut short, filled, of another version, or no extension", () => {
  assert.equal(parse(), null);
  for (let length = 1; length < START.length; length++) assert.equal(parse(...START.slice(0, length)), null);
  assert.equal(parse(...START, 6), null, "no length");
  assert.equal(parse(...START, 6, 0, 200), null, "no length of an unknown one");
  assert.equal(parse(...START, 200, 1), null, "no value");
  assert.equal(parse(...START, 6, 0, 200, 3, 1, 2), null, "too little of a value");
  for (const type of Object.keys(EMPTY)) {
    assert.equal(parse(...START, Number(type), 1, 0), null, "a value where none belongs");
  }
  assert.equal(parse(...START, 12, 0), null, "no value where one belongs");
  for (const length of [5, 7]) {
    assert.equal(parse(...START, 12, length, ...new Uint8Array(length)), null, "a value of another length");
  }
  assert.equal(parse(0x49, 0x50, 0x32, 2, 6, 0), null, "another version");
  assert.equal(parse(0, ...START, 6, 0), null, "something before it");
});

Deno.test("parseExtension() reads any fields in any order", () => {
  const field = fc.oneof(
    fc.constantFrom(6, 7, 10, 11).map((type) => [type, 0]),
    fc.tuple(fc.integer({ min: 13, max: 255 }), fc.uint8Array({ maxLength: 30 }))
      .map(([type, value]) => [type, value.length, ...value]),
  );
  fc.assert(fc.property(fc.array(field), (fields) => {
    const types = new Set(fields.map(([type]) => type));
    const wanted = KINDS.filter((kind) => types.has(makeExtension(kind)[4]));
    assert.deepEqual(new Set(parse(...START, ...fields.flat())), new Set(wanted));
  }));
});

Deno.test("beginsLikeExtension() is true only for a secret that would read as an extension", () => {
  assert.equal(beginsLikeExtension("IP2\u0001"), true);
  assert.equal(beginsLikeExtension("IP2\u0001\u0006\u0000rest"), true);
  for (const secret of ["", "IP2", "IP21", "ip2\u0001", " IP2\u0001"]) {
    assert.equal(beginsLikeExtension(secret), false, secret);
  }
});
