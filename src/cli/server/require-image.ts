import { ExitCode, UserError } from '../../lib/errors.ts';
import { imageProblem } from '../../lib/image-reference.ts';

/** @throws UserError if the text of an option is not an image */
export function requireImage(image: string): void {
  const problem = imageProblem(image);
  if (problem === undefined) return;
  const remedy = 'Give an image such as registry.example.com/team/agent:1.0.';
  throw new UserError(problem, { remedy, exitCode: ExitCode.usage });
}
