import assert from "node:assert/strict";
import fc from "fast-check";
import { addIpv4, formatIpv4, isHostIpv4, parseIpv4 } from "../../lib/ipv4.ts";

Deno.test("parseIpv4() reads four bytes as one number", () => {
  assert.equal(parseIpv4("0.0.0.0"), 0);
  assert.equal(parseIpv4("172.28.0.10"), 0xac1c000a);
  assert.equal(parseIpv4("255.255.255.255"), 4_294_967_295);
});

Deno.test("parseIpv4() rejects everything but a strict dotted quad", () => {
  const bad = [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.4\n",
  ];
  bad.push("0x1.2.3.4", "1.2.3.-4", "+1.2.3.4", "1.2.3.4/32", "::1", "1.2.3.1e1", "١.2.3.4", "1.2.3.1000");
  for (const text of bad) assert.equal(parseIpv4(text), null, text);
});

Deno.test("formatIpv4() is the inverse of parseIpv4()", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (address) => {
    assert.equal(parseIpv4(formatIpv4(address)), address);
  }));
  fc.assert(fc.property(fc.ipV4(), (text) => assert.equal(formatIpv4(parseIpv4(text) ?? NaN), text)));
});

Deno.test("addIpv4() carries from byte to byte", () => {
  assert.equal(addIpv4("172.28.0.255", 1), "172.28.1.0");
  assert.equal(addIpv4("172.29.0.0", -1), "172.28.255.255");
  assert.equal(addIpv4("192.0.2.1", 0), "192.0.2.1");
});

Deno.test("addIpv4() is null outside the address space and for what is no address", () => {
  assert.equal(addIpv4("255.255.255.255", 1), null);
  assert.equal(addIpv4("0.0.0.0", -1), null);
  assert.equal(addIpv4("localhost", 1), null);
});

Deno.test("isHostIpv4() rejects addresses that no host can have", () => {
  for (const text of ["192.0.2.1", "127.0.0.1", "10.0.0.0", "172.28.0.255", "223.255.255.255", "240.0.0.1"]) {
    assert.equal(isHostIpv4(text), true, text);
  }
  for (const text of ["0.0.0.0", "224.0.0.0", "239.255.255.255", "255.255.255.255", "host", ""]) {
    assert.equal(isHostIpv4(text), false, text);
  }
});
