import assert from "node:assert/strict";
import { makeRequest } from "../../../ffi/netlink_encoding.ts";
import { linkRequest, routeRequest, rulesRequest, tableRequest } from "../../../ffi/netlink_requests.ts";

function assertBytes(request: Uint8Array, expected: string): void {
  assert.equal(request.toHex(), expected.replace(/\s/g, ""));
}

Deno.test("routeRequest() asks for what the kernel would do, with only what is given", () => {
  const query = { destination: "10.9.0.2", source: null, device: null, mark: 0 };
  assertBytes(
    routeRequest(query),
    "24000000 1a00 0100 00000000 00000000  02200000 00000000 00000000  0800 0100 0a090002",
  );
  assertBytes(
    routeRequest({ destination: "10.9.0.2", source: "10.9.0.1", device: 258, mark: 0xfedc_ba98 }),
    `3c000000 1a00 0100 00000000 00000000  02202000 00000000 00000000
     0800 0100 0a090002  0800 0200 0a090001  0800 0400 02010000  0800 1000 98badcfe`,
  );
});

Deno.test("tableRequest() asks for the route in the table", () => {
  assertBytes(
    tableRequest({ destination: "10.9.0.2", source: "10.9.0.1", device: null, mark: 0 }),
    `2c000000 1a00 0100 00000000 00000000  02202000 00000000 00200000
     0800 0100 0a090002  0800 0200 0a090001`,
  );
});

Deno.test("linkRequest() asks for a device by its name, which is padded", () => {
  assertBytes(
    linkRequest("eth0"),
    `2c000000 1200 0100 00000000 00000000  00000000 00000000 00000000 00000000
     0900 0300 65746830 00 000000`,
  );
});

Deno.test("rulesRequest() asks for all IPv4 rules", () => {
  assertBytes(rulesRequest(), "1c000000 2200 0103 00000000 00000000  02000000 00000000 00000000");
});

Deno.test("makeRequest() puts attributes where each begins at a multiple of four bytes", () => {
  const request = makeRequest(0x302, 0, [0, 0, 1, 244], (encoder) => {
    encoder.attribute(3, () => encoder.byte(1));
    encoder.attribute(4, () => encoder.raw([1, 2, 3, 4]));
  });
  assertBytes(
    request,
    "24000000 0203 0100 00000000 00000000  000001f4  0500 0300 01 000000  0800 0400 01020304",
  );
});
