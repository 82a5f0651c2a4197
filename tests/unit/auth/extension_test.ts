import assert from "node:assert/strict";
import fc from "fast-check";
import {
  beginsLikeExtension,
  EXTENSION_LENGTH,
  makeExtension,
  parseExtension,
} from "../../../lib/auth/extension.ts";

const KINDS = ["client stops", "server stops", "server starts"] as const;
/** "IP2" and version 1. */
const START = [0x49, 0x50, 0x32, 1];

function parse(...bytes: number[]): string[] | null {
  const said = parseExtension(Uint8Array.from(bytes));
  return said === null ? null : [...said];
}

Deno.test("makeExtension() gives each announcement a type of its own, without a value", () => {
  const made = KINDS.map((kind) => [...makeExtension(kind)]);
  assert.deepEqual(made, [[...START, 6, 0], [...START, 10, 0], [...START, 11, 0]]);
  assert.ok(made.every(({ length }) => length === EXTENSION_LENGTH));
  for (const kind of KINDS) assert.deepEqual([...parseExtension(makeExtension(kind))!], [kind]);
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
  assert.equal(parse(...START, 200, 1), null, "no value");
  assert.equal(parse(...START, 6, 0, 200, 3, 1, 2), null, "too little of a value");
  assert.equal(parse(...START, 6, 1, 0), null, "a value where none belongs");
  assert.equal(parse(0x49, 0x50, 0x32, 2, 6, 0), null, "another version");
  assert.equal(parse(0, ...START, 6, 0), null, "something before it");
});

Deno.test("parseExtension() reads any fields in any order", () => {
  const field = fc.oneof(
    fc.constantFrom(6, 10, 11).map((type) => [type, 0]),
    fc.tuple(fc.integer({ min: 12, max: 255 }), fc.uint8Array({ maxLength: 30 }))
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
