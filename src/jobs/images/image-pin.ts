/**
 * A hold is a name that a runner gives to an image, so that other runners of the machine see that it needs it. Only images that
 * a runner has pulled get one.
 */
const repository = 'localhost/plan42-runner';

/** The name by which this instance holds the image. */
export function pinName(instanceId: string, imageId: string): string {
  return `${repository}:${instanceId}.${imageId.slice(0, 12)}`;
}

/** Whether a runner, whichever, holds an image by this name. */
export function isPin(name: string): boolean {
  return name.startsWith(`${repository}:`);
}
