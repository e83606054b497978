/** The names of what `doctor` creates, so that a later run finds what a killed one has left. */

/** The label of its containers, images and volumes: they belong to no runner. */
export const checkInstanceId = 'doctor';
export const checkJobPrefix = 'plan42-doctor-';
export const checkImagePrefix = 'localhost/plan42-doctor:';
/** Followed by random characters. */
export const checkFolderPrefix = '.plan42-doctor-';
/** Longer than it runs. Its age alone tells what a killed one has left from what a running one uses. */
export const checkLifetimeMs = 5 * 60_000;
