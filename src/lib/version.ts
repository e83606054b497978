declare const PLAN42_VERSION: string | undefined;

/** Set by the build; code that runs from its source is `dev`. */
export const version: string = typeof PLAN42_VERSION === 'string' ? PLAN42_VERSION : 'dev';
