import { imageProblem } from '../lib/image-reference.ts';
import { InvalidValue, type Kind, list } from './kinds.ts';

function checked(images: readonly string[]): readonly string[] {
  for (const image of images) {
    const problem = imageProblem(image);
    if (problem !== undefined) throw new InvalidValue(`a list with an invalid image: ${problem}`);
  }
  return images;
}

/** Names of images. */
export const images: Kind<readonly string[]> = {
  ...list,
  fromToml: (value) => checked(list.fromToml(value)),
  fromText: (text) => checked(list.fromText(text)),
};
