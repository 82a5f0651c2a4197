import { Attributes } from "./attributes.ts";
import { NETLINK } from "./descriptors.ts";
import { askKernel } from "./dump.ts";
import { familyRequest, parseFamily } from "./fou_messages.ts";
import { Libc } from "./libc.ts";
import { makeRequest } from "./netlink_encoding.ts";
import { GENERIC_HEADER, type Message, viewOf } from "./netlink_messages.ts";
import type { DeviceFeatures } from "../lib/doctor_ports.ts";
import { use } from "../lib/use.ts";

const ETHTOOL_GENL_NAME = "ethtool";
const ETHTOOL_GENL_VERSION = 1;
const ETHTOOL_MSG_FEATURES_GET = 11;
const ETHTOOL_A_HEADER_DEV_NAME = 2;
const FEATURES = { header: 1, hardware: 2, active: 4 } as const;
const BITSET_BITS = 3;
const BIT = { name: 2, isSet: 3 } as const;
/** Lists hold bits of this type. */
const BIT_ITEM = 1;

/** Asks which features a network device has. @throws {SysError} */
export function listFeatures(device: string): DeviceFeatures {
  const name = `the features of ${device}`;
  return use(new Libc(), (libc) =>
    askKernel(libc, NETLINK.generic, name, (asker) => {
      const [family] = asker.ask(familyRequest(ETHTOOL_GENL_NAME), parseFamily);
      const [found] = asker.ask(featuresRequest(family ?? 0, device), parseFeatures);
      return found ?? { on: new Set(), changeable: new Set() };
    }));
}

function featuresRequest(family: number, device: string): Uint8Array<ArrayBuffer> {
  return makeRequest(family, 0, [ETHTOOL_MSG_FEATURES_GET, ETHTOOL_GENL_VERSION, 0, 0], (encoder) => {
    encoder.nested(FEATURES.header, () => {
      encoder.attribute(ETHTOOL_A_HEADER_DEV_NAME, () => encoder.string(device));
    });
  });
}

/** Reads a list of those that are on, and one of all with a mark at those that can be changed. */
export function parseFeatures({ body }: Message): DeviceFeatures {
  const features = new Attributes(body, GENERIC_HEADER);
  const bitsOf = (type: number) =>
    features.nested(type).nested(BITSET_BITS).each(BIT_ITEM).map((bit) => new Attributes(viewOf(bit), 0));
  const namesOf = (bits: Attributes[]) => new Set(bits.flatMap((bit) => bit.text(BIT.name) ?? []));
  return {
    on: namesOf(bitsOf(FEATURES.active)),
    changeable: namesOf(bitsOf(FEATURES.hardware).filter((bit) => bit.bytes(BIT.isSet) !== undefined)),
  };
}
