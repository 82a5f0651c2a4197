import { Attributes } from "./attributes.ts";
import { NETLINK } from "./descriptors.ts";
import { askKernel } from "./dump.ts";
import { familyRequest, parseFamily } from "./fou_messages.ts";
import { Libc } from "./libc.ts";
import { makeRequest } from "./netlink_encoding.ts";
import { GENERIC_HEADER, type Message, viewOf } from "./netlink_messages.ts";
import { use } from "../lib/use.ts";

const ETHTOOL_GENL_NAME = "ethtool";
const ETHTOOL_GENL_VERSION = 1;
const ETHTOOL_MSG_FEATURES_GET = 11;
const ETHTOOL_A_HEADER_DEV_NAME = 2;
const FEATURES = { header: 1, active: 4 } as const;
const BITSET_BITS = 3;
const BIT = { name: 2 } as const;
/** Lists hold bits of this type. */
const BIT_ITEM = 1;

/** Names of the features of a network device that are on, as `ethtool -k` calls them. @throws {SysError} */
export function listFeatures(device: string): ReadonlySet<string> {
  const name = `the features of ${device}`;
  return use(new Libc(), (libc) =>
    askKernel(libc, NETLINK.generic, name, (asker) => {
      const [family] = asker.ask(familyRequest(ETHTOOL_GENL_NAME), parseFamily);
      const [found] = asker.ask(featuresRequest(family ?? 0, device), parseFeatures);
      return found ?? new Set();
    }));
}

function featuresRequest(family: number, device: string): Uint8Array<ArrayBuffer> {
  return makeRequest(family, 0, [ETHTOOL_MSG_FEATURES_GET, ETHTOOL_GENL_VERSION, 0, 0], (encoder) => {
    encoder.nested(FEATURES.header, () => {
      encoder.attribute(ETHTOOL_A_HEADER_DEV_NAME, () => encoder.string(device));
    });
  });
}

/** Reads which features are on: a list of them without a mask. */
export function parseFeatures({ body }: Message): ReadonlySet<string> {
  const bits = new Attributes(body, GENERIC_HEADER).nested(FEATURES.active).nested(BITSET_BITS).each(
    BIT_ITEM,
  );
  return new Set(bits.flatMap((bit) => new Attributes(viewOf(bit), 0).text(BIT.name) ?? []));
}
