/**
 * A pin is a name that a runner adds to an image, so that other runners on the machine see that the image is in use. Only images
 * that a runner pulled are pinned.
 */
const repository = 'localhost/plan42-runner';

/** The name with which this instance pins the image. */
export function pinName(instanceId: string, imageId: string): string {
  return `${repository}:${instanceId}.${imageId.slice(0, 12)}`;
}

/** Whether the name is a pin of any runner. */
export function isPin(name: string): boolean {
  return name.startsWith(`${repository}:`);
}
