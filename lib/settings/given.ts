import { type Part, SettingsError } from "./errors.ts";
import type { Option, Slot, Values } from "./option.ts";

/** A value, and where it was given. */
export interface Given<T> {
  readonly value: T;
  /** The option's name, or `fou.local-port at /etc/ipipou/x.toml:3:14`. */
  readonly place: string;
  readonly option: Option;
}

/** The values given by one source, or by several with later ones overriding earlier ones. */
export type GivenValues = { [K in Slot]?: Given<Values[K]> };

/** Stores a value in a slot. */
export type Assign = <K extends Slot>(slot: K, value: Values[K]) => void;

/**
 * Makes the function that stores values of `option` in `given`.
 *
 * @param lastFlagWins whether a flag may override another flag given earlier in the same source
 * @throws {SettingsError} from that function, when another option has filled the slot
 */
export function assignTo(given: GivenValues, option: Option, place: string, lastFlagWins: boolean): Assign {
  return (slot, value) => {
    const earlier = given[slot];
    if (
      earlier !== undefined && earlier.option !== option && !(lastFlagWins && earlier.option.kind === "flag")
    ) {
      throw new SettingsError(
        `Cannot use both ${earlier.place} and ${place}: they set the same value, give one`,
      );
    }
    // The compiler cannot follow a generic key into an assignment.
    Object.assign(given, { [slot]: { value, place, option } satisfies Given<typeof value> });
  };
}

/** The values given for one of several peers. */
export interface GivenPeer {
  readonly name: string;
  /** Where it is named: `name at /etc/ipipou/hub.toml:12:8`, or the path of its own file. */
  readonly place: string;
  readonly given: Readonly<GivenValues>;
}

/** All input: values of the command line and the files. */
export interface Input {
  readonly given: Readonly<GivenValues>;
  /** Null: there is a single peer, described by `given`. */
  readonly peers: readonly GivenPeer[] | null;
  /** Where mistakes were found: what seems to be missing may be what was meant there. */
  readonly unusable: readonly Part[];
}
