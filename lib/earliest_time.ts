/** Unix seconds at the start of 2026: a clock that shows less was never set. */
export const EARLIEST_TIME = 1_767_225_600;
