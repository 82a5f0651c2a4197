import { SettingsError } from "./errors.ts";
import type { Option, Slot, Values } from "./option.ts";

/** One value as it was given. */
export interface Given<T> {
  readonly value: T;
  /** The option's name, or `fou.local-port at /etc/ipipou/x.toml:3:14`. */
  readonly place: string;
  readonly option: Option;
}

/** What one source gave, or several with the later ones over the earlier. */
export type GivenValues = { [K in Slot]?: Given<Values[K]> };

/** Takes one value for one slot. */
export type Assign = <K extends Slot>(slot: K, value: Values[K]) => void;

/**
 * Makes the function that puts values of `option` into `given`.
 *
 * @param lastFlagWins whether a flag may turn around what another flag said before in the same source
 * @throws {SettingsError} from that function, when another option filled the slot already
 */
export function assignTo(given: GivenValues, option: Option, place: string, lastFlagWins: boolean): Assign {
  return (slot, value) => {
    const earlier = given[slot];
    if (
      earlier !== undefined && earlier.option !== option && !(lastFlagWins && earlier.option.kind === "flag")
    ) {
      throw new SettingsError(`Cannot take both ${earlier.place} and ${place}: they set the same, give one`);
    }
    // The compiler cannot follow a generic key into an assignment.
    Object.assign(given, { [slot]: { value, place, option } satisfies Given<typeof value> });
  };
}

/** What one of several peers was given. */
export interface GivenPeer {
  readonly name: string;
  /** Where its name is: `name at /etc/ipipou/hub.toml:12:8`, or its own file. */
  readonly place: string;
  readonly given: Readonly<GivenValues>;
}

/** Everything that was said. */
export interface Input {
  readonly given: Readonly<GivenValues>;
  /** Null: `given` describes the only one. */
  readonly peers: readonly GivenPeer[] | null;
}
