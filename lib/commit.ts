/** The commit this was made of, with "-dirty" where files differ from it; the build writes it here. */
export const COMMIT = "unknown";
