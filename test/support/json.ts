/** Parsed JSON of any shape, as `JSON.parse` has it: what a test expects of it is what the test checks. */
export type Json = ReturnType<typeof JSON.parse>;
