/** Headers by which our runner says who it is, in lower case. Other servers ignore them. */

/** The instance ID of the runner, which it keeps across restarts. */
export const instanceHeader = 'plan42-instance';
